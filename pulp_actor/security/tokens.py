"""Personal access tokens: made for programs that act for a user, with an end and perhaps a narrower scope.

A token reads ``pat_<key>_<secret>``; the secret has 256 random bits, of which only the SHA-256 is stored: what cannot be
guessed needs no slow hash.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from pulp_actor.db import database
from pulp_actor.identifiers import uuid7
from pulp_actor.models import AccessToken
from pulp_actor.models.base import utcnow
from pulp_actor.security.accounts import Account, accounts

_FORM = re.compile(r"^pat_(?P<key>[0-9a-f]{32})_(?P<secret>[\w-]{43})$", re.ASCII)
#: Compared with when there is no such token, so that both cases take the same time.
_DECOY = hashlib.sha256(b"no token").digest()
#: Seconds between two notes of when a token was used.
USE_NOTED_EVERY = 60

_FIND = """
SELECT user_id, digest, scope, expires <= now(), last_used IS NULL OR last_used < now() - make_interval(secs => %s)
FROM access_token WHERE id = %s"""


def is_token(text: str) -> bool:
    """Whether a text has the form of a token."""
    return _FORM.match(text) is not None


def make_token(
    user: int, name: str, *, expires: datetime.datetime | None = None, scope: Sequence[str] | None = None,
) -> tuple[AccessToken, str]:
    """A new token of a user: its row, and its text, which cannot be had again.

    Parameters:
        name: what the user calls it; no other token of theirs has it.
        scope: patterns of the permissions it is limited to (``file.view_*``); None: all that the user may do.
    """
    key, secret = uuid7(), secrets.token_urlsafe(32)
    row = AccessToken.create(
        id=key, user=user, name=name, digest=_digest(secret), expires=expires, scope=None if scope is None else list(scope))
    return row, f"pat_{key.hex}_{secret}"


def account_of(text: str) -> Account | None:
    """The user whose token this is, limited to the token's scope; None if it is unknown or over."""
    match = _FORM.match(text)
    row = None if match is None else database.execute_sql(_FIND, (USE_NOTED_EVERY, str(UUID(match["key"])))).fetchone()
    user, digest, scope, over, unnoted = row or (0, _DECOY, None, True, False)
    right = hmac.compare_digest(bytes(digest), _digest(match["secret"] if match else ""))
    if not right or over or match is None:
        return None
    account = accounts.find_by_key(user)
    if unnoted:
        AccessToken.update(last_used=utcnow()).where(AccessToken.id == UUID(match["key"])).execute()
    return None if account is None else replace(account, scope=None if scope is None else tuple(scope), via="token")


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
