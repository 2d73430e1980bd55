"""What a worker can be asked to do for the file plugin. Names are those that clients filter tasks by."""

from __future__ import annotations

import uuid
from typing import Any

from pulp_actor.plugins.file import alternates, content, publishing, synchronizing
from pulp_actor.queue import actor
from pulp_actor.replication.hooks import Replicated, replicates
from pulp_actor.versions import on_new_version, version_facts

__all__ = ["content", "publish", "refresh_alternate_source", "synchronize"]

on_new_version(publishing.TYPE, publishing.publish_if_asked)
replicates(Replicated(
    type=publishing.TYPE, distributions="distributions/file/file", remotes="remotes/file/file",
    repositories="repositories/file/file", url=lambda base_url: f"{base_url}PULP_MANIFEST",
    sync="pulp_file.app.tasks.synchronizing.synchronize", sync_options={"mirror": True},
    repository={"details": {"autopublish": True}},
))


@actor(name="pulp_file.app.tasks.synchronizing.synchronize")
def synchronize(
    remote_pk: str, repository_pk: str, mirror: bool = False, optimize: bool = True,
) -> dict[str, Any] | None:
    """Mirror a remote into a new version of a repository; the version's facts, or None if nothing changed."""
    options = synchronizing.SyncOptions(mirror=mirror, optimize=optimize)
    version = synchronizing.synchronize(uuid.UUID(remote_pk), uuid.UUID(repository_pk), options)
    return None if version is None else version_facts(version)


@actor(name="pulp_file.app.tasks.publishing.publish")
def publish(repository_version_pk: str, manifest: str | None = "PULP_MANIFEST", checkpoint: bool = False) -> None:
    """Publish a version."""
    publishing.publish(uuid.UUID(repository_version_pk), manifest, checkpoint)


@actor(name="pulp_file.app.tasks.acs.refresh", retry_on_loss=True)
def refresh_alternate_source(source_pk: str, path: str) -> int:
    """Note what a path of an alternate content source lists; how many files that are."""
    return alternates.refresh(uuid.UUID(source_pk), path)
