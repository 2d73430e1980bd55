"""Distributions of all types: schema, query, filters and operations."""

from __future__ import annotations

from typing import Any

from peewee import JOIN, Select

from api.core.common import Family, columns, family_filters, labelling, orderings
from api.core.publications import publications_with
from api.core.repositories import latest_with_content, versions_with
from api.core.roles import role_operations
from api.endpoints import Operation
from api.filters import FilterSet, boolean_filter, custom, key_of, reference_filters, text_filters
from api.operations import creating_in_task, deleting_in_task, listing, reading, updating_in_task
from api.schemas.base import ObjectSchema, refuse
from api.schemas.fields import INDEXED_LIMIT, Boolean, Labels, Row, Text, wire_time
from api.schemas.references import Reference, show_prn
from pulp_actor.domains import current_domain
from pulp_actor.models import (
    Content,
    ContentGuard,
    DetailContent,
    Distribution,
    Publication,
    Remote,
    Repository,
    RepositoryVersion,
)
from pulp_actor.settings import settings

#: What a distribution can serve; one of them at a time.
SOURCES = ("repository", "repository_version", "publication")


class BasePath(Text):
    """Where a distribution is served: segments joined by slashes, none of them empty, ``.`` or ``..``."""

    default_error_messages = {"path": "A base path has segments joined by single slashes, and no spaces, . or .. in it."}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        segments = text.split("/")
        if text and not all(_is_segment(segment) for segment in segments):
            raise self.make_error("path")
        return text


def _is_segment(text: str) -> bool:
    return text not in ("", ".", "..") and text.isprintable() and not any(c in " \\?#" for c in text)


def _base_url(row: Row) -> str:
    domain = f"{current_domain().name}/" if settings.DOMAIN_ENABLED else ""
    return f"{settings.content_origin}{settings.CONTENT_PATH_PREFIX}{domain}{row['base_path']}/"


class DistributionSchema(ObjectSchema):
    """A distribution of any type; a plugin's schema derives from it, and adds ``publication`` if it publishes."""

    wire_name = "Distribution"
    model = Distribution

    base_path = BasePath(required=True, limit=INDEXED_LIMIT, help="Where it is served; no part of another distribution's.")
    base_url = Text(read_only=True, show=_base_url, help="The address it is served at.")
    content_guard = Reference(ContentGuard, null=True, help="What protects it.")
    content_guard_prn = Text(read_only=True, show=show_prn(ContentGuard, "content_guard_id", "content_guard_type"))
    no_content_change_since = Text(
        read_only=True, show=lambda row: wire_time(row["no_content_change_since"]),
        help="Since when it has been serving the same content.")
    hidden = Boolean(default=False, help="Whether it is left out of the content server's list.")
    pulp_labels = Labels(help="Labels of the distribution.")
    name = Text(required=True, limit=INDEXED_LIMIT, help="A name that no other distribution has.")
    repository = Reference(Repository, null=True, help="Serves the latest version of this repository.")
    repository_version = Reference(RepositoryVersion, null=True, help="Serves this version.")

    def check(self, data: dict[str, Any], current: Any) -> None:
        """One source at most; where a change names a new one, it says itself what becomes of the old one."""
        def final(name: str) -> Any:
            return data[name] if name in data else getattr(current, f"{name}_id", None)

        named = [name for name in SOURCES if final(name) is not None]
        if len(named) > 1:
            raise refuse("non_field_errors", f"Only one of these may be set: {', '.join(named)}.")


def distribution_rows(type_: str | None = None) -> Select:
    """All distributions (of one type), with the types of what they lead to."""
    version_repository = Repository.alias()
    query = (
        Distribution.select(
            *columns(Distribution), Repository.type.alias("repository_type"),
            RepositoryVersion.number.alias("repository_version_number"),
            version_repository.id.alias("repository_version_repository_id"),
            version_repository.type.alias("repository_version_repository_type"),
            Publication.type.alias("publication_type"), ContentGuard.type.alias("content_guard_type"),
            Remote.type.alias("remote_type"),
        )
        .join(Repository, JOIN.LEFT_OUTER, on=Distribution.repository == Repository.id)
        .switch(Distribution)
        .join(RepositoryVersion, JOIN.LEFT_OUTER, on=Distribution.repository_version == RepositoryVersion.id)
        .join(version_repository, JOIN.LEFT_OUTER, on=RepositoryVersion.repository == version_repository.id)
        .switch(Distribution)
        .join(Publication, JOIN.LEFT_OUTER, on=Distribution.publication == Publication.id)
        .switch(Distribution)
        .join(ContentGuard, JOIN.LEFT_OUTER, on=Distribution.content_guard == ContentGuard.id)
        .switch(Distribution)
        .join(Remote, JOIN.LEFT_OUTER, on=Distribution.remote == Remote.id)
    )
    return query if type_ is None else query.where(Distribution.type == type_)


def _with_content(text: str) -> Any:
    """Distributions of a unit: of a repository whose latest version holds it, of a version that does, or of a publication
    that serves it."""
    keys = [key_of(text, Content, DetailContent)]
    repositories = Repository.select(Repository.id).where(latest_with_content(text))
    versions = RepositoryVersion.select(RepositoryVersion.id).where(versions_with(keys))
    publications = Publication.select(Publication.id).where(publications_with(keys))
    return (
        Distribution.repository.in_(repositories) | Distribution.repository_version.in_(versions)
        | Distribution.publication.in_(publications))


def distribution_filters(type_: str | None = None) -> FilterSet:
    """What distributions can be filtered and ordered by."""
    filters = [
        *text_filters("base_path", Distribution.base_path, ("exact", "contains", "icontains", "in")),
        boolean_filter("checkpoint", Distribution.checkpoint),
        *text_filters("name", Distribution.name),
        *reference_filters("repository", Distribution.repository, Repository, many=True),
        custom("with_content", _with_content, help="Those that serve this unit of content."),
    ]
    order = orderings(Distribution, ("base_path", "checkpoint", "hidden", "name", "pulp_labels"))
    return family_filters(Distribution, type_, filters, order)


def distribution_operations(*more: Operation, roles: bool = True) -> list[Operation]:
    """What every type of distribution offers (``roles``: also to have roles on one). Base paths must not overlap, so who
    makes or changes one locks them all."""
    return [
        listing(), creating_in_task(), reading(), *updating_in_task(lock_collection=True), deleting_in_task(),
        *labelling(200), *(role_operations() if roles else []), *more,
    ]


#: The distributions of all types.
DISTRIBUTIONS = Family(
    "distributions", "Distributions", DistributionSchema, distribution_rows, distribution_filters, distribution_operations)

#: The endpoint of one type of distribution: `Family.of_type`.
distribution_endpoint = DISTRIBUTIONS.of_type
