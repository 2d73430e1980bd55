"""Mirrors a remote's files into a new version of a repository: those that a manifest lists, or those of a Git commit."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from pulp_actor.db import database
from pulp_actor.errors import NotFound, PulpActorError
from pulp_actor.models import Remote, Repository, RepositoryVersion
from pulp_actor.plugins.file import listing, trees
from pulp_actor.queue import current_task
from pulp_actor.sync import run
from pulp_actor.versions import VersionBuilder, announce, new_version


class Source(Protocol):
    """What a remote has at the moment. ``facts`` are equal as long as it has the same."""

    facts: dict[str, Any]

    async def fill(self, version: VersionBuilder) -> None:
        """Bring all units into a version."""


#: How each type of remote is looked at: a context manager for the length of a sync.
SOURCES: Mapping[str, Callable[[Remote], AbstractContextManager[Source]]] = {
    "file.file": listing.downloaded, "file.git": trees.fetched_tree,
}


class UnsupportedRemote(PulpActorError):
    """A remote of a type that cannot be synced from."""


@dataclass(frozen=True)
class SyncOptions:
    """``mirror``: drop what the remote does not have. ``optimize``: do nothing if nothing has changed since."""

    mirror: bool = False
    optimize: bool = True


def synchronize(remote_id: uuid.UUID, repository_id: uuid.UUID, options: SyncOptions) -> RepositoryVersion | None:
    """Sync; returns the version that was made, or None if nothing changed.

    Raises:
        DownloadError, ManifestError, StorageError: the repository is as it was.
        NotFound: remote or repository has gone.
        UnsupportedRemote: the remote is of a type that cannot be synced from.
    """
    remote, repository = _get(Remote, remote_id), _get(Repository, repository_id)
    if remote.type not in SOURCES:
        known = " and ".join(SOURCES)
        raise UnsupportedRemote(f"the remote {remote.name} is of type {remote.type}; only {known} can be synced from")
    with SOURCES[remote.type](remote) as source:
        details = _sync_details(remote, options) | source.facts
        if options.optimize and _unchanged(repository, details):
            with current_task().progress("sync.was_skipped", "Skipping Sync (no change from previous sync)"):
                return None
        with new_version(repository) as version:
            if options.mirror:
                version.remove_all()
            run(source.fill(version))
        _report_changes(version)
    _remember(repository, details)
    announce(version.made)
    return version.made


def _sync_details(remote: Remote, options: SyncOptions) -> dict[str, Any]:
    """What a sync depends on, beside what its source adds; a later one that depends on the same would change nothing."""
    return {
        "remote_pk": str(remote.id), "url": remote.url, "download_policy": remote.policy, "mirror": options.mirror,
    }


def _unchanged(repository: Repository, details: dict[str, Any]) -> bool:
    last = dict(repository.details.get("last_sync_details") or {})
    return last.pop("most_recent_version", None) == repository.latest_version().number and last == details


def _remember(repository: Repository, details: dict[str, Any]) -> None:
    """Keep what this sync depended on, beside whatever else has become of the details meanwhile."""
    details = details | {"most_recent_version": repository.latest_version().number}
    database.execute_sql(
        "UPDATE repository SET details = details || jsonb_build_object('last_sync_details', %s::jsonb) WHERE id = %s",
        (json.dumps(details), str(repository.id)))


def _report_changes(version: VersionBuilder) -> None:
    for code, message, counts in (
        ("associating.content", "Associating Content", version.added),
        ("unassociating.content", "Un-Associating Content", version.removed),
    ):
        total = sum(counts.values())
        if total:
            with current_task().progress(code, message, total=total) as progress:
                progress.increment(total)


def _get(model: Any, key: uuid.UUID) -> Any:
    row = model.get_or_none(model.id == key)
    if row is None:
        raise NotFound(f"there is no {model.__name__.lower()} {key} any more")
    return row
