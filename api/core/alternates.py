"""Alternate content sources of all types: schema, query, filters and operations. What a source has is found out by its
type's actor, one task for each of its paths."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from peewee import Select

from api.call import Answer, Call
from api.core.common import Family, columns, family_filters, orderings
from api.core.roles import role_operations
from api.endpoints import Endpoint, Operation
from api.filters import FilterSet, text_filters
from api.operations import action, creating, deleting_in_task, listing, reading, updating_in_task
from api.schemas.base import ObjectSchema, refuse
from api.schemas.common import TaskGroupOperation
from api.schemas.fields import INDEXED_LIMIT, DateTime, ListOf, Text
from api.schemas.references import Reference
from pulp_actor.db import transaction
from pulp_actor.identifiers import ResourceType, href_of
from pulp_actor.models import AlternateContentSource, Remote
from pulp_actor.models.resources import TASK_GROUP
from pulp_actor.paths import path_fault
from pulp_actor.queue.groups import task_group


class AlternateContentSourceSchema(ObjectSchema):
    """A source of any type; a plugin's schema derives from it and says which types of remote it can have."""

    wire_name = "AlternateContentSource"
    model = AlternateContentSource

    name = Text(required=True, limit=INDEXED_LIMIT, help="A name that no other source has.")
    last_refreshed = DateTime(null=True, help="When its paths were last looked at.")
    paths = ListOf(Text(), help="Paths below the remote's address; without any, that address itself.")
    remote = Reference(Remote, required=True, help="The remote that the content is fetched with.")

    def check(self, data: dict[str, Any], current: Any) -> None:
        for path in data.get("paths", ()):
            if path_fault(path):
                raise refuse("paths", f"{path!r} is not a plain relative path.")
        if "paths" in data:
            data["paths"] = list(dict.fromkeys(data["paths"]))


def source_rows(type_: str | None = None) -> Select:
    """All sources (of one type), with their remotes' types."""
    query = AlternateContentSource.select(
        *columns(AlternateContentSource), Remote.type.alias("remote_type")).join(Remote)
    return query if type_ is None else query.where(AlternateContentSource.type == type_)


def source_filters(type_: str | None = None) -> FilterSet:
    """What sources can be filtered and ordered by."""
    order = orderings(AlternateContentSource, ("last_refreshed", "name"))
    return family_filters(AlternateContentSource, type_, text_filters("name", AlternateContentSource.name), order)


def _refresh(call: Call, *, actor: str) -> Answer:
    source: AlternateContentSource = call.instance
    with transaction(), task_group(f"Refreshing the alternate content source {source.name}") as group:
        for path in source.paths or [""]:
            kwargs = {"source_pk": str(source.id), "path": path}
            call.dispatch(actor, kwargs, exclusive=[source], shared=[source.remote], task_group=group)
    return Answer(202, {"task_group": href_of(TASK_GROUP, group)})


def source_operations(*more: Operation) -> list[Operation]:
    """What every type of source offers; how it is refreshed is the type's own."""
    return [listing(), creating(), reading(), *updating_in_task(), deleting_in_task(), *role_operations(), *more]


#: The sources of all types. The contract has no list over them; clients that speak to this server only may use it.
SOURCES = Family(
    "acs", "Acs", AlternateContentSourceSchema, source_rows, source_filters, source_operations, component="actor")


def source_endpoint(
    resource: ResourceType, schema: type[AlternateContentSourceSchema], *, tag: str, refresh: str,
    operations: Sequence[Operation] = (),
) -> Endpoint:
    """The endpoint of one type of source. ``refresh`` names the actor that looks at one of its paths; it is given the
    source's key and the path (empty: the remote's own address)."""
    refreshing = action(
        "refresh", partial(_refresh, actor=refresh), responses={202: TaskGroupOperation},
        help="Find out what the source has now.")
    return SOURCES.of_type(resource, schema, tag=tag, operations=[refreshing, *operations])
