"""Makes a unit of content with one artifact, from whichever source of bytes a client names; for plugins whose types need
nothing more than that:

    mutations.register(RecipeContent, mutations.Rules(prepare=with_bytes, create=create_unit))
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pulp_actor.db import transaction
from pulp_actor.errors import ValidationError
from pulp_actor.identifiers import ResourceType
from pulp_actor.models import Artifact, DetailContent, Remote, Repository, Upload
from pulp_actor.models.units import make_unit
from pulp_actor.paths import path_fault
from pulp_actor.storage import TemporaryFile
from pulp_actor.storage.artifacts import store_artifact
from pulp_actor.storage.uploads import assembled, drop
from pulp_actor.sync.download import Downloader
from pulp_actor.sync.running import run
from pulp_actor.sync.store import keep_cleanup_out
from pulp_actor.versions import announce, new_version


def create_unit(resource: ResourceType, data: Mapping[str, Any]) -> DetailContent:
    """The unit that validated data describes, made unless it is there; in a new version of a repository if one is named.

    Parameters:
        data: ``relative_path``, one source of bytes (see `artifact_of`), and columns of the type; perhaps ``pulp_labels``,
            ``repository_id`` and ``overwrite``. Its bytes are at hand: see `with_bytes`.

    Raises:
        ValidationError: the path leads out of the repository, or something that is named has gone.
        StorageError: the bytes cannot be stored.
        PathTaken: the repository has another unit in that place, and ``overwrite`` is off.
    """
    fault = path_fault(data["relative_path"])
    if fault:
        raise ValidationError({"relative_path": [fault]})
    with transaction():
        keep_cleanup_out()
        artifact = artifact_of(data)
        repository = existing(Repository, data, "repository") if data.get("repository_id") else None
        unit = make_unit(resource, {**data, "artifact_id": str(artifact.id)})
        if repository is not None:
            with new_version(repository, overwrite=data.get("overwrite") is not False) as version:
                version.add([unit.get_id()])
            announce(version.made)
    return unit


@contextmanager
def with_bytes(data: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Data with a ``file`` for the length of the block, if its bytes have to be gathered: what is behind ``file_url``,
    downloaded as ``downloader_config`` says, or the chunks of ``upload_id``. Else the data as it is. To be called outside of
    transactions: gathering takes time.

    Raises:
        ValidationError: the upload has gone, or is not finished.
        DownloadError, StorageError
    """
    if data.get("upload_id"):
        with assembled(existing(Upload, data, "upload")) as file:
            yield {**data, "file": file}
    elif data.get("file_url"):
        file = run(_download(data["file_url"], data.get("downloader_config") or {}))
        try:
            yield {**data, "file": file}
        finally:
            file.discard()
    else:
        yield data


def artifact_of(data: Mapping[str, Any]) -> Artifact:
    """The artifact that validated data names as the source of a unit's bytes: ``artifact_id``, or ``file``, which
    `with_bytes` has gathered. An upload is gone then."""
    if data.get("artifact_id"):
        return existing(Artifact, data, "artifact")
    if data.get("file") is None:
        raise ValidationError({"artifact": ["Nothing says where the bytes come from."]})
    artifact = store_artifact(data["file"])
    if data.get("upload_id"):
        drop(existing(Upload, data, "upload"))
    return artifact


def existing(model: Any, data: Mapping[str, Any], name: str) -> Any:
    """The row whose key is in ``data`` under ``<name>_id``. Raises ValidationError if it has gone."""
    row = model.get_or_none(model.id == data[f"{name}_id"])
    if row is None:
        raise ValidationError({name: [f"There is no such {name} any more."]})
    return row


async def _download(url: str, network: Mapping[str, Any]) -> TemporaryFile:
    async with Downloader(Remote(url=url, name=url, **network)) as downloader:
        return await downloader.fetch(url)
