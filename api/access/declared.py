"""What the endpoints' declarations say about access, gathered: which permissions there are, the built-in roles, and the
default of each policy. It is written to the database when the API starts, so that a plugin's types have theirs, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from psycopg2.extras import Json

from api.access.policies import default_statements
from api.access.visibility import SCOPING
from api.endpoints import ADMIN, ANY_USER, ANYONE, Endpoint, Operation
from pulp_actor.db import database, transaction
from pulp_actor.identifiers import ResourceType, uuid7
from pulp_actor.security.accounts import SQL
from pulp_actor.security.permissions import permission_name

#: Key of the advisory lock under which one process at a time writes.
_LOCK = 0x70756C70_726F6C65


_endpoints: list[Endpoint] = []


def know(endpoints: Sequence[Endpoint]) -> None:
    """Answer about these endpoints from now on: those that this process serves."""
    _endpoints[:] = endpoints
    for one in (known_permissions, _default_policies):
        one.cache_clear()


@cache
def known_permissions() -> frozenset[str]:
    """Every permission that there is in this process."""
    return frozenset(permissions(_endpoints))


@cache
def _default_policies() -> dict[str, dict[str, Any]]:
    return policies(_endpoints)


def default_policy(name: str) -> dict[str, Any] | None:
    """The columns of a policy as they follow from the declarations; None for an endpoint that there is no more."""
    return _default_policies().get(name)


def operations_of(name: str) -> list[Operation]:
    """The operations that the policy called ``name`` decides about."""
    return [operation for endpoint in _endpoints if endpoint.viewset_name == name for operation in endpoint.operations]


def permissions(endpoints: Sequence[Endpoint]) -> set[str]:
    """Every permission that an operation asks for or a built-in role gives."""
    asked = {endpoint.permission_of(one) for endpoint in endpoints for one in endpoint.operations}
    given = {name for names in roles(endpoints).values() for name in names}
    return (asked | given) - {ANYONE, ANY_USER, ADMIN}


def permissions_of(endpoints: Sequence[Endpoint], resource: ResourceType) -> set[str]:
    """The permissions that there are on objects of one type, and on what is inside them."""
    return {name for endpoint in endpoints if endpoint.guarded == resource for name in endpoint.permissions}


def roles(endpoints: Sequence[Endpoint]) -> dict[str, list[str]]:
    """The built-in roles and their permissions: for each type its creator, who makes new ones; its viewer; its owner, who
    may do everything with what there is; and those that a declaration adds."""
    found: dict[str, list[str]] = {}
    for resource in {one.guarded.prn: one.guarded for one in endpoints if one.guarded is not None}.values():
        every = permissions_of(endpoints, resource)
        add, view = permission_name(resource, "add"), permission_name(resource, "view")
        for suffix, names in (("creator", every & {add}), ("viewer", every & {view}), ("owner", every - {add})):
            if names:
                found[f"{resource.prn}_{suffix}"] = sorted(names)
    for endpoint in endpoints:
        for suffix, verbs in endpoint.roles.items():
            assert endpoint.resource is not None
            found[f"{endpoint.resource.prn}_{suffix}"] = sorted(permission_name(endpoint.resource, v) for v in verbs)
    return found


def policies(endpoints: Sequence[Endpoint]) -> dict[str, dict[str, Any]]:
    """The default of each endpoint's access policy, by the policy's name."""
    found: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        makes = any(one.action == "create" for one in endpoint.operations)
        policy = found.setdefault(endpoint.viewset_name, {"statements": [], "creation_hooks": [], "queryset_scoping": {}})
        policy["statements"] += default_statements(endpoint)
        policy["creation_hooks"] += _owned_by_creator(endpoint.resource) if makes and endpoint.resource else []
        policy["queryset_scoping"] = {"function": SCOPING} if endpoint.families else policy["queryset_scoping"]
    return found


def _owned_by_creator(resource: ResourceType) -> list[dict[str, Any]]:
    return [{"function": "add_roles_for_object_creator", "parameters": {"roles": [f"{resource.prn}_owner"]}}]


def write(endpoints: Sequence[Endpoint]) -> None:
    """Write roles and policies to the database where they are not there already. Roles that nothing declares any more stay:
    a server with more plugins may know them."""
    with transaction():
        database.execute_sql("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        for name, names in roles(endpoints).items():
            description = f"Built in: {', '.join(one.partition('.')[2].rpartition('_')[0] for one in names)}."
            database.execute_sql(SQL.write_role, {
                "id": str(uuid7()), "name": name, "description": description, "permissions": names})
        for name, policy in policies(endpoints).items():
            database.execute_sql(SQL.write_policy, {
                "id": str(uuid7()), "name": name, "statements": Json(policy["statements"]),
                "hooks": Json(policy["creation_hooks"]), "scoping": Json(policy["queryset_scoping"])})
