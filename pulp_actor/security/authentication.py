"""Checks what an ``Authorization`` header proves: a password (Basic, RFC 7617) or a personal access token (Bearer, RFC 6750,
or as the password of a Basic header whose user is ``__token__``, for clients that know nothing else). API and content server
share it. Every refusal takes as long as it would take with another name, and does not say what was wrong.
"""

from __future__ import annotations

import base64
import binascii

from pulp_actor.errors import PulpActorError
from pulp_actor.security import tokens
from pulp_actor.security.accounts import Account, accounts
from pulp_actor.security.passwords import VerifiedPasswords

#: The user name that goes with a token in a Basic header.
TOKEN_USER = "__token__"

passwords = VerifiedPasswords()


class BadCredentials(PulpActorError):
    """Credentials were given, and prove nothing."""


def authenticate(header: str | None) -> Account | None:
    """The user whom the value of an ``Authorization`` header proves; None if it holds neither password nor token of ours.
    A connection must be open.

    Raises:
        BadCredentials: it proves nothing.
    """
    scheme, _, rest = (header or "").partition(" ")
    if scheme.lower() == "bearer" and tokens.is_token(rest.strip()):
        return by_token(rest.strip())
    if scheme.lower() != "basic":
        return None
    username, password = read_basic(rest)
    if username == TOKEN_USER:
        return by_token(password)
    return by_password(username, password)


def read_basic(text: str) -> tuple[str, str]:
    """User name and password in the credentials of a Basic header. Raises BadCredentials."""
    try:
        username, colon, password = base64.b64decode(text.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise BadCredentials("The credentials cannot be read.") from None
    if not colon or "\0" in username:
        raise BadCredentials("The credentials cannot be read.")
    return username, password


def by_password(username: str, password: str) -> Account:
    """The active user with that name and password. Raises BadCredentials."""
    account = accounts.find(username)
    right = passwords.verify(password, account.password if account else None)
    if not right or account is None or not account.is_active:
        raise BadCredentials("The user name or the password is wrong.")
    return account


def by_token(text: str) -> Account:
    """The active user whose token this is. Raises BadCredentials."""
    account = tokens.account_of(text)
    if account is None or not account.is_active:
        raise BadCredentials("This token is not known, or its time is over.")
    return account
