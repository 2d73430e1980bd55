"""Asks the database about a batch of units at once, and saves a batch in a handful of set operations.

Everything here blocks and runs in the pipeline's database thread. A plugin's table is known only by its model.
"""

from __future__ import annotations

import json
import uuid
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from pulp_actor.db import database, load_queries, transaction
from pulp_actor.identifiers import uuid7
from pulp_actor.models import Remote
from pulp_actor.models.artifact import DIGESTS
from pulp_actor.models.tables import for_model
from pulp_actor.storage.artifacts import store_artifacts
from pulp_actor.sync.batch import Batch, File, Unit
from pulp_actor.versions import VersionBuilder
from pulp_actor.versions.members import detail_models

#: Key of the advisory lock between those who rely on content that no version holds yet and orphan cleanup.
CONTENT_LOCK = 0x70756C70_636E7474

SQL = load_queries("pulp_actor.sync", "store.sql")


def keep_cleanup_out() -> None:
    """Let nobody clean up content or artifacts that no version holds yet, until this transaction ends. Taken before the
    store's own lock, in the order in which everybody takes the two."""
    database.execute_sql(SQL.lock_content, (CONTENT_LOCK,))


class Store:
    """The database as one sync sees it.

    Parameters:
        remote: whose URLs are noted.
        version: what every unit is added to.
        immediate: whether the bytes of all artifacts are wanted.
    """

    def __init__(self, remote: Remote, version: VersionBuilder, *, immediate: bool) -> None:
        self._remote = str(remote.id)
        self._domain = str(remote.domain_id)  # type: ignore[attr-defined]
        self._version = version
        self._immediate = immediate

    def resolve(self, batch: Batch) -> None:
        """Note in the batch which units and artifacts are there."""
        with transaction():
            database.execute_sql(SQL.plan)
            self._find_units(batch.units)
            self._find_gaps(unit for unit in batch.units if unit.content_id is not None)
            self._find_artifacts(batch.without_bytes())

    def save(self, batch: Batch) -> None:
        """Store what was downloaded, insert what is not there, and add every unit to the version: one transaction."""
        with transaction():
            database.execute_sql(SQL.plan)
            keep_cleanup_out()
            self._forget_vanished(batch)
            self._store_downloads(batch)
            new = [unit for unit in batch.units if unit.content_id is None]
            created = self._insert_units(new)
            rivals = [unit for unit in new if unit.content_id is None]
            if rivals:
                # Somebody else was faster; their units are committed, and so visible to this statement.
                self._find_units(rivals)
                self._find_gaps(rivals)
            self._label(created)
            self._insert_content_artifacts(created)
            self._fill(batch)
            self._insert_remote_artifacts(batch)
            # What the version has anyway need not be written down: nothing at all, where nothing has changed.
            known = self._version.keeps_members
            self._version.add(
                unit.content_id for unit in batch.units if unit.content_id is not None and not (known and unit.member))
            self._version.flush()

    def _find_units(self, units: Iterable[Unit]) -> None:
        for model, group in _by_model(units).items():
            rows = database.execute_sql(for_model(SQL.find_units, model), {
                "units": _json(model, group, key_only=True), "domain": self._domain,
                "repository": str(self._version.repository.id)})
            for position, content_id, member in rows.fetchall():
                unit = group[position - 1]
                unit.content_id, unit.member = str(content_id), member

    def _find_gaps(self, units: Iterable[Unit]) -> None:
        """Of units that are there: which files lack bytes that are wanted, or a URL at this remote."""
        pairs = [(unit.content_id, file) for unit in units for file in unit.files]
        if not pairs:
            return
        for _, file in pairs:
            file.locate = False
        rows = database.execute_sql(SQL.find_gaps, {
            "position": list(range(len(pairs))), "content": [content_id for content_id, _ in pairs],
            "path": [file.declared.relative_path for _, file in pairs], "url": [file.declared.url for _, file in pairs],
            "remote": self._remote, "wanted": self._immediate,
        })
        for position, entry, artifact_id, located in rows.fetchall():
            file = pairs[position][1]
            file.entry, file.locate, file.fill = str(entry), not located, artifact_id is None
            file.artifact_id = str(artifact_id) if artifact_id else file.artifact_id

    def _find_artifacts(self, files: Iterable[File]) -> None:
        wanted: dict[str, dict[str, list[File]]] = defaultdict(lambda: defaultdict(list))
        for file in files:
            if file.lookup:
                name, value = file.lookup
                wanted[name][value].append(file)
        for name, by_value in wanted.items():
            rows = database.execute_sql(SQL.find_artifacts.replace("{digest}", name), {
                "domain": self._domain, "values": list(by_value)})
            for value, artifact_id in rows.fetchall():
                for file in by_value[value]:
                    file.artifact_id = str(artifact_id)

    def _forget_vanished(self, batch: Batch) -> None:
        """An artifact that was found may have been reclaimed since: its unit is one on demand then, as it would be had that
        happened a moment later."""
        files = [file for file in batch.files() if file.artifact_id is not None]
        if not files:
            return
        database.execute_sql(SQL.lock_quotas)
        rows = database.execute_sql(SQL.hold_artifacts, ([file.artifact_id for file in files],)).fetchall()
        held = {str(key) for (key,) in rows}
        for file in files:
            if file.artifact_id not in held:
                file.artifact_id = None

    def _store_downloads(self, batch: Batch) -> None:
        files = [file for file in batch.files() if file.temporary is not None]
        artifacts = store_artifacts([file.temporary for file in files if file.temporary], uuid.UUID(self._domain))
        for file, artifact in zip(files, artifacts, strict=True):
            file.artifact_id, file.temporary = str(artifact.id), None
        for file in batch.files():
            if file.leader is not None:
                file.artifact_id = file.leader.artifact_id

    def _insert_units(self, units: list[Unit]) -> list[Unit]:
        """Insert units; those that went in have a key now and are returned."""
        created: list[Unit] = []
        types = {model: type_ for type_, model in detail_models().items()}
        for model, group in _by_model(units).items():
            keys = [str(uuid7()) for _ in group]
            cursor = database.execute_sql(for_model(SQL.insert_units, model), {
                "units": _json(model, group, domain=self._domain, keys=keys), "domain": self._domain,
                "type": types[model],
            })
            made = {str(key) for (key,) in cursor.fetchall()}
            for unit, key in zip(group, keys, strict=True):
                if key in made:
                    unit.content_id = key
                    created.append(unit)
        return created

    def _label(self, units: list[Unit]) -> None:
        labelled = [unit for unit in units if unit.declared.labels]
        if labelled:
            database.execute_sql(SQL.label_units, {
                "content": [unit.content_id for unit in labelled],
                "labels": [json.dumps(unit.declared.labels) for unit in labelled]})

    def _insert_content_artifacts(self, units: list[Unit]) -> None:
        rows = []
        for unit in units:
            for file in unit.files:
                file.entry = str(uuid7())
                rows.append((file.entry, unit.content_id, file.artifact_id, file.declared.relative_path))
        if rows:
            entry, content, artifact, path = map(list, zip(*rows, strict=True))
            database.execute_sql(
                SQL.insert_content_artifacts, {"id": entry, "content": content, "artifact": artifact, "path": path})

    def _fill(self, batch: Batch) -> None:
        files = [file for file in batch.files() if file.fill and file.artifact_id is not None]
        if files:
            database.execute_sql(SQL.fill_content_artifacts, {
                "id": [file.entry for file in files], "artifact": [file.artifact_id for file in files]})

    def _insert_remote_artifacts(self, batch: Batch) -> None:
        files = [
            file for file in batch.files()
            if file.locate and file.declared.refetchable and file.entry is not None]
        if not files:
            return
        declared = [file.declared for file in files]
        database.execute_sql(SQL.insert_remote_artifacts, {
            "remote": self._remote, "id": [str(uuid7()) for _ in files], "entry": [file.entry for file in files],
            "url": [artifact.url for artifact in declared], "size": [artifact.size for artifact in declared],
            **{name: [artifact.digests.get(name) for artifact in declared] for name in DIGESTS},
        })


def _by_model(units: Iterable[Unit]) -> dict[Any, list[Unit]]:
    """Units by their table, the tables in the order in which they are locked."""
    groups: dict[Any, list[Unit]] = defaultdict(list)
    for unit in units:
        groups[unit.declared.model].append(unit)
    return dict(sorted(groups.items(), key=lambda pair: pair[0]._meta.table_name))


def _json(
    model: Any, units: list[Unit], *, domain: str = "", keys: list[str] | None = None, key_only: bool = False,
) -> str:
    """Units as an array of objects with the columns of their table."""
    names = list(model.natural_key_fields) if key_only else list(units[0].declared.fields)
    columns = [(name, model._meta.fields[name].column_name) for name in names]
    rows = [{column: unit.declared.fields[name] for name, column in columns} for unit in units]
    if keys is not None:
        for row, key in zip(rows, keys, strict=True):
            row["content_id"], row["domain_id"] = key, domain
    return json.dumps(rows, default=str)
