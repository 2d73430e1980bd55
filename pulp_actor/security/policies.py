"""Access policies as they are stored: what somebody has customized of them, and the creation hooks, which are run here. A
hook is named in a policy and looked up in a table; nothing is imported by a name from data. Must never know a request; what
statements mean is the API's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from peewee import Model

from pulp_actor.db import database
from pulp_actor.db.listen import ListenHub
from pulp_actor.db.remembered import Remembered
from pulp_actor.identifiers import ResourceType, registry
from pulp_actor.models import DetailContent
from pulp_actor.queue import current_task
from pulp_actor.security.accounts import CHANNEL, NOBODY, SQL, current_account
from pulp_actor.security.permissions import give_roles


@dataclass(frozen=True)
class Customized:
    """What somebody has made of an endpoint's policy."""

    statements: Sequence[Mapping[str, Any]]
    queryset_scoping: Mapping[str, Any]


def _ask_customized(_all: None) -> dict[str, Customized]:
    rows = database.execute_sql(SQL.customized_policies).fetchall()
    return {name: Customized(*parts) for name, *parts in rows}


def _ask_hooks(path: str) -> list[Mapping[str, Any]]:
    row = database.execute_sql(SQL.creation_hooks, (path,)).fetchone()
    return [] if row is None else row[0]


_customized: Remembered[None, dict[str, Customized]] = Remembered(CHANNEL, _ask_customized)
_hooks: Remembered[str, list[Mapping[str, Any]]] = Remembered(CHANNEL, _ask_hooks)


def listen(hub: ListenHub) -> None:
    """Remember policies from now on, for as long as ``hub`` hears of their changes."""
    _customized.listen(hub)
    _hooks.listen(hub)


def customized() -> Mapping[str, Customized]:
    """The customized policies by the names of their endpoints."""
    return _customized.get(None) or {}


# --- creation hooks ----------------------------------------------------------------------------------------------------

def _for_creator(resource: ResourceType, key: Any, parameters: Mapping[str, Any]) -> None:
    creator = creator_key()
    if creator is not None:
        give_roles(resource, key, names(parameters.get("roles")), creator=creator)


def _for_users(resource: ResourceType, key: Any, parameters: Mapping[str, Any]) -> None:
    give_roles(resource, key, names(parameters.get("roles")), users=names(parameters.get("users")))


def _for_groups(resource: ResourceType, key: Any, parameters: Mapping[str, Any]) -> None:
    give_roles(resource, key, names(parameters.get("roles")), groups=names(parameters.get("groups")))


#: What a policy can have done to each new object.
HOOKS: Mapping[str, Callable[[ResourceType, Any, Mapping[str, Any]], None]] = {
    "add_roles_for_object_creator": _for_creator, "add_roles_for_users": _for_users, "add_roles_for_groups": _for_groups,
}


def object_created(row: Model) -> None:
    """Give the roles on a new object that the creation hooks of its endpoint's policy say: in the transaction that makes
    it, in a request as well as in a task, where the creator is whoever asked for the task."""
    if isinstance(row, DetailContent):
        return  # content has no roles; it is seen in the repositories that hold it
    resource = registry.of(row)
    for hook in _hooks.get(resource.path) or ():
        HOOKS[hook["function"]](resource, row.get_id(), hook.get("parameters") or {})


def creator_key() -> int | None:
    """The key of the user on whose behalf this thread works: whoever asked for the task, or makes the request."""
    account = current_account.get()
    return current_task().created_by or (None if account in (None, NOBODY) else account.id)


def names(value: Any) -> list[str]:
    """One name, or a list of them, as a list."""
    return [value] if isinstance(value, str) else list(value or ())
