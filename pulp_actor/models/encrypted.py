"""Text that is stored under the keyring, and opened when it is asked for: a row with a secret that no key opens can be read,
shown, changed and deleted like any other, as long as nobody needs the secret itself."""

from __future__ import annotations

from typing import Any

from peewee import BlobField
from peewee import FieldAccessor as PlainAccessor

from pulp_actor.security.encryption import Unreadable, keyring
from pulp_actor.security.secrets import register_field


class Sealed:
    """A secret as it is stored. Says nothing of itself."""

    __slots__ = ("token",)

    def __init__(self, token: bytes) -> None:
        self.token = token

    def __repr__(self) -> str:
        return "<sealed>"


class _Accessor(PlainAccessor):
    """Opens a secret on first use."""

    def __get__(self, instance: Any, instance_type: Any = None) -> Any:
        value = super().__get__(instance, instance_type)
        if not isinstance(value, Sealed):
            return value
        try:
            plain = instance.__data__[self.name] = keyring.decrypt(value.token).decode()
        except Unreadable:
            raise Unreadable(self.name) from None
        return plain


class EncryptedTextField(BlobField):
    """Text that is stored under the keyring; None stays NULL. Its column is part of every rotation of the key.

    Reading the attribute of a row raises `Unreadable`, with the field's name, where no key opens it.
    """

    accessor_class = _Accessor

    def bind(self, model: Any, name: str, set_attribute: bool = True) -> None:
        super().bind(model, name, set_attribute)
        register_field(self)

    def db_value(self, value: Any) -> Any:
        if value is None:
            return None
        return super().db_value(value.token if isinstance(value, Sealed) else keyring.encrypt(value.encode()))

    def python_value(self, value: Any) -> Sealed | None:
        return None if value is None else Sealed(bytes(value))
