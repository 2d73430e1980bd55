"""Who asks: HTTP Basic credentials, checked against the users' password hashes, and what they are allowed to do."""

from __future__ import annotations

import base64
import binascii
import threading
from dataclasses import dataclass

import falcon

from api.endpoints import ANY_USER, ANYONE, Endpoint, Operation
from pulp_actor.db import database
from pulp_actor.db.listen import ListenHub
from pulp_actor.security.passwords import VerifiedPasswords

CHALLENGE = 'Basic realm="api"'

#: Notified by a trigger when any user changes.
CHANNEL = "pulp_users_changed"

#: Most users that are remembered.
REMEMBERED = 1024

_ACCOUNT = "SELECT id, username, is_superuser, is_active, password FROM app_user WHERE username = %s"


@dataclass(frozen=True)
class Account:
    """The user who asks."""

    id: int
    username: str
    is_superuser: bool
    is_active: bool
    password: str


class Accounts:
    """Finds users by name. While the process hears of changes, it remembers them until it hears of one: without a hub, or
    while the hub has lost its connection, each is read anew."""

    def __init__(self) -> None:
        self._hub: ListenHub | None = None
        self._known: dict[str, Account] = {}
        self._lock = threading.Lock()
        self._changes = 0

    def listen(self, hub: ListenHub) -> None:
        """Remember users from now on, for as long as ``hub`` is connected."""
        hub.subscribe(CHANNEL, self._forget)
        self._hub = hub

    def find(self, username: str) -> Account | None:
        """The user of that name. A connection must be open."""
        hears = self._hub is not None and self._hub.connected.is_set()
        if hears and (known := self._known.get(username)) is not None:
            return known
        before = self._changes
        row = database.execute_sql(_ACCOUNT, (username,)).fetchone()
        if row is None:
            return None
        account = Account(*row)
        if hears:
            with self._lock:
                if self._changes == before:  # else it may have been read before the change that we heard of
                    if len(self._known) >= REMEMBERED:
                        self._known.clear()
                    self._known[username] = account
        return account

    def _forget(self, _payload: str | None) -> None:
        with self._lock:
            self._changes += 1
            self._known.clear()


accounts = Accounts()
_passwords = VerifiedPasswords()


def _refuse(why: str) -> falcon.HTTPUnauthorized:
    return falcon.HTTPUnauthorized(description=why, challenges=[CHALLENGE])


def authenticate(request: falcon.Request) -> Account | None:
    """The user whom the request's credentials name; None without credentials. A connection must be open.

    Raises:
        falcon.HTTPUnauthorized: the credentials are wrong or cannot be read.
    """
    header = request.auth
    if not header:
        return None
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        username, colon, password = base64.b64decode(token.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise _refuse("The credentials cannot be read.") from None
    if not colon or "\0" in username:
        raise _refuse("The credentials cannot be read.")
    account = accounts.find(username)
    if not _passwords.verify(password, account.password if account else None) or account is None:
        raise _refuse("The user name or the password is wrong.")
    if not account.is_active:
        raise _refuse("The user name or the password is wrong.")
    return account


def authorize(account: Account | None, endpoint: Endpoint, operation: Operation) -> None:
    """Let the request pass, or not.

    Raises:
        falcon.HTTPUnauthorized: credentials are needed.
        falcon.HTTPForbidden: this user may not do this.
    """
    permission = endpoint.permission_of(operation)
    if permission == ANYONE:
        return
    if account is None:
        raise _refuse("Credentials are needed here.")
    if permission != ANY_USER and not account.is_superuser:
        raise falcon.HTTPForbidden(description=f"This needs the permission {permission}, which you do not have.")
