"""Files that arrive in chunks: keeps the chunks in the object store, and makes an artifact of them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from pulp_actor.db import transaction
from pulp_actor.db.connection import after_commit
from pulp_actor.errors import ValidationError
from pulp_actor.models import Artifact, Upload, UploadChunk
from pulp_actor.models.base import utcnow
from pulp_actor.storage.artifacts import store_artifact, storing
from pulp_actor.storage.base import Storage, TemporaryFile
from pulp_actor.storage.stores import get_storage


def _domain(upload: Upload) -> uuid.UUID:
    return upload.domain_id  # type: ignore[attr-defined]


def add_chunk(upload: Upload, offset: int, file: TemporaryFile) -> None:
    """Keep a chunk. One that begins where an earlier one began takes its place.

    Raises:
        StorageFull, StorageError
    """
    key = f"upload/{upload.id}/{uuid.uuid4().hex}"
    file.close()
    size = file.size
    with storing(_domain(upload)) as storage:
        storage.put_file(file.path, key)
        replaced = UploadChunk.get_or_none(UploadChunk.upload == upload.id, UploadChunk.offset == offset)
        if replaced is not None:
            replaced.delete_instance()
        UploadChunk.create(upload=upload.id, offset=offset, size=size, file=key)
        Upload.update(pulp_last_updated=utcnow()).where(Upload.id == upload.id).execute()
        if replaced is not None:
            after_commit(partial(_delete, storage, [replaced.file]))


@contextmanager
def assembled(upload: Upload, sha256: str | None = None) -> Iterator[TemporaryFile]:
    """The whole of a finished upload, for the length of the block. To be called outside of transactions: it may be large.

    Raises:
        ValidationError: chunks are missing or overlap, or the whole has another digest.
        StorageFull, StorageError
    """
    storage = get_storage(_domain(upload))
    chunks = list(UploadChunk.select().where(UploadChunk.upload == upload.id).order_by(UploadChunk.offset))
    position = 0
    for chunk in chunks:
        if chunk.offset != position:
            raise ValidationError({"upload": [f"The chunk at byte {chunk.offset} should begin at {position}."]})
        position += chunk.size
    if position != upload.size:
        raise ValidationError({"upload": [f"{position} of {upload.size} bytes have arrived."]})
    with storage.temporary() as temporary:
        for chunk in chunks:
            for data in storage.open(chunk.file):
                temporary.write(data)
        if sha256 and temporary.mismatches({"sha256": sha256}):
            raise ValidationError({"sha256": ["The digest of the whole is another one."]})
        yield temporary


def assemble(upload: Upload, sha256: str | None = None, made: Callable[[Artifact], None] = lambda _: None) -> Artifact:
    """Make an artifact of a finished upload; the upload is gone then. ``made``: called with it, in the transaction.

    Raises:
        as `assembled`
    """
    with assembled(upload, sha256) as file, transaction():
        artifact = store_artifact(file, _domain(upload))
        drop(upload)
        made(artifact)
    return artifact


def drop(upload: Upload) -> None:
    """Forget an upload and its chunks. Their files go once that has been committed: what becomes of an upload may fail."""
    with transaction():
        files = [chunk.file for chunk in UploadChunk.select().where(UploadChunk.upload == upload.id)]
        Upload.delete().where(Upload.id == upload.id).execute()
        after_commit(partial(_delete, get_storage(_domain(upload)), files))


def _delete(storage: Storage, files: Sequence[str]) -> None:
    for file in files:
        storage.delete(file)
