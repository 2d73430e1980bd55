"""What the file plugin's tests share: an upstream, repositories, remotes, and a record of what tasks reported."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pulp_actor.db import connected
from pulp_actor.db.connection import Database
from pulp_actor.identifiers import registry
from pulp_actor.models import Remote, Repository, RepositoryContent, RepositoryVersion, mutations
from pulp_actor.plugins import load_plugins
from pulp_actor.plugins.file import actors  # noqa: F401  (as a worker imports it)
from pulp_actor.plugins.file.models import FileContent
from pulp_actor.queue.context import CurrentTask, _current
from pulp_actor.settings import settings
from pulp_actor.versions import version_content
from tests.support.git import Work
from tests.support.upstream import Upstream

_numbers = itertools.count(1)


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@pytest.fixture
def connection(database: Database) -> Iterator[Database]:
    """An open connection to a fresh database, as an actor has."""
    load_plugins()
    with connected():
        yield database


@pytest.fixture
def task() -> Iterator[CurrentTask]:
    """The task that actors called in a test run as."""
    stand_in = CurrentTask()
    token = _current.set(stand_in)
    yield stand_in
    _current.reset(token)


@pytest.fixture
def make_repository(connection: Database) -> Callable[..., Repository]:
    def make(**columns: Any) -> Repository:
        resource = registry.by_path("repositories/file/file")
        return mutations.create(resource, {"name": f"repository {next(_numbers):06}", **columns})

    return make


@pytest.fixture
def make_remote(connection: Database, upstream: Upstream) -> Callable[..., Remote]:
    def make(**columns: Any) -> Remote:
        columns = {"url": upstream.manifest_url, "name": f"remote {next(_numbers):06}", **columns}
        return Remote.create(type="file.file", **columns)

    return make


def paths(version: RepositoryVersion) -> set[str]:
    """The relative paths in a version."""
    query = FileContent.select(FileContent.relative_path).join(
        RepositoryContent, on=RepositoryContent.content == FileContent.content).where(version_content(version))
    return {path for (path,) in query.tuples()}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with settings.override(ALLOWED_IMPORT_PATHS=[str(tmp_path / "repositories")]):
        yield tmp_path / "repositories"


@pytest.fixture
def work(folder: Path) -> Work:
    work = Work(folder / "work")
    work.commit({"README": b"first\n", "docs/a file": b"a\n", "data.bin": bytes(range(256)) * 4000})
    return work


@pytest.fixture
def make_git_remote(make_remote: Callable[..., Remote], work: Work) -> Callable[..., Remote]:
    def make(ref: str | None = None, **columns: Any) -> Remote:
        remote = make_remote(**{"url": f"file://{work.directory}", "details": {"git_ref": ref} if ref else {}, **columns})
        remote.type = "file.git"
        remote.save()
        return remote

    return make
