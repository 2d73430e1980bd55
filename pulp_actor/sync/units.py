"""Makes a unit of content with one artifact, from whichever source of bytes a client names; for plugins whose types need
nothing more than that:

    mutations.register(RecipeContent, mutations.Rules(create=create_unit))
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pulp_actor.db import database, transaction
from pulp_actor.errors import ValidationError
from pulp_actor.identifiers import ResourceType
from pulp_actor.models import Artifact, DetailContent, Remote, Repository, Upload
from pulp_actor.models.units import make_unit
from pulp_actor.paths import path_fault
from pulp_actor.storage import TemporaryFile
from pulp_actor.storage.artifacts import store_artifact
from pulp_actor.storage.uploads import assemble
from pulp_actor.sync.download import Downloader
from pulp_actor.sync.running import run
from pulp_actor.sync.store import CONTENT_LOCK
from pulp_actor.sync.store import SQL as STORE
from pulp_actor.versions import announce, new_version


def create_unit(resource: ResourceType, data: Mapping[str, Any]) -> DetailContent:
    """The unit that validated data describes, made unless it is there; in a new version of a repository if one is named.

    Parameters:
        data: ``relative_path``, one source of bytes (see `artifact_of`), and columns of the type; perhaps ``pulp_labels``,
            ``repository_id`` and ``overwrite``.

    Raises:
        ValidationError: the path leads out of the repository, or something that is named has gone.
        DownloadError, StorageError: the bytes cannot be had, or not be stored.
        PathTaken: the repository has another unit in that place, and ``overwrite`` is off.
    """
    fault = path_fault(data["relative_path"])
    if fault:
        raise ValidationError({"relative_path": [fault]})
    with downloaded(data) as file, transaction():
        # Before the store's own lock, in the order in which everybody takes the two; and never during a download.
        database.execute_sql(STORE.lock_content, (CONTENT_LOCK,))
        artifact = artifact_of(data, file)
        repository = existing(Repository, data, "repository") if data.get("repository_id") else None
        unit = make_unit(resource, {**data, "artifact_id": str(artifact.id)})
        if repository is not None:
            with new_version(repository, overwrite=data.get("overwrite") is not False) as version:
                version.add([unit.get_id()])
            announce(version.made)
    return unit


@contextmanager
def downloaded(data: Mapping[str, Any]) -> Iterator[TemporaryFile | None]:
    """What is behind ``file_url``, downloaded as ``downloader_config`` says, for the length of the block; None without one.

    Raises:
        DownloadError, StorageError
    """
    if not data.get("file_url"):
        yield None
        return
    file = run(_download(data["file_url"], data.get("downloader_config") or {}))
    try:
        yield file
    finally:
        file.discard()


def artifact_of(data: Mapping[str, Any], file: TemporaryFile | None) -> Artifact:
    """The artifact that validated data names as the source of a unit's bytes: ``artifact_id``, ``upload_id``, or what was
    downloaded from ``file_url``."""
    if data.get("artifact_id"):
        return existing(Artifact, data, "artifact")
    if data.get("upload_id"):
        return assemble(existing(Upload, data, "upload"))
    if file is not None:
        return store_artifact(file)
    raise ValidationError({"artifact": ["Nothing says where the bytes come from."]})


def existing(model: Any, data: Mapping[str, Any], name: str) -> Any:
    """The row whose key is in ``data`` under ``<name>_id``. Raises ValidationError if it has gone."""
    row = model.get_or_none(model.id == data[f"{name}_id"])
    if row is None:
        raise ValidationError({name: [f"There is no such {name} any more."]})
    return row


async def _download(url: str, network: Mapping[str, Any]) -> TemporaryFile:
    async with Downloader(Remote(url=url, name=url, **network)) as downloader:
        return await downloader.fetch(url)
