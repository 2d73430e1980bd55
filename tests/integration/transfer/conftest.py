"""What the tests of exports and imports share: repositories with files in them, a folder for archives, another platform."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from pulp_actor.db import database as pool
from pulp_actor.identifiers import registry
from pulp_actor.models import (
    Artifact,
    ContentArtifact,
    Exporter,
    Importer,
    Repository,
    RepositoryContent,
    RepositoryVersion,
    mutations,
)
from pulp_actor.plugins.file.content import create_file_content
from pulp_actor.settings import settings
from pulp_actor.storage import get_storage
from pulp_actor.storage.artifacts import store_artifacts
from pulp_actor.versions import new_version, version_content
from tests.integration.file.conftest import connection, make_remote, make_repository, paths, task, upstream

__all__ = ["connection", "make_remote", "make_repository", "paths", "task", "upstream"]


@pytest.fixture
def shelf(tmp_path: Path, connection: Any) -> Iterator[Path]:
    """A folder that exports may write and imports may read."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    with settings.override(ALLOWED_EXPORT_PATHS=[str(folder)], ALLOWED_IMPORT_PATHS=[str(folder)]):
        yield folder


@pytest.fixture
def exporter(shelf: Path) -> Exporter:
    return Exporter.create(type="core.pulp", name="shelf", path=str(shelf))


@pytest.fixture
def make_importer(shelf: Path) -> Callable[..., Importer]:
    def make(**mapping: str) -> Importer:
        return Importer.create(name=f"importer {Importer.select().count()}", details={"repo_mapping": mapping})

    return make


def repository(name: str, **columns: Any) -> Repository:
    return mutations.create(registry.by_path("repositories/file/file"), {"name": name, **columns})


def hold(target: Repository, files: Mapping[str, bytes]) -> RepositoryVersion:
    """Make a version of a repository that holds these files and no others."""
    temporaries = []
    for data in files.values():
        temporary = get_storage().new_temporary()
        temporary.write(data)
        temporaries.append(temporary)
    units = [create_file_content(artifact, path) for artifact, path in zip(
        store_artifacts(temporaries), files, strict=True)]
    with new_version(target) as version:
        version.remove_all()
        version.add([unit.get_id() for unit in units])
    assert version.made is not None
    return version.made


def held(target: Repository) -> dict[str, bytes]:
    """Path -> bytes, as they are in the store, of a repository's latest version."""
    query = (
        RepositoryContent.select(ContentArtifact.relative_path, Artifact.file)
        .join(ContentArtifact, on=ContentArtifact.content == RepositoryContent.content).join(Artifact)
        .where(version_content(target.latest_version()))
    )
    return {path: b"".join(get_storage().open(file)) for path, file in query.tuples()}


@pytest.fixture
def elsewhere(data_dir: Path) -> Callable[[], None]:
    """Forgets everything but the shelf, as if this were another platform."""
    def move() -> None:
        pool.execute_sql(
            "TRUNCATE repository, repository_version, repository_content, content, content_artifact, artifact, exporter, "
            "export CASCADE")
        shutil.rmtree(data_dir / "media", ignore_errors=True)

    return move
