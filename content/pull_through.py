"""What a pull-through distribution has fetched before, and keeping what it fetches now. All of it blocks."""

from __future__ import annotations

from uuid import UUID

from content.hooks import PullThrough
from content.sources import Source, sql
from content.views import File, View
from pulp_actor.db import database
from pulp_actor.models import ContentArtifact, Remote, RemoteArtifact
from pulp_actor.storage import TemporaryFile
from pulp_actor.storage.artifacts import store_artifact


def pulled_source(view: View, hook: PullThrough, path: str) -> Source | None:
    """Where ``path`` below ``view`` is fetched from; None if the remote has gone."""
    remote = Remote.get_or_none(Remote.id == view.remote_id)
    return None if remote is None else Source(remote, hook.url(remote, path), None, {})


def find_pulled(view: View, source: Source, path: str, *, saved: bool = False) -> File | None:
    """The file that was fetched from ``source`` before, with its bytes if they are there still; ``saved``: only then."""
    row = database.execute_sql(sql.find_pulled, {
        "remote_id": str(source.remote.id), "url": source.url, "path": path,
    }).fetchone()
    if row is None or (saved and row[1] is None):
        return None
    key, stored, size, sha256, created = row
    return File(UUID(key), path, view.domain_id, stored, size, sha256, created)


def keep_pulled(
    view: View, hook: PullThrough, source: Source, file: File, temporary: TemporaryFile,
) -> tuple[File, UUID]:
    """Make a unit of content of what was fetched; returns the file, and the key of the unit. The temporary file is consumed.
    """
    artifact = store_artifact(temporary, view.domain_id)
    content_id = hook.keep(artifact, file.path)
    entry = ContentArtifact.get(ContentArtifact.content == content_id, ContentArtifact.artifact == artifact.id)
    RemoteArtifact.insert(
        content_artifact=entry, remote=source.remote, url=source.url, size=artifact.size, sha256=artifact.sha256,
    ).on_conflict_ignore().execute()
    kept = File(
        entry.id, file.path, view.domain_id, artifact.file, artifact.size, artifact.sha256, artifact.pulp_created)
    return kept, content_id
