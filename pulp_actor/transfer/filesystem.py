"""Writes what a version holds, or what a publication serves, into a folder that any web server can serve: as copies, or as
links into the store. Each file appears whole, and metadata last; files that were there before and are no part of it stay."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pulp_actor.db import database, load_queries, transaction
from pulp_actor.identifiers import uuid7
from pulp_actor.models import Export, Exporter, Publication
from pulp_actor.paths import path_fault
from pulp_actor.queue import current_task
from pulp_actor.security.outbound import check_export_path
from pulp_actor.storage import Storage, get_storage
from pulp_actor.storage.base import storage_error
from pulp_actor.transfer.errors import TransferError
from pulp_actor.transfer.exporting import ExportedVersion, check_bytes, quietly, record_export

METHODS = ("write", "hardlink", "symlink")
#: Files whose paths are read at a time.
BATCH_SIZE = 1000

SQL = load_queries("pulp_actor.transfer", "filesystem.sql")


def export_files(
    exporter: Exporter, exported: ExportedVersion, publication: Publication | None, params: dict[str, Any],
) -> Export:
    """Write a publication's files, or (None) those of a version, into the exporter's folder; the record of it.

    Raises:
        PathRefused: the folder may not be written.
        TransferError: a file has never been downloaded or has gone, or the store has no files to link to.
        StorageError, StorageFull: the folder cannot be written.
    """
    root = check_export_path(exporter.path)
    check_bytes(exported)
    storage = get_storage(exporter.domain_id)  # type: ignore[attr-defined]
    method = exporter.details.get("method", "write")
    folder = _Folder(root, _placing(method, storage))
    with current_task().progress("export.artifacts", "Exporting Artifacts") as progress:
        for path, key in _files(exported, publication):
            folder.place(path, key)
            progress.increment()
    return record_export(exporter, uuid7(), [exported], params, {}, publication)


def _files(exported: ExportedVersion, publication: Publication | None) -> Iterator[tuple[str, str]]:
    parameters = exported.parameters | {
        "publication": publication and str(publication.id), "units": publication is None or publication.pass_through,
    }
    with transaction():
        database.execute_sql(SQL.open_files, parameters)
    try:
        while rows := database.execute_sql(SQL.fetch_files, (BATCH_SIZE,)).fetchall():
            yield from rows
    finally:
        quietly(SQL.close_files)


Place = Callable[[str, Path], None]


def _placing(method: str, storage: Storage) -> Place:
    """How a file of the store gets to a path where nothing is yet."""
    def source(key: str) -> Path:
        path = storage.local_path(key)
        if path is None:
            raise TransferError(f"the method {method} needs a store on this machine's disk; use write")
        return path

    def write(key: str, target: Path) -> None:
        with target.open("xb") as file:
            for chunk in storage.open(key):
                file.write(chunk)

    def hardlink(key: str, target: Path) -> None:
        os.link(source(key), target)

    def symlink(key: str, target: Path) -> None:
        path = source(key)
        if not path.exists():
            raise FileNotFoundError(path)
        target.symlink_to(path)

    return {"write": write, "hardlink": hardlink, "symlink": symlink}[method]


class _Folder:
    """The folder that is written. Nothing gets outside of it, whatever links there are in it."""

    def __init__(self, root: Path, place: Place) -> None:
        self._root, self._place = root, place
        self._ready: set[Path] = set()
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(error) from error

    def place(self, path: str, key: str) -> None:
        """Have a file of the store at a path, in place of whatever is there."""
        fault = path_fault(path)
        if fault:
            raise TransferError(f"this cannot be exported: {fault}")
        target = self._root / path
        beside = target.with_name(f".{uuid.uuid4().hex}")
        try:
            self._prepare(target.parent)
            self._place(key, beside)
            os.replace(beside, target)
        except FileNotFoundError:
            raise TransferError(f"the file behind {path} is missing: repair the repository first") from None
        except OSError as error:
            raise storage_error(error) from error
        finally:
            beside.unlink(missing_ok=True)

    def _prepare(self, directory: Path) -> None:
        if directory in self._ready:
            return
        directory.mkdir(parents=True, exist_ok=True)
        if not directory.resolve().is_relative_to(self._root):
            raise TransferError(f"{directory} is a link that leads out of {self._root}")
        self._ready.add(directory)
