"""Making units of content from what a client brings: a file in the request, an artifact, a finished upload or a URL."""

from __future__ import annotations

from typing import Any

from api.call import Answer, Call, instance_of
from api.core.content import show_artifact
from api.core.remotes import NetworkConfig
from api.endpoints import FORM, MULTIPART, Operation
from api.operations import GENERAL_CREATE, action, created
from api.schemas.base import WireSchema, refuse
from api.schemas.common import AsyncOperation
from api.schemas.fields import INDEXED_LIMIT, Boolean, File, Text
from api.schemas.nested import Object
from api.schemas.references import Reference
from pulp_actor.models import Artifact, Repository, Upload, mutations
from pulp_actor.storage.artifacts import store_artifact
from pulp_actor.sync import DownloadError

#: Where a unit's bytes can come from; one of them.
SOURCES = ("artifact", "file", "upload", "file_url")


#: Seconds for a download inside a request; what takes longer is for a task.
DOWNLOAD_TIMEOUT = 60.0


class RelativePath(Text):
    """A path inside a repository: relative, without ``.``, ``..`` and empty segments."""

    default_error_messages = {"path": "A relative path is needed here: no leading slash, no empty segment, no . or ..."}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        if text and any(segment in ("", ".", "..") for segment in text.split("/")):
            raise self.make_error("path")
        if any(c in text for c in "\r\n"):
            raise self.make_error("path")
        return text


class SingleArtifactSchema(WireSchema):
    """The fields of a unit of content with one artifact; a type's schema derives from it and from its own."""

    repository = Reference(Repository, write_only=True, help="A repository that the unit is added to.")
    overwrite = Boolean(write_only=True, help="Whether it may take the place of a unit with the same path.")
    artifact = Reference(Artifact, show=show_artifact, help="An artifact that has the bytes.")
    relative_path = RelativePath(required=True, limit=INDEXED_LIMIT, help="Where it is in a repository.")
    file = File(write_only=True, help="The bytes.")
    upload = Reference(Upload, write_only=True, help="A finished upload that has the bytes.")
    file_url = Text(write_only=True, help="An address that the bytes are downloaded from.")
    downloader_config = Object(NetworkConfig, write_only=True, help="How the server of file_url is spoken to.")

    def check(self, data: dict[str, Any], current: Any) -> None:
        given = [name for name in SOURCES if data.get(name) is not None]
        if len(given) != 1:
            raise refuse("non_field_errors", f"Exactly one of these is needed: {', '.join(SOURCES)}.")
        if data.get("downloader_config") and "file_url" not in data:
            raise refuse("downloader_config", "This goes with file_url only.")


def unit_data(call: Call) -> tuple[dict[str, Any], list[Any]]:
    """The data of a unit to be made, its bytes stored if they came along; and the resources that its task locks."""
    wire = call.endpoint.wire
    loaded = call.read(schema=wire)
    locks = [loaded[name] for name in ("repository", "upload") if loaded.get(name) is not None]
    return wire.stored(_with_artifact(loaded)), locks


def _with_artifact(loaded: dict[str, Any]) -> dict[str, Any]:
    """The data of a request, the file in it replaced by the artifact that it has become."""
    file = loaded.pop("file", None)
    return loaded if file is None else loaded | {"artifact": store_artifact(file)}


def _create(call: Call) -> Answer:
    data, locks = unit_data(call)
    assert call.endpoint.resource is not None
    return call.accepted(GENERAL_CREATE, {"resource": call.endpoint.resource.path, "data": data}, exclusive=locks)


def _upload(call: Call) -> Answer:
    """Make a unit in the request itself; its bytes come along, or have come before."""
    assert call.operation.request is not None and call.endpoint.resource is not None
    wire = instance_of(call.operation.request)
    loaded = call.read(schema=wire)
    data = wire.stored(_with_artifact(loaded))
    if loaded.get("file_url"):
        data["downloader_config"] = _patient(data.get("downloader_config") or {})
    try:
        unit = mutations.create(call.endpoint.resource, data)
    except DownloadError as error:
        raise refuse("file_url", str(error)) from None
    return created(call, unit.get_id())


def _patient(network: dict[str, Any]) -> dict[str, Any]:
    """How a server is spoken to while a client waits for the answer: not for as long as a task could."""
    return {**network, "total_timeout": min(network.get("total_timeout") or DOWNLOAD_TIMEOUT, DOWNLOAD_TIMEOUT)}


def unit_operations(create: type[WireSchema], upload: type[WireSchema]) -> list[Operation]:
    """Making a unit in a task, and making one at once."""
    form = (MULTIPART, FORM)
    return [
        Operation("create", "POST", _create, request=create, responses={202: AsyncOperation}, media=form),
        action("upload", _upload, upload, on_item=False, responses={201: upload}, media=form),
    ]
