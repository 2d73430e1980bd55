"""Publications of all types: schema, query, filters and operations."""

from __future__ import annotations

from typing import Any

from peewee import Select, fn

from api.core.common import Family, columns, family_filters, orderings, unit_filters
from api.core.repositories import versions_with
from api.core.roles import role_operations
from api.endpoints import Operation
from api.filters import FilterSet, boolean_filter, custom, key_of, time_filters
from api.operations import deleting, listing, reading
from api.schemas.base import ObjectSchema, refuse
from api.schemas.fields import ListOf, Row, Text
from api.schemas.references import Reference, find_object, show_href, show_version_href
from pulp_actor.identifiers import href_of, registry
from pulp_actor.models import (
    ContentArtifact,
    Distribution,
    Publication,
    PublishedArtifact,
    Repository,
    RepositoryVersion,
)


class PublicationSchema(ObjectSchema):
    """A publication of any type; a plugin's schema derives from it. Made from a version, or a repository's latest one."""

    wire_name = "Publication"
    model = Publication

    repository_version = Reference(
        RepositoryVersion, show=show_version_href("version"), help="The version that is published.")
    repository = Reference(
        Repository, show=show_href(Repository, "version_repository_id", "version_repository_type"),
        help="The repository whose latest version is published.")

    def check(self, data: dict[str, Any], current: Any) -> None:
        """Leave the version that is meant in ``repository_version``, and the repository nowhere."""
        repository, version = data.pop("repository", None), data.get("repository_version")
        if (repository is None) == (version is None):
            raise refuse("non_field_errors", "Either repository or repository_version is needed, and not both.")
        if repository is not None:
            data["repository_version"] = repository.latest_version()
            data["repository_version"].repository = repository


def _distributions(row: Row) -> list[str]:
    return [href_of(registry.get(Distribution, one["type"]), one["id"]) for one in row["distributions"] or ()]


def shown_distributions() -> ListOf:
    """The field that lists the distributions which serve a publication."""
    return ListOf(Text(format="uri"), read_only=True, show=_distributions, help="The distributions that serve it.")


def publication_rows(type_: str | None = None) -> Select:
    """All complete publications (of one type), with their version, its repository, and who distributes them."""
    serving = Distribution.select(
        fn.JSONB_AGG(fn.JSONB_BUILD_OBJECT("id", Distribution.id, "type", Distribution.type))
    ).where(Distribution.publication == Publication.id)
    query = (
        Publication.select(
            *columns(Publication), RepositoryVersion.number.alias("version_number"),
            RepositoryVersion.repository.alias("version_repository_id"),
            Repository.type.alias("version_repository_type"), serving.alias("distributions"),
        )
        .join(RepositoryVersion)
        .join(Repository)
        .where(Publication.complete)
    )
    return query if type_ is None else query.where(Publication.type == type_)


def publications_with(keys: list[str]) -> Any:
    """The condition that selects publications which serve one of these units: because they have published it themselves, or
    because they pass their version through."""
    published = PublishedArtifact.select(PublishedArtifact.publication).join(ContentArtifact).where(
        ContentArtifact.content.in_(keys))
    holding = RepositoryVersion.select(RepositoryVersion.id).where(versions_with(keys))
    return Publication.id.in_(published) | (Publication.pass_through & Publication.repository_version.in_(holding))


def publication_filters(type_: str | None = None) -> FilterSet:
    """What publications can be filtered and ordered by."""
    filters = [
        boolean_filter("checkpoint", Publication.checkpoint),
        *unit_filters(publications_with),
        *time_filters("pulp_created", Publication.pulp_created),
        custom("repository", lambda text: RepositoryVersion.repository == key_of(text, Repository)),
        custom("repository_version", lambda text: Publication.repository_version == find_object(
            text, RepositoryVersion).get_id()),
    ]
    order = orderings(Publication, ("checkpoint", "complete", "pass_through"))
    return family_filters(Publication, type_, filters, order)


def publication_operations(*more: Operation) -> list[Operation]:
    """What every type of publication offers; how one is made is the type's own."""
    return [listing(), reading(), deleting(), *role_operations(), *more]


#: The publications of all types.
PUBLICATIONS = Family(
    "publications", "Publications", PublicationSchema, publication_rows, publication_filters, publication_operations)

#: The endpoint of one type of publication: `Family.of_type`; how one is made is among its operations.
publication_endpoint = PUBLICATIONS.of_type
