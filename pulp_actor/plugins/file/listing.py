"""Mirrors the files that a manifest lists: over http(s), or from ``file://`` below ALLOWED_IMPORT_PATHS."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urljoin

from pulp_actor.models import Remote
from pulp_actor.plugins.file import manifest
from pulp_actor.plugins.file.models import FileContent
from pulp_actor.queue import current_task
from pulp_actor.storage import TemporaryFile
from pulp_actor.sync import DeclaredArtifact, DeclaredContent, Downloader, Pipeline, run
from pulp_actor.versions import VersionBuilder

#: Paths that stand in a URL as they are; most do, and quoting is slow.
_PLAIN = re.compile(r"[A-Za-z0-9_./-]+")


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


class Listing:
    """What a sync finds at a remote with a manifest. ``facts`` are what a sync of it depends on."""

    def __init__(self, remote: Remote, file: TemporaryFile) -> None:
        self._remote, self._file = remote, file
        self.facts: dict[str, Any] = {"manifest_checksum": file.digests["sha256"]}

    async def fill(self, version: VersionBuilder) -> None:
        """Bring what the manifest lists into the version."""
        remote, file, task = self._remote, self._file, current_task()
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


@contextmanager
def downloaded(remote: Remote) -> Iterator[Listing]:
    """The remote's manifest, for the length of the block. Raises DownloadError."""
    with downloaded_manifest(remote, remote.url) as file:
        yield Listing(remote, file)


def declare(entries: Iterator[manifest.Entry], url: str) -> Iterator[DeclaredContent]:
    """The units of a manifest at ``url``; its files lie beside it."""
    base = urljoin(url, ".")
    for path, digest, size, _ in entries:
        location = path if _PLAIN.fullmatch(path) else quote(path)
        yield DeclaredContent(
            FileContent, {"digest": digest, "relative_path": path},
            (DeclaredArtifact(base + location, path, size, {"sha256": digest}),),
        )
