"""Sessions: a login that a cookie carries on. The cookie's value is random and only its SHA-256 is stored; a session ends
with its time, with a logout, and when its user's password is another one.

Against forged requests (CSRF) each session has a token that is derived from the cookie's value: a page of ours reads it from
a second cookie and sends it as a header, which a page of somebody else's can do neither of.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import secrets
from dataclasses import replace

from pulp_actor.db import transaction
from pulp_actor.models import Session, User
from pulp_actor.models.base import utcnow
from pulp_actor.security.accounts import Account, accounts
from pulp_actor.settings import settings

_CSRF = b"cross-site request forgery"


def begin(user: int, *, instead_of: str | None = None) -> str:
    """The value of a new session's cookie. It is always a new one (a value that somebody has planted is worth nothing), and
    the session ``instead_of`` ends; so do those of this user whose time is over."""
    value = secrets.token_urlsafe(32)
    now = utcnow()
    with transaction():
        stored = User.select(User.password).where(User.id == user).get().password
        Session.delete().where(Session.expires <= now).execute()
        if instead_of is not None:
            end(instead_of)
        Session.create(
            digest=_digest(value), user=user, password_mark=_mark(stored),
            expires=now + datetime.timedelta(seconds=settings.SESSION_LIFETIME))
        User.update(last_login=now).where(User.id == user).execute()
    return value


def account_of(value: str) -> Account | None:
    """The active user whose session this is; None if there is none, or it is over."""
    row = Session.get_or_none(Session.digest == _digest(value))
    if row is None or row.expires <= utcnow():
        return None
    account = accounts.find_by_key(row.user_id)  # type: ignore[attr-defined]
    if account is None or not account.is_active:
        return None
    if not hmac.compare_digest(bytes(row.password_mark), _mark(account.password)):
        return None
    return replace(account, via="session")


def end(value: str) -> None:
    """End a session; one that has ended is no error."""
    Session.delete().where(Session.digest == _digest(value)).execute()


def csrf_token(value: str) -> str:
    """The token that goes with a session's cookie."""
    return hmac.new(value.encode(), _CSRF, hashlib.sha256).hexdigest()


def is_csrf_token(value: str, token: str) -> bool:
    """Whether ``token`` goes with the session's cookie. Takes as long for any wrong one."""
    return hmac.compare_digest(csrf_token(value).encode(), token.encode("utf-8", "surrogateescape"))


def _digest(value: str) -> bytes:
    return hashlib.sha256(value.encode("utf-8", "surrogateescape")).digest()


def _mark(stored: str) -> bytes:
    return hashlib.sha256(stored.encode()).digest()
