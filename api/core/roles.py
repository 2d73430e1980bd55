"""Roles on objects. Who may do what is the matter of access control; here is what every object with roles offers."""

from __future__ import annotations

import falcon

from api.call import Answer, Call
from api.endpoints import ANY_USER, Operation
from api.operations import action
from api.schemas.base import WireSchema
from api.schemas.fields import ListOf, Text
from api.schemas.nested import Object

# Roles, access policies and sessions are stored by access control, which is not part of this module.


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


def _list_roles(call: Call) -> Answer:
    call.row()
    return Answer(200, {"roles": []})


def _my_permissions(call: Call) -> Answer:
    call.row()
    endpoint = call.endpoint
    names = {endpoint.permission_of(operation) for operation in endpoint.operations} - {ANY_USER}
    held = sorted(names) if call.account is not None and call.account.is_superuser else []
    return Answer(200, {"permissions": held})


def not_available(call: Call) -> Answer:
    """The answer of an operation that this server does not have: it has understood, and refuses.

    Raises:
        falcon.HTTPForbidden: always.
    """
    raise falcon.HTTPForbidden(description="This server does not offer this operation.")


def role_operations() -> list[Operation]:
    """``list_roles``, ``my_permissions``, ``add_role`` and ``remove_role`` of an object."""
    return [
        action("list_roles", _list_roles, method="GET", responses={200: ObjectRoles}),
        action("my_permissions", _my_permissions, method="GET", responses={200: MyPermissions}, permission=ANY_USER),
        action("add_role", not_available, NestedRole, responses={201: NestedRole}),
        action("remove_role", not_available, NestedRole, responses={201: NestedRole}),
    ]
