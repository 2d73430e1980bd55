"""Who there is: users with their groups and with what they may do everywhere or in a domain, found by name or key and
remembered for as long as the process hears of changes. Must never know how somebody has proved to be that user.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any
from uuid import UUID

from pulp_actor.db import database, load_queries
from pulp_actor.db.listen import ListenHub
from pulp_actor.db.remembered import Remembered

SQL = load_queries("pulp_actor.security", "permissions.sql")

#: Notified by triggers when a user, a membership, a role, a policy or a role that is not on one object changes.
CHANNEL = "pulp_users_changed"


@dataclass(frozen=True)
class Account:
    """The user who asks.

    Attributes:
        password: the stored hash; empty: no login by password.
        groups: names of the user's groups, by their keys.
        grants: permission -> the domains in which the user has it on all objects; None among them: everywhere.
        scope: patterns of the permissions that the credential is limited to; None: it is not.
        via: how the user has proved to be that user: ``password``, ``session``, ``token``, ``oidc``, ``remote user``.
    """

    id: int
    username: str
    is_superuser: bool
    is_active: bool
    password: str = field(repr=False)
    groups: Mapping[int, str] = field(default_factory=dict)
    grants: Mapping[str, frozenset[UUID | None]] = field(default_factory=dict)
    scope: tuple[str, ...] | None = None
    via: str = "password"

    @property
    def is_unlimited(self) -> bool:
        """May do everything: a superuser whose credential is not limited."""
        return self.is_superuser and self.scope is None

    def in_scope(self, permission: str) -> bool:
        """Whether the credential reaches to this permission."""
        return self.scope is None or any(fnmatchcase(permission, pattern) for pattern in self.scope)

    def holds(self, permission: str, domain: UUID | None = None) -> bool:
        """Whether the user has this permission on every object: of ``domain``, or (None) of all."""
        if not self.in_scope(permission):
            return False
        if self.is_superuser:
            return True
        where = self.grants.get(permission, ())
        return None in where or (domain is not None and domain in where)


#: Whoever has not said who they are. They have no roles, and see what a user without roles sees.
NOBODY = Account(0, "", is_superuser=False, is_active=False, password="")

#: The user on whose behalf this thread works; None: the platform itself, which sees everything.
current_account: ContextVar[Account | None] = ContextVar("current_account", default=None)


class Accounts:
    """Finds users. While the process hears of changes, it remembers them until it hears of one: without a hub, or while the
    hub has lost its connection, each is read anew."""

    def __init__(self) -> None:
        self._remembered: Remembered[tuple[Any, ...], Account] = Remembered(CHANNEL, lambda who: _read(*who))

    def listen(self, hub: ListenHub) -> None:
        """Remember users from now on, for as long as ``hub`` is connected."""
        self._remembered.listen(hub)

    def find(self, username: str, groups: Sequence[str] = ()) -> Account | None:
        """The user of that name, also taken for a member of ``groups`` (names). A connection must be open."""
        return self._remembered.get((username, None, tuple(groups)))

    def find_by_key(self, key: int) -> Account | None:
        """The user with that key. A connection must be open."""
        return self._remembered.get((None, key, ()))


def _read(username: str | None, key: int | None, groups: Sequence[str]) -> Account | None:
    row = database.execute_sql(SQL.account, {"name": username, "key": key, "more": list(groups)}).fetchone()
    if row is None:
        return None
    number, name, is_superuser, is_active, password, group_keys, group_names, granted = row
    grants: dict[str, set[UUID | None]] = {}
    for one in granted:
        permission, _, domain = one.partition(" ")
        grants.setdefault(permission, set()).add(UUID(domain) if domain else None)
    everywhere = {permission: frozenset(where) for permission, where in grants.items()}
    member_of = dict(zip(group_keys, group_names, strict=True))
    return Account(number, name, is_superuser, is_active, password, member_of, everywhere)


accounts = Accounts()
