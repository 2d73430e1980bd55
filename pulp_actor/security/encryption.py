"""Field encryption under a keyring that can be rotated.

The keyring is a file of Fernet keys (https://github.com/fernet/spec), one a line, newest first: the first encrypts,
all decrypt. It is made, readable by its owner only, when there is none.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from pulp_actor.errors import ConfigurationError, PulpActorError
from pulp_actor.settings import settings


class Unreadable(PulpActorError):
    """A secret that none of the keys in the keyring opens."""


class Keyring:
    """Encrypts and decrypts bytes; reads its file on first use."""

    def __init__(self) -> None:
        self._fernet: MultiFernet | None = None

    @property
    def path(self) -> Path:
        configured = settings.DB_ENCRYPTION_KEY
        return Path(configured) if configured else settings.data_dir / "keys" / "database.key"

    def encrypt(self, plain: bytes) -> bytes:
        return self._keys().encrypt(plain)

    def decrypt(self, token: bytes) -> bytes:
        """Raises Unreadable when no key fits."""
        try:
            return self._keys().decrypt(token)
        except InvalidToken:
            raise Unreadable("this secret was written under a key that is not in the keyring") from None

    def derive(self, purpose: bytes) -> list[bytes]:
        """A key of 32 bytes for ``purpose`` from each key of the keyring, newest first."""
        return [hmac.digest(line, purpose, hashlib.sha256) for line in self.path.read_bytes().split()]

    def create(self) -> None:
        """Make the key file with one new key, unless it exists. Several processes may try at once."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            fd = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        except FileExistsError:
            return
        with os.fdopen(fd, "wb") as file:
            file.write(Fernet.generate_key() + b"\n")

    def forget(self) -> None:
        """Read the file again on next use."""
        self._fernet = None

    def _keys(self) -> MultiFernet:
        if self._fernet is None:
            try:
                lines = self.path.read_bytes().split()
            except OSError as error:
                raise ConfigurationError(f"cannot read the encryption key {self.path}: {error.strerror}") from None
            try:
                self._fernet = MultiFernet([Fernet(line) for line in lines])
            except ValueError as error:
                raise ConfigurationError(f"{self.path} holds no usable key: {error}") from None
        return self._fernet


keyring = Keyring()
