"""What a running platform leaves in ``<data dir>/run`` for other commands to find, and the lock that keeps it alone there.

``connection.json`` is there while the platform runs, ``lock`` always; both can be read by their owner only.
"""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from pulp_actor.errors import ConfigurationError


@dataclass(frozen=True)
class Facts:
    """Where a running platform is, and how to speak to it.

    Attributes:
        pid: of the process that keeps it running; ends the platform on SIGTERM.
        api: base URL of the API, without a path: ``http://127.0.0.1:24817``.
        content: base URL of the content server.
        database_url: the database's URL.
        username: the admin user's name.
        password: the admin user's password as far as it is known here, else empty.
        settings: those that whoever speaks to its database directly must share, by name.
    """

    pid: int
    api: str
    content: str
    database_url: str
    username: str
    password: str
    settings: dict[str, Any] = field(default_factory=dict)


class RunDir:
    """The folder ``run`` of a data directory."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.path = data_dir / "run"
        self._facts = self.path / "connection.json"
        self._lock: IO[str] | None = None

    def claim(self) -> None:
        """Make the data directory if need be, and keep other platforms out of it for as long as this process lives.

        Raises:
            ConfigurationError: it cannot be written to, or another platform runs in it.
        """
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.path.mkdir(exist_ok=True, mode=0o700)
            with tempfile.TemporaryFile(dir=self.data_dir) as probe:
                probe.write(b"can be written to")
            self._lock = (self.path / "lock").open("a+")
        except OSError as error:
            reason = error.strerror or str(error)
            raise ConfigurationError(f"cannot write to the data directory {self.data_dir}: {reason}") from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock = None
            facts = self.read()
            where = f" (process {facts.pid}, {facts.api})" if facts else ""
            raise ConfigurationError(f"a platform runs in {self.data_dir} already{where}") from None
        self._facts.unlink(missing_ok=True)

    def release(self) -> None:
        """Let another platform in."""
        if self._lock is not None:
            self._facts.unlink(missing_ok=True)
            self._lock.close()
            self._lock = None

    def write(self, facts: Facts) -> None:
        """Tell other commands where the platform is."""
        write_private(self._facts, json.dumps(asdict(facts), indent=2) + "\n")

    def read(self) -> Facts | None:
        """Where the platform is, if it said so."""
        try:
            return Facts(**json.loads(self._facts.read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def is_claimed(self) -> bool:
        """True while a platform runs or starts in the data directory."""
        try:
            with (self.path / "lock").open() as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def wait_until_released(self) -> None:
        """Return when the platform that runs in the data directory has stopped."""
        with (self.path / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, all at once."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)
