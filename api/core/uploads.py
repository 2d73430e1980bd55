"""Uploads in chunks: begin one, put its chunks with ``Content-Range``, commit it to an artifact."""

from __future__ import annotations

import re
from dataclasses import replace

from marshmallow import ValidationError as MarshmallowError
from peewee import Select, fn

from api.call import Answer, Call
from api.core.common import columns, newest_first, orderings
from api.core.roles import role_operations
from api.endpoints import FORM, MULTIPART, Endpoint, Key, Operation
from api.filters import FilterSet, identity_filters, lookups
from api.operations import action, creating, listing
from api.schemas.base import ObjectSchema, WireSchema, refuse
from api.schemas.fields import DateTime, File, Integer, Row, Text
from api.schemas.nested import Object
from api.uploads import check_received
from pulp_actor.models import Upload, UploadChunk
from pulp_actor.models.resources import UPLOAD
from pulp_actor.storage.uploads import add_chunk, drop

COMMIT = "pulpcore.app.tasks.upload.commit"

_CONTENT_RANGE = re.compile(r"^bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)$")


def _positive(number: int) -> None:
    if number < 1:
        raise MarshmallowError("An upload has at least one byte.")


class ChunkSchema(WireSchema):
    """A chunk that has arrived, or one that is brought."""

    wire_name = "UploadChunk"
    offset = Integer(read_only=True, help="Where it begins in the whole.")
    size = Integer(read_only=True)
    file = File(write_only=True, required=True, help="The chunk's bytes.")
    sha256 = Text(write_only=True, null=True, help="Their digest.")


class UploadSchema(ObjectSchema):
    wire_name = "Upload"
    model = Upload
    size = Integer(required=True, bits=64, validate=[_positive], help="Bytes of the whole.")
    completed = DateTime(read_only=True, show=lambda row: None)


def _chunks(row: Row) -> list[dict[str, int]]:
    return row["chunks"] or []


class UploadDetailSchema(UploadSchema):
    wire_name = "UploadDetail"
    chunks = Object(ChunkSchema, many=True, read_only=True, show=_chunks)


class UploadCommit(WireSchema):
    wire_name = "UploadCommit"
    sha256 = Text(required=True, help="The digest of the whole.")


def upload_rows() -> Select:
    chunk = fn.JSONB_BUILD_OBJECT("offset", UploadChunk.offset, "size", UploadChunk.size)
    chunks = UploadChunk.select(fn.JSONB_AGG(chunk).order_by(UploadChunk.offset)).where(UploadChunk.upload == Upload.id)
    return Upload.select(*columns(Upload), chunks.alias("chunks"))


_detail = UploadDetailSchema()


def _read(call: Call) -> Answer:
    return Answer(200, _detail.shower(call.values("fields"), call.values("exclude_fields"))(call.row()))


def _put_chunk(call: Call) -> Answer:
    upload: Upload = call.instance
    data = call.read()
    first, last = _content_range(call.request.get_header("Content-Range"), upload)
    file = data["file"]
    if file.size != last - first + 1:
        raise refuse("non_field_errors", f"The chunk has {file.size} bytes, its Content-Range {last - first + 1}.")
    check_received(file, {"sha256": data.get("sha256")})
    add_chunk(upload, first, file)
    return Answer(200, call.endpoint.wire.show(call.row()))


def _content_range(header: str | None, upload: Upload) -> tuple[int, int]:
    match = _CONTENT_RANGE.match(header or "")
    if not match:
        raise refuse("non_field_errors", "A header such as \"Content-Range: bytes 0-99/1000\" is needed.")
    first, last = int(match[1]), int(match[2])
    if last < first or last >= upload.size or (match[3] != "*" and int(match[3]) != upload.size):
        raise refuse("non_field_errors", f"This Content-Range does not fit into the {upload.size} bytes of the upload.")
    return first, last


def _commit(call: Call) -> Answer:
    upload: Upload = call.instance
    data = call.read()
    return call.accepted(COMMIT, {"upload_pk": str(upload.id), "sha256": data["sha256"]}, exclusive=[upload])


def _delete(call: Call) -> Answer:
    drop(call.instance)
    return Answer(204)


def upload_endpoint() -> Endpoint:
    # The contract has an upload for the body of the last two; what they read is a role, as everywhere.
    roles = [one if one.method == "GET" else replace(one, request=UploadSchema) for one in role_operations()]
    return Endpoint(
        path="uploads", tag="Uploads", schema=UploadSchema, rows=upload_rows, resource=UPLOAD,
        keys=[Key("pulp_id", Upload.id)],
        filters=FilterSet(
            [
                *identity_filters(Upload.id, Upload),
                *lookups("size", Upload.size, Integer(bits=64), ("exact", "gt", "lt", "range")),
            ],
            orderings(Upload, ("size",)), newest_first(Upload),
        ),
        operations=[
            listing(), creating(),
            Operation("read", "GET", _read, on_item=True, responses={200: UploadDetailSchema}),
            Operation(
                "update", "PUT", _put_chunk, on_item=True, request=ChunkSchema, responses={200: "object"},
                headers=("Content-Range",), media=(MULTIPART, FORM)),
            Operation("delete", "DELETE", _delete, on_item=True, responses={204: None}),
            action("commit", _commit, UploadCommit), *roles,
        ],
    )


