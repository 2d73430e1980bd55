"""Roles as objects, the roles that users and groups have, and access policies."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from typing import Any

import falcon
from peewee import SQL, IntegrityError, Select, Value, fn

from api.access import declared
from api.access.policies import wire_action
from api.access.statements import check_hooks, check_scoping, check_statements
from api.call import Answer, Call
from api.core.common import newest_first, orderings
from api.core.roles import find_role, refuse_more_than_own
from api.endpoints import ADMIN, ANY_USER, Endpoint, Key, Operation
from api.filters import Filter, FilterSet, boolean_filter, custom, identity_filters, key_of, text_filters
from api.operations import action, created, creating, deleting, listing, reading, updating
from api.schemas.base import ObjectSchema, WireSchema, refuse
from api.schemas.fields import INDEXED_LIMIT, Boolean, Identifier, Integer, Json, ListOf, Row, Text
from api.schemas.references import find_object, parse, show_href
from pulp_actor.db import transaction
from pulp_actor.errors import NotFound
from pulp_actor.identifiers import UUID_PATTERN, ResourceType, href_of, prn_of, registry
from pulp_actor.models import AccessPolicy, Domain, Role, RoleAssignment, mutations
from pulp_actor.models.resources import ACCESS_POLICY, GROUP, ROLE, USER
from pulp_actor.security.permissions import permission_name

# --- roles -------------------------------------------------------------------------------------------------------------

class RoleSchema(ObjectSchema):
    wire_name = "Role"
    model = Role

    name = Text(required=True, limit=INDEXED_LIMIT, help="A name that no other role has.")
    description = Text(null=True, help="What the role is for.")
    permissions = ListOf(Text(blank=True), required=True, help="What it allows.")
    locked = Boolean(read_only=True, help="Whether it is built in.")

    def check(self, data: dict[str, Any], current: Any) -> None:
        unknown = sorted(set(data.get("permissions", ())) - declared.known_permissions())
        if unknown:
            raise refuse("permissions", f"There is no such permission: {', '.join(unknown)}.")
        if "permissions" in data:
            data["permissions"] = sorted(set(data["permissions"]))


def _guarded(operation: Operation) -> Operation:
    """An operation that makes or changes a role: not a built-in one, and not to more than the user may do everywhere."""
    def run(call: Call) -> Answer:
        role = call.instance if call.operation.on_item else None
        data = {} if operation.request is None else call.read(current=role, schema=call.endpoint.wire)
        if role is not None and role.locked and (operation.request is None or mutations.differences(role, data)):
            raise falcon.HTTPForbidden(description="This role is built in, and stays as it is.")
        refuse_more_than_own(call.account, data.get("permissions", ()))
        return operation.run(call)

    return replace(operation, run=run)


def _only_about(text: str) -> Any:
    """Roles whose permissions are all about one type of object, given by an href, a PRN or its name in PRNs."""
    app, _, model = _type_name(text).partition(".")
    named = SQL("named")
    others = Select([fn.UNNEST(Role.permissions).alias("named")], [SQL("1")]).where(
        ~(fn.STARTS_WITH(named, f"{app}.") & (fn.RIGHT(named, len(model) + 1) == f"_{model}")))
    return (fn.CARDINALITY(Role.permissions) > 0) & ~fn.EXISTS(others)


def _type_name(text: str) -> str:
    try:
        return registry.by_prn(text).prn
    except KeyError:
        return parse(text).resource.prn


def role_endpoint() -> Endpoint:
    """Roles, which everybody sees."""
    return Endpoint(
        path="roles", tag="Roles", schema=RoleSchema, rows=lambda: Role.select(Role), resource=ROLE,
        keys=[Key("pulp_id", Role.id)],
        filters=FilterSet(
            [
                *identity_filters(Role.id, Role), *text_filters("name", Role.name),
                *text_filters("description", Role.description, ("exact", "contains", "icontains", "iexact")),
                boolean_filter("locked", Role.locked), custom("for_object_type", _only_about),
                Filter(
                    "contains_permission", Text(), lambda name: Value(name) == fn.ANY(Role.permissions),
                    schema={"type": "array", "items": {"type": "string"}}),
            ],
            orderings(Role, ("description", "locked", "name")), newest_first(Role),
        ),
        operations=[
            listing(permission=ANY_USER), reading(permission=ANY_USER),
            *map(_guarded, [creating(), *updating(), deleting()]),
        ],
    )


# --- the roles of users and groups -------------------------------------------------------------------------------------

def _object(row: Row) -> tuple[ResourceType, str] | None:
    return None if row["object_type"] is None else (registry.by_prn(row["object_type"]), row["object_key"])


def _object_href(row: Row) -> str | None:
    found = _object(row)
    return None if found is None else href_of(*found)


def _object_prn(row: Row) -> str | None:
    found = _object(row)
    return None if found is None else prn_of(*found)


class UserRoleSchema(ObjectSchema):
    """A role of a user: on an object, in a domain, or (neither) everywhere."""

    wire_name = "UserRole"
    model = RoleAssignment

    pulp_href = Text(
        format="uri", read_only=True, show=lambda row: f"{href_of(USER, row['user_id'])}roles/{row['id']}/")
    prn = Text(read_only=True, show=lambda row: f"prn:core.userrole:{row['id']}")
    role = Text(required=True, help="The role's name.")
    content_object = Text(null=True, show=_object_href, help="The object; null: all of them.")
    content_object_prn = Text(null=True, show=_object_prn, help="The same, as a PRN.")
    description = Text(read_only=True)
    permissions = ListOf(Text(), read_only=True)
    domain = Text(null=True, blank=True, format="uri", show=show_href(Domain, "domain_id"), help="The domain.")

    def check(self, data: dict[str, Any], current: Any) -> None:
        objects = {data[name] for name in ("content_object", "content_object_prn") if data.get(name)}
        if len(objects) + bool(data.get("domain")) > 1:
            raise refuse("non_field_errors", "A role is had on one object, or in a domain, or everywhere.")
        data["object"] = next(iter(objects), None)


class GroupRoleSchema(UserRoleSchema):
    wire_name = "GroupRole"

    pulp_href = Text(
        format="uri", read_only=True, show=lambda row: f"{href_of(GROUP, row['group_id'])}roles/{row['id']}/")
    prn = Text(read_only=True, show=lambda row: f"prn:core.grouprole:{row['id']}")


def assignment_rows() -> Select:
    """All roles of users and groups, with what each role allows."""
    return RoleAssignment.select(
        RoleAssignment, Role.name.alias("role"), Role.description, Role.permissions).join(Role)


def _place(data: dict[str, Any]) -> dict[str, Any]:
    """Where a role is to be had. Raises ValidationError."""
    try:
        if data.get("domain"):
            return {"domain": find_object(data["domain"], Domain).get_id()}
        if data["object"] is None:
            return {}
        resource = parse(data["object"]).resource
        return {"resource": resource, "key": str(find_object(data["object"], resource.model).get_id())}
    except NotFound as error:
        raise refuse("domain" if data.get("domain") else "content_object", f"{error}.") from None


def _assign(column: str, call: Call) -> Answer:
    data = call.read(schema=call.endpoint.wire)
    role, place = find_role(data["role"]), _place(data)
    resource: ResourceType | None = place.get("resource")
    if resource is not None and not _is_about(role, resource):
        raise refuse("role", "No permission of this role is about such an object.")
    refuse_more_than_own(call.account, role.permissions, **place)
    columns = {"domain": place.get("domain"), "object_key": place.get("key"), column: call.owner()}
    try:
        with transaction():
            row = RoleAssignment.create(
                role=role, object_type=resource.prn if resource else None, **columns)
    except IntegrityError:
        raise refuse("non_field_errors", "This role is had there already.") from None
    return created(call, row.id)


def _is_about(role: Role, resource: ResourceType) -> bool:
    app, _, model = resource.prn.partition(".")
    return any(name.startswith(f"{app}.") and name.endswith(f"_{model}") for name in role.permissions)


def _take_away(call: Call) -> Answer:
    RoleAssignment.delete().where(RoleAssignment.id == call.row()["id"]).execute()
    return Answer(204)


_KEY_AT_END = re.compile(rf"({UUID_PATTERN})/?$")


def _keys_at_end(texts: list[str]) -> Any:
    """Assignments by hrefs or PRNs, which lead below a user or group."""
    found = [match[1] for text in texts if (match := _KEY_AT_END.search(text))]
    return RoleAssignment.id.in_(found)


def _on_object(text: str) -> Any:
    if text in ("", "null"):
        return RoleAssignment.object_type.is_null()
    parsed = parse(text)
    return (RoleAssignment.object_type == parsed.resource.prn) & (RoleAssignment.object_key == parsed.key)


def _in_domain(text: str) -> Any:
    if text in ("", "null"):
        return RoleAssignment.domain.is_null()
    return RoleAssignment.domain == key_of(text, Domain)


def assignments_endpoint(owner: ResourceType, schema: type[UserRoleSchema]) -> Endpoint:
    """The roles of a user, or of a group."""
    kind = "user" if owner is USER else "group"
    column = RoleAssignment.user if owner is USER else RoleAssignment.group
    manage = permission_name(owner, "manage_roles")
    by_name: dict[str, Any] = {"permission": manage}
    return Endpoint(
        path=f"{owner.path}/{{{kind}_pk}}/roles", tag=f"{owner.path.title()}: Roles", schema=schema, listed=False,
        rows=assignment_rows, owner=owner, href_name="auth_users_user_role" if owner is USER else "groups_group_role",
        keys=[Key(f"{kind}_pk", column, Integer()), Key("pulp_id", RoleAssignment.id, Identifier())],
        filters=FilterSet(
            [
                custom("prn__in", _keys_at_end, many=True), custom("pulp_href__in", _keys_at_end, many=True),
                Filter("pulp_id__in", Identifier(), lambda keys: RoleAssignment.id.in_(keys), many=True,
                       schema=Identifier.openapi_type),
                custom("content_object", _on_object), custom("domain", _in_domain),
                *text_filters("role", Role.name, ("exact", "contains", "icontains", "in", "startswith")),
            ],
            {
                "description": Role.description, "pk": RoleAssignment.id, "pulp_created": RoleAssignment.pulp_created,
                "role": Role.name,
            },
            newest_first(RoleAssignment),
        ),
        operations=[
            listing(), Operation(
                "create", "POST", partial(_assign, kind), request=WireSchema, responses={201: "object"}, **by_name),
            reading(), Operation("delete", "DELETE", _take_away, on_item=True, responses={204: None}, **by_name),
        ],
    )


# --- access policies ---------------------------------------------------------------------------------------------------

class AccessPolicySchema(ObjectSchema):
    """How an endpoint decides, and what roles new objects have. ``permissions_assignment`` is the older name of
    ``creation_hooks``."""

    wire_name = "AccessPolicy"
    model = AccessPolicy

    permissions_assignment = ListOf(Json(type="object"), show=lambda row: row["creation_hooks"])
    creation_hooks = ListOf(Json(type="object"), help="What is done with each new object.")
    statements = ListOf(Json(type="object"), required=True, help="Who may do what, on which conditions.")
    viewset_name = Text(read_only=True)
    customized = Boolean(read_only=True)
    queryset_scoping = Json(type="object", help="How lists are narrowed to what their readers may see.")

    def check(self, data: dict[str, Any], current: Any) -> None:
        older = data.pop("permissions_assignment", None)
        if older is not None:
            data.setdefault("creation_hooks", older)
        assert current is not None
        if "statements" in data:
            actions = {wire_action(one) for one in declared.operations_of(current.viewset_name)}
            check_statements(data["statements"], actions, declared.known_permissions().__contains__)
        check_hooks(data.get("creation_hooks", ()))
        check_scoping(data.get("queryset_scoping", {}))


def _customize(call: Call) -> Answer:
    policy = call.instance
    data = call.endpoint.wire.stored(call.read(schema=call.endpoint.wire, current=policy))
    changes = mutations.differences(policy, data)
    if changes:
        _save(policy, changes, customized=True)
    return Answer(200, call.endpoint.wire.show(call.row()))


def _reset(call: Call) -> Answer:
    policy = call.instance
    default = declared.default_policy(policy.viewset_name)
    if default is not None:
        _save(policy, default, customized=False)
    return Answer(200, call.endpoint.wire.show(call.row()))


def _save(policy: AccessPolicy, columns: dict[str, Any], *, customized: bool) -> None:
    for name, value in columns.items():
        setattr(policy, name, value)
    policy.customized = customized
    policy.touch()
    policy.save(only=[*columns, "customized", "pulp_last_updated"])


def access_policy_endpoint() -> Endpoint:
    """Access policies, which everybody sees and only admins change."""
    change: dict[str, Any] = {
        "on_item": True, "request": WireSchema, "responses": {200: "object"}, "permission": ADMIN,
    }
    order = ("creation_hooks", "customized", "queryset_scoping", "statements", "viewset_name")
    return Endpoint(
        path="access_policies", tag="Access_Policies", schema=AccessPolicySchema, resource=ACCESS_POLICY,
        rows=lambda: AccessPolicy.select(AccessPolicy), keys=[Key("pulp_id", AccessPolicy.id)],
        filters=FilterSet(
            [
                *identity_filters(AccessPolicy.id, AccessPolicy), boolean_filter("customized", AccessPolicy.customized),
                *text_filters("viewset_name", AccessPolicy.viewset_name),
            ],
            orderings(AccessPolicy, order), newest_first(AccessPolicy),
        ),
        operations=[
            listing(permission=ANY_USER), reading(permission=ANY_USER),
            Operation("update", "PUT", _customize, **change),
            Operation("partial_update", "PATCH", _customize, partial=True, **change),
            action("reset", _reset, responses={200: "object"}, permission=ADMIN),
        ],
    )


def access_endpoints() -> list[Endpoint]:
    """Roles, who has them, and access policies."""
    return [
        access_policy_endpoint(), role_endpoint(), assignments_endpoint(USER, UserRoleSchema),
        assignments_endpoint(GROUP, GroupRoleSchema),
    ]
