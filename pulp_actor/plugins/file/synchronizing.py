"""Mirrors a remote's manifest and files into a new version of a repository."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urljoin

from pulp_actor.db import database
from pulp_actor.errors import NotFound, PulpActorError
from pulp_actor.models import Remote, Repository, RepositoryVersion
from pulp_actor.plugins.file import manifest
from pulp_actor.plugins.file.models import FileContent
from pulp_actor.queue import current_task
from pulp_actor.storage import TemporaryFile
from pulp_actor.sync import DeclaredArtifact, DeclaredContent, Downloader, Pipeline, run
from pulp_actor.versions import VersionBuilder, announce, new_version

#: Paths that stand in a URL as they are; most do, and quoting is slow.
_PLAIN = re.compile(r"[A-Za-z0-9_./-]+")


#: The type of remote whose URL is a manifest's.
TYPE = "file.file"


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
    if remote.type != TYPE:
        raise UnsupportedRemote(f"the remote {remote.name} is of type {remote.type}; only {TYPE} can be synced from")
    with downloaded_manifest(remote, remote.url) as file:
        details = _sync_details(remote, options, file)
        if options.optimize and _unchanged(repository, details):
            with current_task().progress("sync.was_skipped", "Skipping Sync (no change from previous sync)"):
                return None
        with new_version(repository) as version:
            if options.mirror:
                version.remove_all()
            run(_fill(remote, version, file))
        _report_changes(version)
    _remember(repository, details)
    announce(version.made)
    return version.made


@contextmanager
def downloaded_manifest(remote: Remote, url: str) -> Iterator[TemporaryFile]:
    """A manifest of the remote's, downloaded, for the length of the block."""
    async def fetch() -> TemporaryFile:
        async with Downloader(remote) as downloader:
            return await downloader.fetch(url)

    with current_task().progress("sync.downloading.metadata", "Downloading Metadata", total=1) as progress:
        file = run(fetch())
        progress.increment()
    try:
        yield file
    finally:
        file.discard()


async def _fill(remote: Remote, version: VersionBuilder, file: TemporaryFile) -> None:
    """Bring what the manifest lists into the version."""
    task = current_task()
    with file.path.open("rb") as lines, file.path.open("rb") as again:
        total = manifest.check(lines, again, remote.url)
    with (
        task.progress("sync.parsing.metadata", "Parsing Metadata Lines", total=total) as parsed,
        task.progress("sync.downloading.artifacts", "Downloading Artifacts") as downloaded,
        file.path.open("rb") as lines,
    ):
        async with Downloader(remote) as downloader:
            pipeline = Pipeline(
                remote, version, downloader, on_units=parsed.increment, on_downloads=downloaded.increment)
            await pipeline.run(declare(manifest.read(lines, remote.url), remote.url))


def declare(entries: Iterator[manifest.Entry], url: str) -> Iterator[DeclaredContent]:
    """The units of a manifest at ``url``; its files lie beside it."""
    base = urljoin(url, ".")
    for path, digest, size, _ in entries:
        location = path if _PLAIN.fullmatch(path) else quote(path)
        yield DeclaredContent(
            FileContent, {"digest": digest, "relative_path": path},
            (DeclaredArtifact(base + location, path, size, {"sha256": digest}),),
        )


def _sync_details(remote: Remote, options: SyncOptions, file: TemporaryFile) -> dict[str, Any]:
    """What a sync depends on; a later one that depends on the same would change nothing."""
    return {
        "remote_pk": str(remote.id), "url": remote.url, "download_policy": remote.policy, "mirror": options.mirror,
        "manifest_checksum": file.digests["sha256"],
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
