"""Roles on objects: what every object with roles offers, to see who has which, to give one and to take one away."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import falcon
from peewee import JOIN

from api.call import Answer, Call
from api.endpoints import ANY_USER, Operation
from api.operations import action
from api.schemas.base import WireSchema, refuse
from api.schemas.fields import ListOf, Text
from api.schemas.nested import Object
from pulp_actor.identifiers import ResourceType
from pulp_actor.models import Group, Role, RoleAssignment, User
from pulp_actor.queue.models import Task
from pulp_actor.security.accounts import Account
from pulp_actor.security.permissions import TASK_OWNER, beyond_role, domain_of, give_roles


class NestedRole(WireSchema):
    """A role on an object, and who has it there."""

    wire_name = "NestedRole"
    users = ListOf(Text(), default=[], help="Names of users.")
    groups = ListOf(Text(), default=[], help="Names of groups.")
    role = Text(required=True, help="The role's name.")


class ObjectRoles(WireSchema):
    wire_name = "ObjectRoles"
    roles = Object(NestedRole, many=True, required=True)


class MyPermissions(WireSchema):
    wire_name = "MyPermissions"
    permissions = ListOf(Text(), required=True)


def not_available(call: Call) -> Answer:
    """The answer of an operation that this server does not have: it has understood, and refuses.

    Raises:
        falcon.HTTPForbidden: always.
    """
    raise falcon.HTTPForbidden(description="This server does not offer this operation.")


def _place(call: Call) -> tuple[ResourceType, str]:
    """The object in the path, which is there. Raises NotFound."""
    call.row()
    assert call.endpoint.guarded is not None
    return call.endpoint.guarded, str(call.guarded_key)


def _list_roles(call: Call) -> Answer:
    resource, key = _place(call)
    holders: dict[str, dict[str, set[str]]] = defaultdict(lambda: {"users": set(), "groups": set()})
    held: Any = (
        RoleAssignment.select(Role.name, User.username, Group.name).join(Role)
        .switch(RoleAssignment).join(User, JOIN.LEFT_OUTER).switch(RoleAssignment).join(Group, JOIN.LEFT_OUTER)
        .where(RoleAssignment.object_type == resource.prn, RoleAssignment.object_key == key)
    )
    for role, user, group in held.tuples():
        holders[role]["users" if user is not None else "groups"].add(user if user is not None else group)
    if resource.model is Task:
        asked: Any = User.select(User.username).join(Task, on=Task.created_by == User.id).where(Task.id == key)
        holders[TASK_OWNER]["users"] |= {name for (name,) in asked.tuples()}
    return Answer(200, {"roles": [
        {"role": role, "users": sorted(who["users"]), "groups": sorted(who["groups"])}
        for role, who in sorted(holders.items()) if who["users"] or who["groups"]
    ]})


def _my_permissions(call: Call) -> Answer:
    resource, _ = _place(call)
    assert call.account is not None
    domain = domain_of(resource.model)
    owner = Role.get_or_none(Role.name == f"{resource.prn}_owner")
    known = call.endpoint.permissions.union([] if owner is None else owner.permissions)
    held = [name for name in sorted(known) if call.account.holds(name, domain) or name in call.held]
    return Answer(200, {"permissions": held})


def _add_role(call: Call) -> Answer:
    resource, key = _place(call)
    role, data = _read_role(call)
    if call.endpoint.permissions.isdisjoint(role.permissions):
        raise refuse("role", "No permission of this role is about such an object.")
    refuse_more_than_own(call.account, role.permissions, resource=resource, key=key)
    give_roles(resource, key, [role.name], users=data["users"], groups=data["groups"])
    return Answer(201, data)


def _remove_role(call: Call) -> Answer:
    resource, key = _place(call)
    role, data = _read_role(call)
    RoleAssignment.delete().where(
        RoleAssignment.role == role.id, RoleAssignment.object_type == resource.prn, RoleAssignment.object_key == key,
        RoleAssignment.user.in_(User.select(User.id).where(User.username.in_(data["users"])))
        | RoleAssignment.group.in_(Group.select(Group.id).where(Group.name.in_(data["groups"]))),
    ).execute()
    return Answer(201, data)


def _read_role(call: Call) -> tuple[Role, dict[str, Any]]:
    """The role that a body names, and the body with the names of users and groups that there are."""
    data = call.read(schema=_nested_role)
    if not data["users"] and not data["groups"]:
        raise refuse("non_field_errors", "Users or groups are needed, to have the role.")
    _check_names("users", data["users"], User.username)
    _check_names("groups", data["groups"], Group.name)
    return find_role(data["role"]), {name: data[name] for name in ("users", "groups", "role")}


_nested_role = NestedRole()


def find_role(name: str) -> Role:
    """The role of that name. Raises ValidationError."""
    role = Role.get_or_none(Role.name == name)
    if role is None:
        raise refuse("role", f"There is no role {name!r}.")
    return role


def _check_names(field: str, given: Sequence[str], column: Any) -> None:
    known = {name for (name,) in column.model.select(column).where(column.in_(given)).tuples()}
    unknown = [name for name in given if name not in known]
    if unknown:
        raise refuse(field, f"There is no such name: {', '.join(unknown)}.")


def refuse_more_than_own(account: Account | None, permissions: Sequence[str], **place: Any) -> None:
    """Raises HTTPForbidden if ``permissions`` are more than the user has in the place where they would be given."""
    assert account is not None
    missing = [] if account.is_unlimited else beyond_role(account, permissions, **place)
    if missing:
        raise falcon.HTTPForbidden(
            description=f"You cannot give what you do not have: {', '.join(missing)}.")


def role_operations() -> list[Operation]:
    """``list_roles``, ``my_permissions``, ``add_role`` and ``remove_role`` of an object."""
    return [
        action("list_roles", _list_roles, method="GET", responses={200: ObjectRoles}),
        action("my_permissions", _my_permissions, method="GET", responses={200: MyPermissions}, permission=ANY_USER),
        action("add_role", _add_role, NestedRole, responses={201: NestedRole}),
        action("remove_role", _remove_role, NestedRole, responses={201: NestedRole}),
    ]
