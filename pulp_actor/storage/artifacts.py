"""Turns temporary files into artifacts, and removes artifacts: the row and the bytes, in an order that keeps both true.

A crash leaves at worst a file without a row (which storing it again adopts), never a row without a file: bytes are put
inside the transaction that inserts their rows, and files are deleted only after the deletion of their rows has been
committed, under a lock that keeps stores out.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pulp_actor.db import database, load_queries, transaction
from pulp_actor.domains import current_domain_id
from pulp_actor.identifiers import uuid7
from pulp_actor.models import Artifact
from pulp_actor.models.artifact import DIGESTS
from pulp_actor.storage.base import Storage, TemporaryFile, artifact_key
from pulp_actor.storage.stores import fresh_storage

#: Key of the advisory lock between storing artifacts and deleting the files of removed ones.
STORE_LOCK = 0x70756C70_73746F72

_sql = load_queries("pulp_actor.storage", "artifacts.sql")

_COLUMNS = ("id", "domain_id", "file", "size", *DIGESTS)


def store_artifact(temporary: TemporaryFile, domain_id: uuid.UUID | None = None) -> Artifact:
    """Store one closed or open temporary file; returns the artifact, old or new. The file is consumed.

    Raises:
        StorageFull, StorageError
    """
    return store_artifacts([temporary], domain_id)[0]


def store_artifacts(
    temporaries: Sequence[TemporaryFile], domain_id: uuid.UUID | None = None,
) -> list[Artifact]:
    """Store some temporary files of one domain in one statement; returns their artifacts in the same order.

    Equal files become one artifact. The files are consumed.

    Raises:
        StorageFull, StorageError
    """
    if not temporaries:
        return []
    domain_id = domain_id or current_domain_id()
    digests = [temporary.digests for temporary in temporaries]
    unique = {found["sha256"]: (temporary, found) for temporary, found in zip(temporaries, digests, strict=True)}
    for temporary in temporaries:
        temporary.close()
    with storing(domain_id) as storage:
        rows = _insert(unique, domain_id)
        storage.put_files((unique[sha256][0].path, artifact.file) for sha256, artifact in rows.items())
    for temporary in temporaries:
        temporary.discard()
    return [rows[found["sha256"]] for found in digests]


@contextmanager
def storing(domain_id: uuid.UUID) -> Iterator[Storage]:
    """The store of a domain for a block that puts files into it and inserts their rows, in a transaction. Until that has
    been committed no file is removed and no domain moves to another store."""
    with transaction():
        database.execute_sql(_sql.lock_stores, (STORE_LOCK,))
        yield fresh_storage(domain_id)


@contextmanager
def nothing_stored() -> Iterator[None]:
    """A transaction for the length of a block, in which nobody stores or removes a file."""
    with transaction():
        database.execute_sql(_sql.lock_removal, (STORE_LOCK,))
        yield


def remove_artifacts(ids: Sequence[uuid.UUID]) -> int:
    """Delete artifacts that nothing refers to any more, rows first, then files; returns the bytes set free.

    Call it outside a transaction: the rows' deletion must be committed before the files go.

    Raises:
        peewee.IntegrityError: one of them is in use; nothing has been deleted then.
    """
    files: dict[uuid.UUID, list[str]] = defaultdict(list)
    freed = 0
    with transaction():
        for domain_id, file, size in database.execute_sql(_sql.delete_artifacts, ([str(key) for key in ids],)):
            files[domain_id].append(file)
            freed += size
    for domain_id, names in files.items():
        remove_files(names, uuid.UUID(str(domain_id)))
    return freed


def remove_files(files: Sequence[str], domain_id: uuid.UUID | None = None) -> None:
    """Delete those of some artifact files that no row names: also for files that a crash left behind."""
    domain_id = domain_id or current_domain_id()
    with nothing_stored():
        storage = fresh_storage(domain_id)
        parameters = {"files": list(files), "domain_id": str(domain_id)}
        for (file,) in database.execute_sql(_sql.files_without_row, parameters).fetchall():
            storage.delete(file)


def _insert(
    unique: dict[str, tuple[TemporaryFile, dict[str, str]]], domain_id: uuid.UUID,
) -> dict[str, Artifact]:
    rows = [
        {"id": str(uuid7()), "domain_id": str(domain_id), "file": artifact_key(sha256), "size": temporary.size, **found}
        for sha256, (temporary, found) in unique.items()
    ]
    columns = {column: [row.get(column) for row in rows] for column in _COLUMNS}
    cursor = database.execute_sql(_sql.insert_artifacts, columns)
    names = [column[0] for column in cursor.description]
    artifacts = (Artifact(**dict(zip(names, row, strict=True))) for row in cursor.fetchall())
    return {artifact.sha256: artifact for artifact in artifacts}
