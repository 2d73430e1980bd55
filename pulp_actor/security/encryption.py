"""Field encryption under a keyring that can be rotated.

The keyring is a file of Fernet keys (https://github.com/fernet/spec), one a line, newest first: the first encrypts,
all decrypt. It is made, readable by its owner only, when there is none. A process sees at its next use that the file has
changed, so that keys can be rotated while everything runs.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import tempfile
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from pulp_actor.errors import ConfigurationError, PulpActorError
from pulp_actor.settings import settings


class Unreadable(PulpActorError):
    """A secret that none of the keys in the keyring opens. ``field``: which one, where that is known."""

    def __init__(self, field: str = "") -> None:
        self.field = field
        super().__init__(f"{field or 'a secret'} was written under a key that is not in the keyring; give it anew")


class KeyringMissing(ConfigurationError):
    """There is no file of keys, or none in it that can be used."""


class Keyring:
    """Encrypts and decrypts bytes; reads its file on first use, and again when it has changed."""

    def __init__(self) -> None:
        self._fernets: list[Fernet] = []
        self._read_from: tuple[Path, int, int] | None = None

    @property
    def path(self) -> Path:
        configured = settings.DB_ENCRYPTION_KEY
        return Path(configured) if configured else settings.data_dir / "keys" / "database.key"

    def encrypt(self, plain: bytes) -> bytes:
        return self._keys()[0].encrypt(plain)

    def decrypt(self, token: bytes) -> bytes:
        """Raises Unreadable when no key fits."""
        try:
            return MultiFernet(self._keys()).decrypt(token)
        except InvalidToken:
            raise Unreadable from None

    def renew(self, token: bytes) -> bytes | None:
        """What ``token`` holds, under the newest key; None if it is under that one already. Raises Unreadable."""
        newest, *older = self._keys()
        try:
            newest.decrypt(token)
        except InvalidToken:
            if not older:
                raise Unreadable from None
        else:
            return None
        try:
            return newest.encrypt(MultiFernet(older).decrypt(token))
        except InvalidToken:
            raise Unreadable from None

    def derive(self, purpose: bytes) -> list[bytes]:
        """A key of 32 bytes for ``purpose`` from each key of the keyring, newest first."""
        return [hmac.digest(line, purpose, hashlib.sha256) for line in self._lines()]

    def create(self) -> None:
        """Make the key file with one new key, unless it exists. Several processes may try at once."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            fd = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        except FileExistsError:
            return
        with os.fdopen(fd, "wb") as file:
            file.write(Fernet.generate_key() + b"\n")

    def add_key(self) -> None:
        """Put a new key in front: it encrypts from now on."""
        self._write([Fernet.generate_key(), *self._lines()])

    def drop_old_keys(self) -> int:
        """Keep the newest key only; returns how many went. What is under another one is lost."""
        lines = self._lines()
        self._write(lines[:1])
        return len(lines) - 1

    def forget(self) -> None:
        """Read the file again on next use."""
        self._read_from = None

    def _write(self, lines: list[bytes]) -> None:
        """Put another file in the place of the old one, in one step and for good: half a keyring is no keyring."""
        descriptor, name = tempfile.mkstemp(dir=self.path.parent, prefix=".keyring-")  # made with mode 0600
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(b"".join(line + b"\n" for line in lines))
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, self.path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    def _lines(self) -> list[bytes]:
        try:
            return self.path.read_bytes().split()
        except OSError as error:
            raise KeyringMissing(f"cannot read the encryption key {self.path}: {error.strerror}") from None

    def _keys(self) -> list[Fernet]:
        """The keys, newest first; at least one. Raises KeyringMissing."""
        path = self.path
        try:
            found = path.stat()
        except OSError as error:
            raise KeyringMissing(f"cannot read the encryption key {path}: {error.strerror}") from None
        state = (path, found.st_ino, found.st_mtime_ns)
        if state != self._read_from:
            try:
                fernets = [Fernet(line) for line in self._lines()]
            except ValueError as error:
                raise KeyringMissing(f"{path} holds no usable key: {error}") from None
            if not fernets:
                raise KeyringMissing(f"{path} holds no key")
            self._fernets, self._read_from = fernets, state
        return self._fernets


keyring = Keyring()
