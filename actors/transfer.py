"""Actors that export repositories and publications, and import archives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from pulp_actor.errors import NotFound
from pulp_actor.models import Exporter, Importer, Publication, RepositoryVersion
from pulp_actor.queue import actor
from pulp_actor.transfer.exporting import ExportedVersion, export_archive
from pulp_actor.transfer.filesystem import export_files
from pulp_actor.transfer.importing import import_archive


@actor(name="pulpcore.app.tasks.export.pulp_export")
def pulp_export(exporter_pk: str, versions: Sequence[Sequence[str | None]], params: dict[str, Any]) -> None:
    """Write an archive.

    Parameters:
        versions: (key of a version, key of the version it builds on or None) for each repository.
        params: what was asked for.
    """
    exporter = _get(Exporter, exporter_pk)
    export_archive(exporter, [
        ExportedVersion(_get(RepositoryVersion, version), _get(RepositoryVersion, start) if start else None)
        for version, start in versions
    ], params)


@actor(name="pulpcore.app.tasks.export.fs_publication_export")
def fs_publication_export(
    exporter_pk: str, publication_pk: str, start_repo_version_pk: str | None = None, params: dict[str, Any] | None = None,
) -> None:
    """Write what a publication serves into a folder; without what the start version has, if one is given."""
    publication = _get(Publication, publication_pk)
    start = _get(RepositoryVersion, start_repo_version_pk) if start_repo_version_pk else None
    export_files(
        _get(Exporter, exporter_pk), ExportedVersion(publication.repository_version, start), publication, params or {})


@actor(name="pulpcore.app.tasks.export.fs_repo_version_export")
def fs_repo_version_export(
    exporter_pk: str, repo_version_pk: str, start_repo_version_pk: str | None = None, params: dict[str, Any] | None = None,
) -> None:
    """Write the files of a version into a folder; without those of the start version, if one is given."""
    start = _get(RepositoryVersion, start_repo_version_pk) if start_repo_version_pk else None
    exported = ExportedVersion(_get(RepositoryVersion, repo_version_pk), start)
    export_files(_get(Exporter, exporter_pk), exported, None, params or {})


@actor(name="pulpcore.app.tasks.importer.pulp_import", retry_on_loss=False)
def pulp_import(importer_pk: str, params: dict[str, Any], repositories: Sequence[str]) -> None:
    """Import an archive.

    Parameters:
        params: what was asked for.
        repositories: keys of those that are there already and that the task has locked.
    """
    import_archive(_get(Importer, importer_pk), params, repositories)


def _get(model: Any, key: Any) -> Any:
    row = model.get_or_none(model.id == UUID(key))
    if row is None:
        raise NotFound(f"there is no {model.__name__.lower()} {key} any more")
    return row
