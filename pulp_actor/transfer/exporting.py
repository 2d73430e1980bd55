"""Writes repository versions into an archive, as a stream: memory does not depend on how much there is.

The archive gets its name when all of it is on the disk; a task that fails or is killed leaves at most a hidden folder,
which the exporter's next run drops. Must never know a type of content.
"""

from __future__ import annotations

import datetime
import hashlib
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peewee import DatabaseError

from pulp_actor.db import database, load_queries, transaction
from pulp_actor.identifiers import prn, uuid7
from pulp_actor.logs import get_logger
from pulp_actor.models import Export, Exporter, Publication, RepositoryVersion
from pulp_actor.models.tables import for_model
from pulp_actor.plugins import load_plugins
from pulp_actor.queue import current_task
from pulp_actor.queue.context import Progress
from pulp_actor.security.outbound import check_export_path
from pulp_actor.storage import Storage, get_storage
from pulp_actor.transfer.archive import Writer
from pulp_actor.transfer.chunks import ChunkWriter, Toc, parse_size, write_toc, written_together
from pulp_actor.transfer.contents import ArchivedRepository, ContentsWriter, Manifest
from pulp_actor.transfer.errors import TransferError
from pulp_actor.transfer.hrefs import export_href
from pulp_actor.transfer.types import exported_types, model_of_type

#: Units that stand in one member of the archive.
BATCH_SIZE = 500
#: What a repository is made with on the other side.
SETTINGS = ("description", "pulp_labels", "retain_repo_versions", "retain_checkpoints", "details")

SQL = load_queries("pulp_actor.transfer", "exporting.sql")
logger = get_logger(__name__)


@dataclass(frozen=True)
class ExportedVersion:
    """A version to export, and the one whose artifacts are left out because the other side has them."""

    version: RepositoryVersion
    start: RepositoryVersion | None = None

    @property
    def parameters(self) -> dict[str, Any]:
        return {
            "repository": str(self.version.repository_id), "number": self.version.number,  # type: ignore[attr-defined]
            "start": self.start.number if self.start else None,
        }


def export_archive(exporter: Exporter, versions: Sequence[ExportedVersion], params: dict[str, Any]) -> Export | None:
    """Write an archive of some versions; the record of it, or None for a dry run. The caller holds the repositories' locks.

    Parameters:
        params: the request: ``chunk_size`` (``10MB``), ``dry_run``, ``meta`` and what else is to be remembered.

    Raises:
        PathRefused: the exporter's folder may not be written.
        TransferError: a version holds files that have never been downloaded, or a file is damaged.
        StorageError, StorageFull: the folder cannot be written.
    """
    load_plugins()
    directory = check_export_path(exporter.path)
    for one in versions:
        check_bytes(one)
    _check_room(directory, versions)
    if params.get("dry_run"):
        return None
    chunk_size = parse_size(params["chunk_size"]) if params.get("chunk_size") else None
    key = uuid7()
    stem = f"export-{key}-{datetime.datetime.now(datetime.UTC):%Y%m%d_%H%M}"
    with written_together(directory, f".export-{exporter.id}") as folder:
        target = ChunkWriter(folder, f"{stem}.tar", chunk_size)
        try:
            _write(target, exporter, versions)
            target.close()
        finally:
            target.abandon()
        toc = Toc(folder, target.digests, chunk_size)
        toc_digest = write_toc(folder / f"{stem}-toc.json", toc, f"{stem}.tar", target.size)
    output = {
        "output_file_info": {str(directory / name): digest for name, digest in target.digests.items()},
        "toc_info": {"file": str(directory / f"{stem}-toc.json"), "sha256": toc_digest},
    }
    return record_export(exporter, key, versions, params, output)


def record_export(
    exporter: Exporter, key: Any, versions: Sequence[ExportedVersion], params: dict[str, Any], output: dict[str, Any],
    publication: Publication | None = None,
) -> Export:
    """Remember what has been written, as the exporter's last export."""
    with transaction():
        export = Export.create(
            id=key, exporter=exporter, type=exporter.type, task_id=current_task().id, params=params, output=output,
            exported=[
                {
                    "repository": one.parameters["repository"], "repository_type": one.version.repository.type,
                    "version": one.version.number, "publication": publication and str(publication.id),
                    "publication_type": publication and publication.type,
                }
                for one in versions
            ],
        )
        Exporter.update(last_export_id=export.id).where(Exporter.id == exporter.id).execute()
        current_task().add_created_resource(export_href(exporter.type, exporter.id, export.id), prn(export))
    return export


def manifest_of(versions: Sequence[ExportedVersion]) -> Manifest:
    """What the archive says that it holds."""
    return Manifest(
        tuple(_described(one) for one in versions), {plugin.name: plugin.version for plugin in load_plugins()})


def _described(one: ExportedVersion) -> ArchivedRepository:
    repository = one.version.repository
    settings = {name: getattr(repository, name) for name in SETTINGS}
    settings["details"] = {name: value for name, value in repository.details.items() if name != "last_sync_details"}
    return ArchivedRepository(
        name=repository.name, type=repository.type, prn=prn(repository), version=one.version.number,
        start=one.start.number if one.start else None, settings=settings,
        units=sum(one.version.content_summary.get("present", {}).values()),
    )


def check_bytes(one: ExportedVersion) -> None:
    """Raises TransferError if a version has files that were never downloaded."""
    count, example = database.execute_sql(SQL.without_bytes, one.parameters).fetchone()
    if count:
        raise TransferError(
            f"{count} file(s) of version {one.version.number} of {one.version.repository.name} have not been downloaded "
            f"yet, {example!r} for one: sync with the policy immediate first")


def _check_room(directory: Path, versions: Sequence[ExportedVersion]) -> None:
    """Refuse at once what cannot end well."""
    needed = sum(database.execute_sql(SQL.size, one.parameters).fetchone()[1] for one in versions)
    there = next(folder for folder in (directory, *directory.parents) if folder.exists())
    free = shutil.disk_usage(there).free
    if needed > free:
        raise TransferError(f"the archive needs {needed} bytes, and there are {free} free in {there}")


def _write(target: ChunkWriter, exporter: Exporter, versions: Sequence[ExportedVersion]) -> None:
    task = current_task()
    storage = get_storage(exporter.domain_id)  # type: ignore[attr-defined]
    total = sum(one.units for one in manifest_of(versions).repositories)
    with (
        _exported_artifacts(), task.progress("export.artifacts", "Exporting Artifacts") as artifacts,
        task.progress("export.content", "Exporting Content", total=total) as units,
    ):
        for one in versions:
            if one.start is not None:
                database.execute_sql(SQL.skip_version, one.parameters | {"number": one.start.number})
        contents = ContentsWriter(Writer(target), manifest_of(versions))
        for number, one in enumerate(versions):
            for type_, keys in _batches(one):
                _write_artifacts(contents, storage, keys, artifacts)
                contents.add_units(number, _lines(type_, keys))
                units.increment(len(keys))
        contents.close()


@contextmanager
def _exported_artifacts() -> Iterator[None]:
    database.execute_sql(SQL.drop_exported)
    database.execute_sql(SQL.make_exported)
    try:
        yield
    finally:
        quietly(SQL.drop_exported)


def _batches(one: ExportedVersion) -> Iterator[tuple[str, list[str]]]:
    """(type, keys) of a version's units, some hundred at a time."""
    with transaction():
        database.execute_sql(SQL.open_members, one.parameters | {"types": exported_types()})
    try:
        while rows := database.execute_sql(SQL.fetch_members, (BATCH_SIZE,)).fetchall():
            for type_ in dict.fromkeys(type_ for type_, _ in rows):
                yield type_, [str(key) for other, key in rows if other == type_]
    finally:
        quietly(SQL.close_members)


def quietly(query: str) -> None:
    """Clean up on a connection that may be lost, on the way out of an error that must not be hidden."""
    try:
        database.execute_sql(query)
    except DatabaseError as error:
        logger.warning("an export's table or cursor goes with its connection", error=str(error).strip())


def _lines(type_: str, keys: list[str]) -> list[str]:
    query = for_model(SQL.lines, model_of_type(type_))
    return [line for (line,) in database.execute_sql(query, {"content": keys}).fetchall()]


def _write_artifacts(contents: ContentsWriter, storage: Storage, keys: list[str], progress: Progress) -> None:
    for sha256, size, file in database.execute_sql(SQL.new_artifacts, {"content": keys}).fetchall():
        try:
            contents.add_artifact(sha256, size, _checked(storage, file, sha256))
        except FileNotFoundError:
            raise TransferError(f"the file of artifact {sha256} is missing: repair the repository first") from None
        except ValueError:
            raise TransferError(f"the file of artifact {sha256} is damaged: repair the repository first") from None
        progress.increment()


def _checked(storage: Storage, file: str, sha256: str) -> Iterator[bytes]:
    """The bytes of an artifact. Raises ValueError at the end if they are not what they should be."""
    digest = hashlib.sha256()
    for chunk in storage.open(file):
        digest.update(chunk)
        yield chunk
    if digest.hexdigest() != sha256:
        raise ValueError("the digest differs")
