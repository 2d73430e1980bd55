"""Who asks: HTTP Basic credentials, checked against the users' password hashes, and what they are allowed to do."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

import falcon

from api.endpoints import ANY_USER, ANYONE, Endpoint, Operation
from pulp_actor.db import database
from pulp_actor.security.passwords import VerifiedPasswords

CHALLENGE = 'Basic realm="api"'

_ACCOUNT = "SELECT id, username, password, is_superuser, is_active FROM app_user WHERE username = %s"
_passwords = VerifiedPasswords()


@dataclass(frozen=True)
class Account:
    """The user who asks."""

    id: int
    username: str
    is_superuser: bool


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
    row = database.execute_sql(_ACCOUNT, (username,)).fetchone()
    if not _passwords.verify(password, row[2] if row else None) or not row[4]:
        raise _refuse("The user name or the password is wrong.")
    return Account(row[0], row[1], row[3])


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
