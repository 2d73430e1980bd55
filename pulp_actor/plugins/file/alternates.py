"""Looks at what an alternate content source of files has: the manifests at its paths."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from pulp_actor.errors import NotFound
from pulp_actor.models import AlternateContentSource
from pulp_actor.plugins.file import manifest
from pulp_actor.plugins.file.listing import declare, downloaded_manifest
from pulp_actor.queue import current_task
from pulp_actor.sync import DeclaredArtifact
from pulp_actor.sync.alternates import replace_files


def refresh(source_id: uuid.UUID, path: str) -> int:
    """Read the manifest at a path (empty: at the remote's own URL) and note what it lists; returns how many files.

    Raises:
        DownloadError, ManifestError: what was noted before still holds.
        NotFound: the source has gone.
    """
    source = AlternateContentSource.get_or_none(AlternateContentSource.id == source_id)
    if source is None:
        raise NotFound(f"there is no alternate content source {source_id} any more")
    url = manifest_url(source.remote.url, path)
    with downloaded_manifest(source.remote, url) as file:
        with file.path.open("rb") as lines, file.path.open("rb") as again:
            total = manifest.check(lines, again, url)
        with (
            current_task().progress("refresh.parsing.metadata", "Parsing Metadata Lines", total=total) as progress,
            file.path.open("rb") as lines,
        ):
            count = replace_files(source, path, _artifacts(lines, url))
            progress.increment(total)
    return count


def manifest_url(url: str, path: str) -> str:
    """The URL of a path below a remote's."""
    return f"{url.rstrip('/')}/{path}" if path else url


def _artifacts(lines: Iterator[bytes], url: str) -> Iterator[DeclaredArtifact]:
    for unit in declare(manifest.read(lines, url), url):
        yield from unit.artifacts
