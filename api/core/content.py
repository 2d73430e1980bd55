"""Units of content of all types: query, filters, and the list over all of them."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from functools import cache, partial
from typing import Any

from marshmallow import ValidationError as MarshmallowError
from peewee import JOIN, Model, Select, fn

from api.core.common import columns, labelling, newest_first, orderings
from api.endpoints import Endpoint, Key, Operation
from api.filters import PAGING, Filter, FilterSet, choice_filters, custom, identity_filters, label_filter
from api.operations import listing, reading
from api.schemas.base import ObjectSchema
from api.schemas.fields import Json, Labels, Number, Row, Text
from api.schemas.references import find_object
from pulp_actor.errors import NotFound
from pulp_actor.identifiers import ResourceType, href_of, prn_of, registry
from pulp_actor.models import (
    Artifact,
    Content,
    ContentArtifact,
    DetailContent,
    PublishedMetadata,
    RepositoryContent,
    RepositoryVersion,
    VulnerabilityReport,
)
from pulp_actor.models.artifact import DIGESTS
from pulp_actor.models.base import utcnow
from pulp_actor.models.resources import ARTIFACT, VULNERABILITY_REPORT

#: The core's own types of content, which are there to be filtered by whether or not there are any.
CORE_TYPES = (
    "core.openpgp_publickey", "core.openpgp_publicsubkey", "core.openpgp_signature", "core.openpgp_userattribute",
    "core.openpgp_userid", "core.publishedmetadata",
)


@cache
def content_types() -> dict[str, ResourceType]:
    """Type of content -> its resource type. Plugins must be loaded."""
    return {r.type: r for r in registry if r.type and issubclass(r.model, DetailContent | PublishedMetadata)}


def _href(row: Row) -> str:
    return href_of(content_types()[row["type"]], row["id"])


def _prn(row: Row) -> str:
    return prn_of(content_types()[row["type"]], row["id"])


def show_artifact(row: Row) -> str | None:
    """The href of the artifact in column ``artifact_id``."""
    return None if row["artifact_id"] is None else href_of(ARTIFACT, row["artifact_id"])


def _report(row: Row) -> str | None:
    key = row.get("vulnerability_report_id")
    return None if key is None else href_of(VULNERABILITY_REPORT, key)


def report_key() -> Any:
    """The column with the key of what is known against a unit, which its schema shows."""
    report = VulnerabilityReport.select(VulnerabilityReport.id).where(VulnerabilityReport.content == Content.id)
    return report.alias("vulnerability_report_id")


class ContentSchema(ObjectSchema):
    """A unit of any type; a plugin's schema derives from it."""

    wire_name = "Content"
    model = Content

    pulp_href = Text(format="uri", read_only=True, show=_href, help="Where the unit is.")
    prn = Text(read_only=True, show=_prn, help="The name of the unit, which stays when servers move.")
    pulp_labels = Labels(help="Labels of the unit.")
    vuln_report = Text(format="uri", read_only=True, show=_report, help="What is known against it.")


def _artifacts(row: Row) -> dict[str, str | None]:
    return {
        one["path"]: one["id"] and href_of(ARTIFACT, one["id"]) for one in row["artifacts"] or ()
    }


class AnyContentSchema(ContentSchema):
    """A unit in the list over all types, with all its artifacts."""

    wire_name = "MultipleArtifactContent"

    artifacts = Json(type="object", required=True, show=_artifacts, help="Path in the unit -> href of the artifact.")


def any_content_rows() -> Select:
    """All units of the types that have an endpoint, with their artifacts."""
    artifacts = ContentArtifact.select(
        fn.JSONB_AGG(fn.JSONB_BUILD_OBJECT("path", ContentArtifact.relative_path, "id", ContentArtifact.artifact))
    ).where(ContentArtifact.content == Content.id)
    query = Content.select(*columns(Content), artifacts.alias("artifacts"), report_key())
    return query.where(Content.type.in_(list(content_types())))


def content_rows(model: type[DetailContent], type_: str) -> Select:
    """All units of one type that has one artifact each: the unit, its own columns, its artifact's key and digests.

    The type is asked for although ``model`` knows it: the index that holds units in order begins with it.
    """
    digests = [getattr(Artifact, name).alias(f"artifact_{name}") for name in DIGESTS]
    own = [f for f in model._meta.sorted_fields if f.name not in ("content", "domain_id")]
    return (
        model.select(*columns(Content), *own, ContentArtifact.artifact.alias("artifact_id"), *digests, report_key())
        .join(Content)
        .join(ContentArtifact, JOIN.LEFT_OUTER, on=ContentArtifact.content == Content.id)
        .join(Artifact, JOIN.LEFT_OUTER, on=ContentArtifact.artifact == Artifact.id)
        .where(Content.type == type_)
    )


def counted_content(model: type[DetailContent], type_: str) -> Select:
    """As many rows as `content_rows`, without what is only shown."""
    return model.select(model.content).join(Content).where(Content.type == type_)


#: Parameter that selects by a version -> the part of its summary that says how many units that are.
_SUMMARIES = {
    "repository_version": "present", "repository_version_added": "added", "repository_version_removed": "removed",
}


def known_count(params: Mapping[str, Sequence[str]], type_: str | None = None) -> int | None:
    """How many units (of one type, or of all that have a list) a version holds, added or removed, if that is all that the
    parameters ask for; from the version's own summary."""
    asked = [name for name in params if name not in PAGING]
    if len(asked) != 1 or asked[0] not in _SUMMARIES:
        return None
    try:
        summary = _version(params[asked[0]][-1]).content_summary.get(_SUMMARIES[asked[0]])
    except NotFound:
        return None
    if summary is None:
        return None
    return sum(number for one, number in summary.items() if one == type_ or (type_ is None and one in content_types()))


def _members(key: Any, *conditions: Any) -> Any:
    return key.in_(RepositoryContent.select(RepositoryContent.content).where(*conditions))


def in_version(version: Any) -> Any:
    """The condition on `RepositoryContent` that selects the members of a version."""
    return (
        (RepositoryContent.repository == version.repository_id)
        & (RepositoryContent.version_added <= version.number)
        & (RepositoryContent.version_removed.is_null() | (RepositoryContent.version_removed > version.number))
    )


def _version(text: str) -> Any:
    return find_object(text, RepositoryVersion)


def _membership_filters(key: Any) -> list[Filter]:
    def added(text: str) -> Any:
        version = _version(text)
        return _members(key, RepositoryContent.repository == version.repository_id,
                        RepositoryContent.version_added == version.number)

    def removed(text: str) -> Any:
        version = _version(text)
        return _members(key, RepositoryContent.repository == version.repository_id,
                        RepositoryContent.version_removed == version.number)

    def between(texts: list[str]) -> tuple[Any, Any]:
        if len(texts) != 2:
            raise MarshmallowError("Two versions of one repository are needed, separated by a comma.")
        old, new = (_version(text) for text in texts)
        if old.repository_id != new.repository_id:
            raise MarshmallowError("The two versions belong to different repositories.")
        return _members(key, in_version(old)), _members(key, in_version(new))

    def added_between(texts: list[str]) -> Any:
        old, new = between(texts)
        return new & ~old

    def removed_between(texts: list[str]) -> Any:
        old, new = between(texts)
        return old & ~new

    return [
        custom("repository_version", lambda text: _members(key, in_version(_version(text))),
               help="Units in this version."),
        custom("repository_version_added", added, help="Units that this version added."),
        custom("repository_version_removed", removed, help="Units that this version removed."),
        custom("added_between", added_between, many=True, help="Units in the second of two versions, not in the first."),
        custom("removed_between", removed_between, many=True, help="Units in the first of two versions, not in the second."),
    ]


def since(minutes: float) -> datetime.datetime:
    """The moment so many minutes ago."""
    try:
        return utcnow() - datetime.timedelta(minutes=minutes)
    except OverflowError:
        raise MarshmallowError("This is too long ago.") from None


def orphaned_for(minutes: float) -> Any:
    """Units that no repository holds and that nobody has been interested in for so many minutes."""
    held = RepositoryContent.select(RepositoryContent.id).where(RepositoryContent.content == Content.id)
    return (Content.timestamp_of_interest < since(minutes)) & ~fn.EXISTS(held)


def content_filters(*filters: Filter, model: type[Model] | None = None, order: tuple[str, ...] = ()) -> FilterSet:
    """What units can be filtered and ordered by: ``filters`` and ``order`` are those of their type's ``model``."""
    special = {name: getattr(model, name) for name in order} if model is not None else {}
    found = [
        *identity_filters(Content.id, Content, DetailContent), label_filter(Content.pulp_labels),
        Filter("orphaned_for", Number(), orphaned_for, help="Units that have been orphans for so many minutes."),
        *_membership_filters(Content.id), *filters,
    ]
    columns_ = orderings(Content, ("pulp_labels", "timestamp_of_interest", "upstream_id"), **special)
    return FilterSet(found, columns_, newest_first(Content))


def content_operations(*more: Operation) -> list[Operation]:
    """What every type of content offers; how a unit is made is the type's own."""
    return [listing(), reading(), *labelling(), *more]


def content_endpoint(
    resource: ResourceType, schema: type[ContentSchema], *, tag: str, filters: Sequence[Filter] = (),
    order: tuple[str, ...] = (), operations: Sequence[Operation] = (),
) -> Endpoint:
    """The endpoint of one type of content that has one artifact each; ``filters`` and ``order`` are the type's own, and so
    is how a unit is made: ``operations``."""
    model, type_ = resource.model, resource.type
    assert type_ is not None
    return Endpoint(
        path=resource.path, tag=tag, component=resource.component, schema=schema, resource=resource,
        rows=partial(content_rows, model, type_), counted=partial(counted_content, model, type_),
        known_count=partial(known_count, type_=type_), keys=[Key("pulp_id", Content.id)],
        filters=content_filters(*filters, model=model, order=order), operations=content_operations(*operations),
    )


def all_content_endpoint() -> Endpoint:
    """The list over units of all types."""
    filters = content_filters(*choice_filters("pulp_type", Content.type, sorted({*content_types(), *CORE_TYPES})))
    return Endpoint(
        path="content", tag="Content", schema=AnyContentSchema, rows=any_content_rows, known_count=known_count,
        filters=FilterSet(filters.filters, {"pk": Content.id}, newest_first(Content)), operations=[listing()])
