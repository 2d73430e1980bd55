"""Publishes a version: all its files as they are, and a manifest of them unless none is wanted."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from pulp_actor.db import database, load_queries, transaction
from pulp_actor.errors import NotFound, ValidationError
from pulp_actor.identifiers import href, prn
from pulp_actor.models import (
    Publication,
    RepositoryVersion,
)
from pulp_actor.paths import path_fault
from pulp_actor.plugins.file import manifest as manifests
from pulp_actor.publishing import publishing
from pulp_actor.queue import current_task
from pulp_actor.queue.context import Progress

TYPE = "file.file"
#: Rows that are read, and lines that are written, at a time.
CHUNK = 5000

SQL = load_queries("pulp_actor.plugins.file", "queries.sql")


def publish(version_id: uuid.UUID, manifest: str | None = "PULP_MANIFEST", checkpoint: bool = False) -> Publication:
    """Publish a version; returns the publication, complete.

    Raises:
        NotFound: the version has gone.
        ValidationError: the manifest's name is not a plain relative path.
        StorageError: the manifest cannot be stored.
        SigningError: the repository is labelled with a signing service that cannot sign it.
    """
    version = RepositoryVersion.get_or_none(RepositoryVersion.id == version_id)
    if version is None:
        raise NotFound(f"there is no repository version {version_id} any more")
    if manifest and path_fault(manifest):
        raise ValidationError({"manifest": [path_fault(manifest)]})
    task = current_task()
    with (
        task.progress("publish.file", "Publishing Files") as progress,
        publishing(version, TYPE, pass_through=True, checkpoint=checkpoint, details={"manifest": manifest}) as draft,
    ):
        if manifest:
            draft.add(manifest, _manifest_lines(version, progress))
    if checkpoint:
        _retain_checkpoints(version)
    task.add_created_resource(href(draft.publication), prn(draft.publication))
    return draft.publication


def publish_if_asked(version: RepositoryVersion) -> None:
    """Publish a new version of a repository that has ``autopublish``."""
    details = version.repository.details
    if details.get("autopublish"):
        publish(version.id, details.get("manifest", "PULP_MANIFEST"))


def _retain_checkpoints(version: RepositoryVersion) -> None:
    """Delete the repository's checkpoints beyond the newest that it keeps."""
    keep = version.repository.retain_checkpoints
    if not keep:
        return
    checkpoints = Publication.select(Publication.id).join(RepositoryVersion).where(
        RepositoryVersion.repository == version.repository.id, Publication.checkpoint,
    ).order_by(Publication.pulp_created.desc(), Publication.id.desc())
    superfluous = [publication.id for publication in checkpoints.offset(keep)]
    Publication.delete().where(Publication.id.in_(superfluous)).execute()


def _manifest_lines(version: RepositoryVersion, progress: Progress) -> Iterator[bytes]:
    for rows in _entries(version):
        yield "".join(map(manifests.format_entry, *zip(*rows, strict=True))).encode()
        progress.increment(len(rows))


def _entries(version: RepositoryVersion) -> Iterator[list[tuple[str, str, int]]]:
    """Path, digest and size of the version's files, some thousand at a time."""
    parameters = {"repository": str(version.repository_id), "number": version.number}  # type: ignore[attr-defined]
    with transaction():
        database.execute_sql(SQL.open_manifest_entries, parameters)
        while rows := database.execute_sql(SQL.fetch_manifest_entries, (CHUNK,)).fetchall():
            yield rows
        database.execute_sql(SQL.close_manifest_entries)
