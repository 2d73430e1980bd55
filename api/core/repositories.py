"""Repositories of all types and their versions: schemas, queries, filters and operations for the core's own lists and
for plugins that declare a type of repository."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from peewee import JOIN, Select, fn

from api.call import Answer, Call
from api.core.common import Family, columns, family_filters, labelling, newest_first, orderings, unit_filters
from api.core.roles import role_operations
from api.endpoints import Endpoint, Key, Operation
from api.filters import (
    Filter,
    FilterSet,
    custom,
    identity_filters,
    key_of,
    number_filters,
    text_filters,
    time_filters,
)
from api.openapi import snake
from api.operations import (
    action,
    creating,
    deleting_in_task,
    listing,
    reading,
    updating_in_task,
)
from api.schemas.base import ObjectSchema, WireSchema, refuse
from api.schemas.common import AsyncOperation, Repair
from api.schemas.fields import INDEXED_LIMIT, Boolean, Identifier, Integer, Json, Labels, ListOf, Row, Text
from api.schemas.nested import Object
from api.schemas.references import Href, Reference, References, find_object, show_version_href
from pulp_actor.errors import NotFound
from pulp_actor.identifiers import ResourceType, api_prefix, href_of, prn_of, registry, version_href
from pulp_actor.models import Content, DetailContent, Remote, Repository, RepositoryContent, RepositoryVersion
from pulp_actor.models.resources import REPOSITORY_VERSION
from pulp_actor.security.permissions import permission_name

ADD_AND_REMOVE = "pulpcore.app.tasks.repository.add_and_remove"
REPAIR_VERSION = "pulpcore.app.tasks.repository.repair_version"
DELETE_VERSION = "pulpcore.app.tasks.repository.delete_version"


def _versions_href(row: Row) -> str:
    return f"{href_of(registry.get(Repository, row['type']), row['id'])}versions/"


def _latest_version_href(row: Row) -> str:
    return version_href(row["type"], row["id"], row["latest_version"])


class RepositorySchema(ObjectSchema):
    """A repository of any type; a plugin's schema derives from it and adds its ``detail`` fields."""

    wire_name = "Repository"
    model = Repository

    versions_href = Href(show=_versions_href, help="The list of the repository's versions.")
    pulp_labels = Labels(help="Labels of the repository.")
    latest_version_href = Href(show=_latest_version_href, help="The newest version.")
    name = Text(required=True, limit=INDEXED_LIMIT, help="A name that no other repository has.")
    description = Text(null=True, help="What the repository is for.")
    retain_repo_versions = Integer(null=True, minimum=1, help="How many versions are kept; null: all.")
    retain_checkpoints = Integer(null=True, minimum=1, help="How many checkpoint publications are kept; null: all.")
    remote = Reference(Remote, null=True, help="Where the repository is synced from when a sync does not say.")


def repository_rows(type_: str | None = None) -> Select:
    """All repositories (of one type), with their latest version's number and their remote's type."""
    latest = RepositoryVersion.select(fn.MAX(RepositoryVersion.number)).where(
        RepositoryVersion.repository == Repository.id, RepositoryVersion.complete,
    )
    query = Repository.select(
        *columns(Repository), Remote.type.alias("remote_type"), latest.alias("latest_version"),
    ).join(Remote, JOIN.LEFT_OUTER)
    return query if type_ is None else query.where(Repository.type == type_)


def _with_content(text: str) -> Any:
    key = key_of(text, Content, DetailContent)
    return Repository.id.in_(RepositoryContent.select(RepositoryContent.repository).where(
        RepositoryContent.content == key))


def latest_with_content(text: str) -> Any:
    key = key_of(text, Content, DetailContent)
    latest = RepositoryVersion.select(fn.MAX(RepositoryVersion.number)).where(
        RepositoryVersion.repository == RepositoryContent.repository, RepositoryVersion.complete)
    return Repository.id.in_(RepositoryContent.select(RepositoryContent.repository).where(
        RepositoryContent.content == key, RepositoryContent.version_added <= latest,
        RepositoryContent.version_removed.is_null() | (RepositoryContent.version_removed > latest),
    ))


def repository_filters(type_: str | None = None) -> FilterSet:
    """What repositories can be filtered and ordered by."""
    filters: list[Filter] = [
        *text_filters("name", Repository.name),
        *number_filters("retain_checkpoints", Repository.retain_checkpoints),
        *number_filters("retain_repo_versions", Repository.retain_repo_versions),
        custom("remote", lambda text: Repository.remote.is_null() if text == "null" else
               Repository.remote == key_of(text, Remote)),
        custom("with_content", _with_content, help="Those that hold this unit of content in any version."),
        custom("latest_with_content", latest_with_content, help="Those that hold this unit in their latest version."),
    ]
    order = orderings(Repository, (
        "description", "name", "next_version", "pulp_labels", "retain_checkpoints", "retain_repo_versions",
        "user_hidden",
    ))
    return family_filters(Repository, type_, filters, order)


# --- versions ---------------------------------------------------------------------------------------------------------

def content_summary(row: Row) -> dict[str, Any]:
    """The counts in a version's summary with, for each type, the href of the list that they count."""
    version = version_href(row["repository_type"], row["repository_id"], row["number"])
    return summary_with_hrefs(row["content_summary"], version)


def summary_with_hrefs(summary: Mapping[str, Any], version: str) -> dict[str, Any]:
    """``{"added": {type: {"count": n, "href": list}}, "removed": …, "present": …}`` of the version with that href."""
    parameters = {
        "added": "repository_version_added", "removed": "repository_version_removed", "present": "repository_version",
    }
    return {
        part: {
            type_: {"count": number, "href": f"{_content_list(type_)}?{parameter}={version}"}
            for type_, number in (summary.get(part) or {}).items()
        }
        for part, parameter in parameters.items()
    }


def _content_list(type_: str) -> str:
    for resource in registry:
        if resource.type == type_ and issubclass(resource.model, DetailContent):
            return f"{api_prefix()}{resource.path}/"
    return f"{api_prefix()}content/"


class ContentSummary(WireSchema):
    """How many units of each type a version holds, and how many it added and removed."""

    wire_name = "ContentSummary"
    added = Json(type="object", values="object", required=True)
    removed = Json(type="object", values="object", required=True)
    present = Json(type="object", values="object", required=True)


class RepositoryVersionSchema(ObjectSchema):
    wire_name = "RepositoryVersion"
    model = RepositoryVersion

    pulp_href = Text(
        format="uri", read_only=True,
        show=lambda row: version_href(row["repository_type"], row["repository_id"], row["number"]))
    number = Integer(read_only=True)
    repository = Href(
        show=lambda row: href_of(registry.get(Repository, row["repository_type"]), row["repository_id"]))
    base_version = Text(format="uri", show=show_version_href("base"), help="The version it was made from.")
    content_summary = Object(ContentSummary, read_only=True, show=content_summary)
    vuln_report = Text(
        read_only=True,
        show=lambda row: f"{_vulnerability_list()}?repo_versions={prn_of(REPOSITORY_VERSION, row['id'])}")


def _vulnerability_list() -> str:
    return f"{api_prefix()}vuln_report/"


def version_rows(type_: str | None = None) -> Select:
    """All complete versions (of one type of repository), with their repository's type and their base version."""
    base, base_repository = RepositoryVersion.alias(), Repository.alias()
    query = (
        RepositoryVersion.select(
            *columns(RepositoryVersion, without=["info"]), Repository.type.alias("repository_type"),
            base.number.alias("base_number"), base.repository.alias("base_repository_id"),
            base_repository.type.alias("base_repository_type"),
        )
        .join(Repository)
        .switch(RepositoryVersion)
        .join(base, JOIN.LEFT_OUTER, on=RepositoryVersion.base_version == base.id)
        .join(base_repository, JOIN.LEFT_OUTER, on=base.repository == base_repository.id)
        .where(RepositoryVersion.complete)
    )
    return query if type_ is None else query.where(Repository.type == type_)


def versions_with(keys: Sequence[str]) -> Any:
    """The condition on `RepositoryVersion` that selects versions which hold one of these units of content."""
    held = RepositoryContent.select(RepositoryContent.id).where(
        RepositoryContent.repository == RepositoryVersion.repository, RepositoryContent.content.in_(list(keys)),
        RepositoryContent.version_added <= RepositoryVersion.number,
        RepositoryContent.version_removed.is_null() | (RepositoryContent.version_removed > RepositoryVersion.number),
    )
    return fn.EXISTS(held)


def version_filters() -> FilterSet:
    """What versions can be filtered and ordered by."""
    number = ("exact", "gt", "gte", "lt", "lte", "range")
    identity = [one for one in identity_filters(RepositoryVersion.id) if one.name == "prn__in"]
    return FilterSet(
        [
            *identity,
            custom("pulp_href__in", lambda texts: RepositoryVersion.id.in_([_version_key(t) for t in texts]), many=True),
            *unit_filters(versions_with),
            *number_filters("number", RepositoryVersion.number, number),
            *time_filters("pulp_created", RepositoryVersion.pulp_created),
        ],
        orderings(RepositoryVersion, ("complete", "info", "number"), content_ids=RepositoryVersion.number),
        [RepositoryVersion.number.desc(), *newest_first(RepositoryVersion)],
    )


def _version_key(text: str) -> Any:
    return find_object(text, RepositoryVersion).get_id()


def version_of(call: Call) -> RepositoryVersion:
    """The model row of the version that the path names. Raises NotFound."""
    row = call.row()
    return RepositoryVersion.get_by_id(row["id"])


def _delete_version(call: Call) -> Answer:
    row = call.row()
    repository = Repository.get_by_id(row["repository_id"])
    if row["number"] == 0:
        raise refuse("detail", "Version 0 cannot be deleted.")
    return call.accepted(DELETE_VERSION, {"version_pk": str(row["id"])}, exclusive=[repository])


def _repair_version(call: Call) -> Answer:
    data = call.read()
    row = call.row()
    repository = Repository.get_by_id(row["repository_id"])
    kwargs = {"version_pk": str(row["id"]), "verify_checksums": data["verify_checksums"]}
    return call.accepted(REPAIR_VERSION, kwargs, shared=[repository])


def version_endpoint(
    resource: ResourceType, *, tag: str, component: str, href_name: str, operations: Sequence[Operation] = (),
) -> Endpoint:
    """The versions below the repositories of one type, with further ``operations``; ``href_name``: see `Endpoint`."""
    return Endpoint(
        path=f"{resource.path}/{{repository_pk}}/versions", tag=tag, component=component,
        schema=RepositoryVersionSchema, rows=partial(version_rows, resource.type), resource=REPOSITORY_VERSION,
        owner=resource,
        filters=version_filters(), listed=False, href_name=href_name,
        keys=[
            Key("repository_pk", RepositoryVersion.repository, Identifier()),
            Key("number", RepositoryVersion.number, Integer(minimum=0)),
        ],
        operations=[
            listing(), reading(),
            Operation(
                "delete", "DELETE", _delete_version, on_item=True, responses={202: AsyncOperation},
                permission=permission_name(resource, "delete")),
            action("repair", _repair_version, Repair), *operations,
        ],
    )


# --- what can be done with a repository -------------------------------------------------------------------------------

class AddRemoveContent(WireSchema):
    wire_name = "RepositoryAddRemoveContent"
    add_content_units = References(Content, items={"type": "string", "minLength": 1}, help="Units to add.")
    remove_content_units = ListOf(Text(), help="Units to remove; [\"*\"] removes all that are not added.")
    base_version = Reference(RepositoryVersion, help="The version to start from; by default the latest.")
    overwrite = Boolean(default=True, help="Whether what is added may take the place of what has the same path.")


def modify(call: Call) -> Answer:
    """Add units to a repository and remove others, as a new version."""
    repository: Repository = call.instance
    data = call.read()
    base: RepositoryVersion | None = data.get("base_version")
    kwargs = {
        "repository_pk": str(repository.id),
        "add_content_units": [str(unit.get_id()) for unit in data.get("add_content_units", [])],
        "remove_content_units": _units_to_remove(data.get("remove_content_units", [])),
        "base_version_pk": str(base.id) if base else None,
        "overwrite": data["overwrite"],
    }
    return call.accepted(ADD_AND_REMOVE, kwargs, exclusive=[repository])


def _units_to_remove(texts: Sequence[str]) -> list[str]:
    if "*" in texts:
        if len(texts) > 1:
            raise refuse("remove_content_units", "\"*\" removes all units and stands alone.")
        return ["*"]
    try:
        return [str(find_object(text, Content).get_id()) for text in texts]
    except NotFound as error:
        raise refuse("remove_content_units", str(error)) from None


def repository_operations(*more: Operation) -> list[Operation]:
    """What every type of repository offers; a type adds ``sync`` and the like."""
    return [
        listing(), creating(), reading(), *updating_in_task(), deleting_in_task(),
        action("modify", modify, AddRemoveContent, help="Add and remove units of content, as a new version."),
        *labelling(), *role_operations(), *more,
    ]


#: The repositories of all types.
REPOSITORIES = Family(
    "repositories", "Repositories", RepositorySchema, repository_rows, repository_filters, repository_operations)


def repository_endpoints(
    resource: ResourceType, schema: type[RepositorySchema], *, tag: str, operations: Sequence[Operation] = (),
    version_operations: Sequence[Operation] = (),
) -> list[Endpoint]:
    """The endpoints of one type of repository and of the versions of its repositories, each with further operations."""
    return [
        REPOSITORIES.of_type(resource, schema, tag=tag, operations=operations),
        version_endpoint(
            resource, tag=f"{tag} Versions", component=resource.component,
            href_name=f"{snake(schema.wire_name)}_version", operations=version_operations),
    ]


def all_versions_endpoint() -> Endpoint:
    """The list over versions of all types of repository."""
    return Endpoint(
        path="repository_versions", tag="Repository_Versions", schema=RepositoryVersionSchema, rows=version_rows,
        filters=version_filters(), operations=[listing()], listed=False)
