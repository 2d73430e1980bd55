"""Encrypts messages at rest, under the platform's keyring. A message that a stock producer sent is plain JSON."""

from __future__ import annotations

from pulp_actor.security.encryption import keyring
from pulp_actor.security.secrets import EncryptedColumn, register_column

register_column(EncryptedColumn("task", "message", text=True))


class Encrypted:
    """A `Codec` over `pulp_actor.security.encryption.keyring`."""

    def encode(self, text: str) -> str:
        return keyring.encrypt(text.encode()).decode("ascii")

    def decode(self, text: str) -> str:
        return text if text.startswith("{") else keyring.decrypt(text.encode("ascii")).decode()
