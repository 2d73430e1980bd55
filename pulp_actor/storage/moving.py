"""Moves a domain's files to another store: copies them, compares what has arrived, and then says where they are.

What an interrupted move has copied is not copied again. Until the last moment the old store is the one that
everybody uses; the change is one transaction in which nobody stores anything.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

from pulp_actor.db import database, load_queries
from pulp_actor.models import Domain
from pulp_actor.models.base import utcnow
from pulp_actor.storage.artifacts import nothing_stored
from pulp_actor.storage.base import Storage, StorageError
from pulp_actor.storage.digests import Digester
from pulp_actor.storage.stores import fresh_storage, make_storage

#: Files that are asked for at a time.
BATCH = 1000

SQL = load_queries("pulp_actor.storage", "moving.sql")


class Move:
    """One move of a domain to a store of a class, with settings as they were given."""

    def __init__(self, domain_id: uuid.UUID, kind: str, given: dict[str, Any]) -> None:
        self.domain_id, self.kind, self.given = domain_id, kind, given
        self.old = fresh_storage(domain_id)
        self.new = make_storage(domain_id, kind, given)
        self.in_place = is_same(self.old, self.new)

    def count(self) -> int:
        """How many files there are now."""
        return int(database.execute_sql(SQL.count_files, {"domain": str(self.domain_id)}).fetchone()[0])

    def copy(self) -> Iterator[int]:
        """Copy all files that are not there yet; yields 1 for each that is there then. Raises StorageError."""
        if self.in_place:
            return
        for file, sha256, size in files_of(self.domain_id):
            self._copy(file, sha256, size)
            yield 1

    def switch(self) -> dict[str, Any]:
        """Copy what has been stored since, and make the new store the domain's. Returns the class and the settings of the
        old one."""
        with nothing_stored():
            for _ in self.copy():
                pass
            row = Domain.select().where(Domain.id == self.domain_id).for_update().get()
            before = {"storage_class": row.storage_class, "storage_settings": json.loads(row.storage_settings or "{}")}
            row.storage_class, row.storage_settings = self.kind, json.dumps(self.given)
            row.pulp_last_updated = utcnow()
            row.save(only=["storage_class", "storage_settings", "pulp_last_updated"])
        return before

    def _copy(self, file: str, sha256: str | None, size: int) -> None:
        if self.new.exists(file) and self.new.size(file) == size:
            return
        with self.old.temporary() as temporary:
            try:
                for chunk in self.old.open(file):
                    temporary.write(chunk)
            except FileNotFoundError:
                raise StorageError(f"{file} is missing in the old store; repair the domain's artifacts first") from None
            digests = temporary.digests
            if sha256 is not None and digests["sha256"] != sha256:
                raise StorageError(f"{file} is damaged in the old store; repair the domain's artifacts first")
            temporary.close()
            self.new.put_file(temporary.path, file)
        arrived = Digester()
        for chunk in self.new.open(file):
            arrived.update(chunk)
        if arrived.digests["sha256"] != digests["sha256"]:
            self.new.delete(file)
            raise StorageError(f"{file} arrived damaged in the new store")


def remove_from(domain_id: uuid.UUID, kind: str, given: dict[str, Any]) -> Iterator[int]:
    """Delete a domain's files from a store that it has left; yields 1 for each. Nothing, if it has come back meanwhile."""
    old = make_storage(domain_id, kind, given)
    if is_same(old, fresh_storage(domain_id)):
        return
    for file, _, _ in files_of(domain_id):
        old.delete(file)
        yield 1


def is_same(one: Storage, other: Storage) -> bool:
    """Whether two stores are one place, whatever their settings say: what is put into the one is found in the other.

    Raises:
        StorageError: one of them cannot be reached, or not be written.
    """
    key = f"probe/{uuid.uuid4().hex}"
    with one.temporary() as temporary:
        temporary.write(b"probe")
        temporary.close()
        other.put_file(temporary.path, key)
    try:
        return one.exists(key)
    finally:
        other.delete(key)


def files_of(domain_id: uuid.UUID) -> Iterable[tuple[str, str | None, int]]:
    """(key, SHA-256 where it is known, size) of every file that a domain has in its store, in order of the key."""
    after = ""
    while True:
        rows = database.execute_sql(
            SQL.next_files, {"domain": str(domain_id), "after": after, "limit": BATCH}).fetchall()
        yield from rows
        if len(rows) < BATCH:
            return
        after = rows[-1][0]
