"""Content guards of all types: schemas, query, filters and operations. What a guard does is the content server's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from peewee import SQL, Model, Select, Value, fn

from api.call import instance_of
from api.core.common import Family, columns, family_filters, orderings
from api.core.roles import role_operations
from api.core.users import GroupSchema, GroupUser
from api.endpoints import Endpoint, Operation
from api.filters import FilterSet, text_filters
from api.operations import creating, deleting, listing, reading, updating
from api.schemas.base import ObjectSchema, WireSchema, refuse
from api.schemas.fields import INDEXED_LIMIT, Row, Text
from api.schemas.nested import Object
from api.schemas.references import References
from pulp_actor.identifiers import href_of, registry
from pulp_actor.models import ContentGuard, Group, Role, RoleAssignment, User
from pulp_actor.models.resources import COMPOSITE_GUARD, ENVVAR_GUARD, HEADER_GUARD, RBAC_GUARD, REDIRECT_GUARD
from pulp_actor.security.permissions import DOWNLOAD


class ContentGuardSchema(ObjectSchema):
    """A guard of any type; a plugin's schema derives from it and adds its ``detail`` fields."""

    wire_name = "ContentGuard"
    model = ContentGuard

    name = Text(required=True, limit=INDEXED_LIMIT, help="A name that no other guard has.")
    description = Text(null=True, help="What it is for.")


class HeaderGuardSchema(ContentGuardSchema):
    """Lets a request pass whose header has a certain value."""

    wire_name = "HeaderContentGuard"
    header_name = Text(required=True, detail=True, help="The header that is looked at.")
    header_value = Text(required=True, detail=True, help="The value it must have.")
    jq_filter = Text(null=True, detail=True, help="A jq filter that finds the value in the header's decoded JSON.")


class EnvVarGuardSchema(ContentGuardSchema):
    """Lets a request pass whose header has the value of an environment variable of the content server."""

    wire_name = "EnvVarHeaderContentGuard"
    header_name = Text(required=True, detail=True, help="The header that is looked at.")
    env_var = Text(required=True, detail=True, help="The variable that holds the value.")


class RedirectGuardSchema(ContentGuardSchema):
    """Lets a request pass whose URL carries the platform's signature."""

    wire_name = "ContentRedirectContentGuard"


def _downloaders(column: str, schema: type[WireSchema]) -> Callable[[Row], list[dict[str, Any]]]:
    """Shows the users or groups whose role on a guard lets them pass."""
    return lambda row: [instance_of(schema).show(one) for one in row[column] or ()]


class RbacGuardSchema(ContentGuardSchema):
    """Lets the users and groups pass who have a role on it."""

    wire_name = "RBACContentGuard"
    users = Object(GroupUser, many=True, read_only=True, show=_downloaders("users", GroupUser))
    groups = Object(GroupSchema, many=True, read_only=True, show=_downloaders("groups", GroupSchema))


def _guards(row: Row) -> list[str]:
    return [href_of(registry.get(ContentGuard, one["type"]), one["id"]) for one in row["guards"] or ()]


class CompositeGuardSchema(ContentGuardSchema):
    """Lets a request pass that one of its guards lets pass."""

    wire_name = "CompositeContentGuard"
    guards = References(
        ContentGuard, detail=True, show=_guards, items={"type": "string", "format": "uri", "nullable": True},
        help="The guards that are asked.")

    def check(self, data: dict[str, Any], current: Any) -> None:
        for guard in data.get("guards", ()):
            if current is not None and guard.id == current.id:
                raise refuse("guards", "A guard cannot be one of its own.")
            if guard.type == COMPOSITE_GUARD.type:
                raise refuse("guards", "A composite guard cannot be part of another one.")


def guard_rows(type_: str | None = None) -> Select:
    """All guards (of one type), with the types of the guards in them."""
    inner = ContentGuard.alias()
    parts = inner.select(fn.JSONB_AGG(fn.JSONB_BUILD_OBJECT("id", inner.id, "type", inner.type))).where(
        fn.JSONB_EXISTS(fn.COALESCE(ContentGuard.details["guards"].as_json(), SQL("'[]'::jsonb")), inner.id.cast("text")))
    query = ContentGuard.select(*columns(ContentGuard), parts.alias("guards"))
    return query if type_ is None else query.where(ContentGuard.type == type_)


def rbac_guard_rows() -> Select:
    """The guards that ask for a role, with the users and groups that have one on them."""
    def holders(model: type[Model], holder: Any, *names: str) -> Select:
        shown = fn.JSONB_BUILD_OBJECT(*[part for name in names for part in (name, getattr(model, name))])
        having = RoleAssignment.select(holder).join(Role).where(
            RoleAssignment.object_type == RBAC_GUARD.prn, RoleAssignment.object_key == ContentGuard.id.cast("text"),
            Value(DOWNLOAD) == fn.ANY(Role.permissions))
        return model.select(fn.JSONB_AGG(shown)).where(model.id.in_(having))  # type: ignore[attr-defined]

    users = holders(User, RoleAssignment.user, "id", "username")
    groups = holders(Group, RoleAssignment.group, "id", "name")
    return guard_rows(RBAC_GUARD.type).select_extend(users.alias("users"), groups.alias("groups"))


def guard_filters(type_: str | None = None) -> FilterSet:
    """What guards can be filtered and ordered by."""
    order = orderings(ContentGuard, ("description", "name"))
    return family_filters(ContentGuard, type_, text_filters("name", ContentGuard.name), order)


def guard_operations(*more: Operation) -> list[Operation]:
    """What every type of guard offers."""
    return [listing(), creating(), reading(), *updating(), deleting(), *more]


#: The guards of all types.
GUARDS = Family("contentguards", "Contentguards", ContentGuardSchema, guard_rows, guard_filters, guard_operations)

#: The endpoint of one type of guard: `Family.of_type`.
guard_endpoint = GUARDS.of_type


def guard_endpoints() -> list[Endpoint]:
    """The list over guards of all types, and the core's own types."""
    roles = role_operations()
    return [
        GUARDS.of_all(),
        guard_endpoint(COMPOSITE_GUARD, CompositeGuardSchema, tag="Contentguards: Composite", operations=roles),
        guard_endpoint(REDIRECT_GUARD, RedirectGuardSchema, tag="Contentguards: Content_Redirect", operations=roles),
        guard_endpoint(ENVVAR_GUARD, EnvVarGuardSchema, tag="Contentguards: Envvar_Header", operations=roles),
        guard_endpoint(HEADER_GUARD, HeaderGuardSchema, tag="Contentguards: Header", operations=roles),
        guard_endpoint(
            RBAC_GUARD, RbacGuardSchema, tag="Contentguards: Rbac", operations=roles, rows=rbac_guard_rows,
            roles={"downloader": ["download"]}),
    ]
