"""Users for whom somebody else vouches: a proxy in front, or an OpenID Connect issuer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from pulp_actor.db import transaction
from pulp_actor.models import User
from pulp_actor.security.accounts import Account, accounts
from pulp_actor.security.authentication import BadCredentials
from pulp_actor.settings import settings

_NAME = re.compile(r"[\w.@+-]{1,150}")


def vouched_account(username: str, *, via: str, groups: Sequence[str] = ()) -> Account:
    """The active user of that name, made if need be and the setting ``CREATE_VOUCHED_USERS`` allows it; for as long as the
    request takes also a member of ``groups`` (names).

    Raises:
        BadCredentials: there is no such user, and none is made.
    """
    if not _NAME.fullmatch(username):
        raise BadCredentials("This is no user name.")
    account = accounts.find(username, groups)
    if account is None and settings.CREATE_VOUCHED_USERS:
        with transaction():
            User.insert(username=username).on_conflict_ignore().execute()
        account = accounts.find(username, groups)
    if account is None or not account.is_active:
        raise BadCredentials("There is no such user.")
    return replace(account, via=via)
