"""Stores what an archive holds, batch by batch: artifacts, and units that are noted for the versions to come. Nothing of it
can be seen until the versions are made; what an import that fails leaves is orphans. Must never know where the archive
comes from."""

from __future__ import annotations

import json
import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg2
from peewee import DatabaseError, DataError, IntegrityError
from psycopg2.extras import Json

from pulp_actor.db import database, load_queries, transaction
from pulp_actor.identifiers import uuid7
from pulp_actor.logs import get_logger
from pulp_actor.models import DetailContent
from pulp_actor.models.tables import for_model
from pulp_actor.paths import path_fault
from pulp_actor.storage import TemporaryFile, get_storage
from pulp_actor.storage.artifacts import store_artifacts
from pulp_actor.sync.store import SQL as STORE
from pulp_actor.sync.store import keep_cleanup_out
from pulp_actor.transfer.contents import ArchivedArtifact, ArchivedUnits
from pulp_actor.transfer.errors import ArchiveRefused, TransferError
from pulp_actor.transfer.types import model_of_type, references
from pulp_actor.versions import VersionBuilder

#: Artifacts that wait for the units they belong to; more than one batch of units has none of ours.
MOST_WAITING = 2000

SQL = load_queries("pulp_actor.transfer", "importing.sql")
logger = get_logger(__name__)

Unit = Mapping[str, Any]


class Intake:
    """Use as a context manager, in one thread and on one connection.

    Parameters:
        domain_id: the domain that everything goes into.
        versions: what the units of each repository are added to, in the archive's order.
    """

    def __init__(self, domain_id: uuid.UUID, versions: Sequence[VersionBuilder]) -> None:
        self._domain_id = domain_id
        self._versions = versions
        self._storage = get_storage(domain_id)
        self._waiting: dict[str, TemporaryFile] = {}
        self.units = [0 for _ in versions]

    def __enter__(self) -> Intake:
        database.execute_sql(SQL.drop_imported)
        database.execute_sql(SQL.make_imported)
        return self

    def __exit__(self, *_: object) -> None:
        self._discard()
        try:
            database.execute_sql(SQL.drop_imported)
        except DatabaseError as error:
            logger.warning("an import's tables go with its connection", error=str(error).strip())

    def artifact(self, part: ArchivedArtifact) -> None:
        """Take in one artifact's bytes.

        Raises:
            ArchiveRefused: they are not what they are called, or were there before.
            StorageError, StorageFull
        """
        if part.sha256 in self._waiting:
            raise ArchiveRefused(f"the archive holds a name twice: {part.member.name!r}")
        file = self._storage.new_temporary()
        self._waiting[part.sha256] = file
        for chunk in part.member.chunks():
            file.write(chunk)
        file.close()
        if file.digests["sha256"] != part.sha256:
            raise ArchiveRefused(f"{part.member.name} is damaged: its digest is {file.digests['sha256']}")
        if len(self._waiting) >= MOST_WAITING:
            with transaction():
                self._store_waiting()

    def add_units(self, part: ArchivedUnits) -> None:
        """Store some units with the artifacts that came before them, and note them for their version.

        Raises:
            ArchiveRefused: a unit is not what its type needs, or lies about its bytes.
            TransferError: an artifact is neither in the archive nor here.
        """
        by_type: dict[str, list[Unit]] = defaultdict(list)
        for unit in part.units:
            by_type[unit["type"]].append(unit)
        with transaction(), _refused():
            database.execute_sql(STORE.plan)
            keep_cleanup_out()
            self._store_waiting()
            for type_, units in by_type.items():
                keys = self._store_units(type_, units)
                self._versions[part.repository].add(keys)
            self._versions[part.repository].flush()
        self.units[part.repository] += len(part.units)

    def finish(self) -> None:
        """Store what is left: artifacts behind the last unit, of which our own archives have none."""
        with transaction():
            self._store_waiting()

    def _store_waiting(self) -> None:
        if not self._waiting:
            return
        names = list(self._waiting)
        if database.execute_sql(SQL.note_artifacts, {"sha256": names}).rowcount != len(names):
            raise ArchiveRefused("the archive holds the bytes of one artifact twice")
        store_artifacts(list(self._waiting.values()), self._domain_id)
        self._waiting.clear()

    def _store_units(self, type_: str, units: list[Unit]) -> list[str]:
        """The keys that some units of one type have here."""
        model = model_of_type(type_)
        for unit in units:
            _check_unit(model, unit)
        fields = self._translated(model, units)
        artifacts = self._artifacts(units)
        keys: list[str | None] = self._insert(model, type_, fields)
        new = [(unit, key) for unit, key in zip(units, keys, strict=True) if key is not None]
        old = [number for number, key in enumerate(keys) if key is None]
        for position, key in self._find(model, [fields[number] for number in old]):
            keys[old[position - 1]] = key
        if None in keys:
            raise ArchiveRefused(f"the archive holds a unit of type {type_} that cannot be stored")
        found = [key for key in keys if key is not None]
        self._attach(new, artifacts)
        self._fill([(units[number], found[number]) for number in old], artifacts)
        pairs = [(unit["id"], key) for unit, key in zip(units, found, strict=True) if unit.get("id")]
        database.execute_sql(SQL.note_units, {"source": [s for s, _ in pairs], "content": [k for _, k in pairs]})
        return found

    def _translated(self, model: type[DetailContent], units: list[Unit]) -> list[dict[str, Any]]:
        """The units' columns, with the keys of other units as they are here."""
        columns = {field.column_name for field in model._meta.sorted_fields} - {"content_id", "domain_id"}
        fields = [{name: value for name, value in unit["fields"].items() if name in columns} for unit in units]
        referring = references(model)
        if referring:
            sources = sorted({one[name] for one in fields for name in referring if one.get(name)})
            known = dict(database.execute_sql(SQL.known_units, {"source": sources}).fetchall())
            for one in fields:
                for name in referring:
                    one[name] = known.get(one.get(name))
        return fields

    def _artifacts(self, units: list[Unit]) -> dict[str, str]:
        """Digest -> key of the artifacts of some units."""
        wanted = sorted({entry["sha256"] for unit in units for entry in unit["artifacts"]})
        rows = database.execute_sql(STORE.find_artifacts.replace("{digest}", "sha256"), {
            "domain": str(self._domain_id), "values": wanted}).fetchall()
        found = {digest: str(key) for digest, key in rows}
        missing = next((digest for digest in wanted if digest not in found), None)
        if missing is not None:
            raise TransferError(
                f"artifact {missing} is neither in the archive nor on this platform: the archive builds on another one, "
                "which has to be imported first")
        return found

    def _insert(self, model: Any, type_: str, fields: list[dict[str, Any]]) -> list[str | None]:
        """Insert units of one type; the key of each that went in, None for one that was there."""
        keys = [str(uuid7()) for _ in fields]
        rows = [one | {"content_id": key, "domain_id": str(self._domain_id)} for one, key in zip(fields, keys, strict=True)]
        cursor = database.execute_sql(for_model(STORE.insert_units, model), {
            "units": json.dumps(rows), "domain": str(self._domain_id), "type": type_})
        made = {str(key) for (key,) in cursor.fetchall()}
        return [key if key in made else None for key in keys]

    def _find(self, model: Any, fields: list[dict[str, Any]]) -> list[tuple[int, str]]:
        names = [model._meta.fields[name].column_name for name in model.natural_key_fields]
        rows = [{name: one.get(name) for name in names} for one in fields]
        cursor = database.execute_sql(for_model(SQL.find_units, model), {
            "units": json.dumps(rows), "domain": str(self._domain_id)})
        return [(position, str(key)) for position, key in cursor.fetchall()]

    def _attach(self, units: list[tuple[Unit, str]], artifacts: dict[str, str]) -> None:
        """Give new units their artifacts and labels."""
        rows = [
            (str(uuid7()), key, artifacts[entry["sha256"]], entry["path"])
            for unit, key in units for entry in unit["artifacts"]
        ]
        if rows:
            entry, content, artifact, path = map(list, zip(*rows, strict=True))
            database.execute_sql(
                STORE.insert_content_artifacts, {"id": entry, "content": content, "artifact": artifact, "path": path})
        if units:
            database.execute_sql(SQL.label_units, {
                "content": [key for _, key in units], "source": [unit.get("id") for unit, _ in units],
                "labels": [Json(unit["labels"]) for unit, _ in units]})

    def _fill(self, units: list[tuple[Unit, str]], artifacts: dict[str, str]) -> None:
        rows = [(key, entry["path"], artifacts[entry["sha256"]]) for unit, key in units for entry in unit["artifacts"]]
        if rows:
            content, path, artifact = map(list, zip(*rows, strict=True))
            database.execute_sql(SQL.fill_entries, {"content": content, "path": path, "artifact": artifact})

    def _discard(self) -> None:
        for file in self._waiting.values():
            file.discard()
        self._waiting.clear()


def _check_unit(model: type[DetailContent], unit: Unit) -> None:
    """Raises ArchiveRefused if a unit leads out of its repository, or says of its one artifact what is not true."""
    entries, fields = unit["artifacts"], unit["fields"]
    for path in [entry["path"] for entry in entries] + [fields.get("relative_path", "none")]:
        fault = path_fault(path) if isinstance(path, str) else "a path is not text"
        if fault:
            raise ArchiveRefused(f"the archive holds a unit that cannot be: {fault}")
    names = [name for name in ("digest", "sha256") if name in model._meta.fields]
    if len(entries) == 1 and any(fields.get(name) != entries[0]["sha256"] for name in names):
        raise ArchiveRefused(f"the archive holds a unit whose digest is not that of its bytes: {entries[0]['path']!r}")


@contextmanager
def _refused() -> Iterator[None]:
    """Tells what the database refuses as the archive's fault, which it is: its values went through no other check."""
    try:
        yield
    except (DataError, IntegrityError, psycopg2.DataError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ArchiveRefused(f"the archive holds a unit that cannot be stored: {reason}") from error
