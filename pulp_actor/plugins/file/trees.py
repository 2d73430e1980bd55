"""Mirrors the files of one commit of a Git repository. They are kept at once, whatever a remote's policy: a commit's files
have no addresses of their own from which they could be fetched later."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from pulp_actor.models import Remote
from pulp_actor.plugins.file.git import Blob, Commit, fetched
from pulp_actor.plugins.file.models import FileContent
from pulp_actor.queue import current_task
from pulp_actor.storage import TemporaryFile, get_storage
from pulp_actor.sync import DeclaredArtifact, DeclaredContent, Downloader, Pipeline
from pulp_actor.versions import VersionBuilder

#: The type of remote whose URL is a Git repository's.
TYPE = "file.git"


class Tree:
    """What a sync finds at a Git remote. ``facts`` are what a sync of it depends on."""

    def __init__(self, remote: Remote, commit: Commit) -> None:
        self._remote, self._commit = remote, commit
        self.facts: dict[str, Any] = {"git_commit": commit.name}

    async def fill(self, version: VersionBuilder) -> None:
        """Bring the commit's files into the version."""
        task = current_task()
        with (
            task.progress("sync.parsing.tree", "Reading Files of the Commit") as parsed,
            task.progress("sync.downloading.artifacts", "Storing Artifacts") as stored,
        ):
            async with Blobs(self._remote, self._commit) as blobs:
                pipeline = Pipeline(
                    self._remote, version, blobs, on_units=parsed.increment, on_downloads=stored.increment)
                await pipeline.run(blobs.declare(blob) for blob in self._commit.files())


@contextmanager
def fetched_tree(remote: Remote) -> Iterator[Tree]:
    """The commit that the remote's ``git_ref`` leads to, for the length of the block. Raises DownloadError."""
    with ExitStack() as stack:
        with current_task().progress("sync.downloading.metadata", "Fetching the Commit", total=1) as progress:
            commit = stack.enter_context(fetched(remote, remote.details.get("git_ref") or "HEAD"))
            progress.increment()
        yield Tree(remote, commit)


class Blobs(Downloader):
    """A downloader whose files are those of a commit. One is read at a time."""

    def __init__(self, remote: Remote, commit: Commit) -> None:
        super().__init__(remote)
        self.concurrency = 1
        self._commit = commit
        self._lock = threading.Lock()

    def declare(self, blob: Blob) -> DeclaredContent:
        """The unit of a file; reads it, because only its bytes say its digest."""
        digest = hashlib.sha256()
        with self._lock:
            for chunk in self._commit.read(blob.name):
                digest.update(chunk)
        sha256 = digest.hexdigest()
        artifact = DeclaredArtifact(blob.name, blob.path, blob.size, {"sha256": sha256}, refetchable=False)
        return DeclaredContent(FileContent, {"digest": sha256, "relative_path": blob.path}, (artifact,))

    async def fetch(
        self, url: str, expected_size: int | None = None, expected_digests: Mapping[str, str | None] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> TemporaryFile:
        """The bytes of the blob that is called ``url``."""
        return await asyncio.to_thread(self._read, url)

    def _read(self, name: str) -> TemporaryFile:
        temporary = get_storage(self.remote.domain_id).new_temporary()  # type: ignore[attr-defined]
        try:
            with self._lock:
                for chunk in self._commit.read(name):
                    temporary.write(chunk)
        except BaseException:
            temporary.discard()
            raise
        temporary.close()
        return temporary
