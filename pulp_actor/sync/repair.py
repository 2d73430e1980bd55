"""Finds artifacts whose bytes are missing or damaged in the store, and fetches them again where a remote has them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from pulp_actor.db import database, load_queries
from pulp_actor.domains import current_domain_id
from pulp_actor.identifiers import href_of
from pulp_actor.logs import get_logger
from pulp_actor.models import Remote, RepositoryVersion
from pulp_actor.models.resources import ARTIFACT
from pulp_actor.queue import current_task
from pulp_actor.storage import Digester, get_storage
from pulp_actor.sync.alternates import find_alternates
from pulp_actor.sync.download import Downloader
from pulp_actor.sync.errors import DownloadError
from pulp_actor.sync.running import run

#: Artifacts that are read from the database at a time.
CHUNK = 500
#: Artifacts without a cure that are named.
NAMED = 100

SQL = load_queries("pulp_actor.sync", "repair.sql")
logger = get_logger(__name__)


class _Stored(NamedTuple):
    """An artifact to look at; ``total`` is how many there are of them."""

    id: uuid.UUID
    domain_id: uuid.UUID
    file: str
    size: int
    sha256: str
    total: int


@dataclass
class Found:
    """How many artifacts were missing, how many damaged, and how many of both are whole again; and the hrefs of those that
    are not (of the first `NAMED`)."""

    missing: int = 0
    corrupted: int = 0
    repaired: int = 0
    unrepaired: list[str] = field(default_factory=list)


def repair(version: RepositoryVersion | None, *, verify_checksums: bool = True) -> Found:
    """Check the artifacts of a version (None: all of the domain), and mend what can be mended.

    Parameters:
        verify_checksums: read every byte; else only presence and size are looked at.
    """
    task, found = current_task(), Found()
    with (
        task.progress("repair.checked", "Check stored files") as checked,
        task.progress("repair.missing", "Identify missing units") as missing,
        task.progress("repair.corrupted", "Identify corrupted units") as corrupted,
        task.progress("repair.repaired", "Repair corrupted units") as repaired,
    ):
        for artifact in _artifacts(version):
            fault = _fault(artifact, verify_checksums)
            checked.total = artifact.total
            checked.increment()
            if fault is None:
                continue
            if fault == "missing":
                found.missing += 1
                missing.increment()
            else:
                found.corrupted += 1
                corrupted.increment()
            logger.warning("artifact is not whole", artifact=str(artifact.id), file=artifact.file, fault=fault)
            if run(_fetch_again(artifact)):
                found.repaired += 1
                repaired.increment()
            elif len(found.unrepaired) < NAMED:
                found.unrepaired.append(href_of(ARTIFACT, artifact.id))
    return found


def _artifacts(version: RepositoryVersion | None) -> Iterator[_Stored]:
    if version is None:
        database.execute_sql(SQL.open_all_artifacts, {"domain": str(current_domain_id())})
    else:
        parameters = {"repository": str(version.repository_id), "number": version.number}  # type: ignore[attr-defined]
        database.execute_sql(SQL.open_artifacts, parameters)
    try:
        while rows := database.execute_sql(SQL.fetch_artifacts, (CHUNK,)).fetchall():
            yield from (_Stored(*row) for row in rows)
    finally:
        if not database.is_closed():
            database.execute_sql(SQL.close_artifacts)


def _fault(artifact: _Stored, verify_checksums: bool) -> str | None:
    """``missing``, ``corrupted`` or None."""
    storage = get_storage(uuid.UUID(str(artifact.domain_id)))
    try:
        if storage.size(artifact.file) != artifact.size:
            return "corrupted"
        if verify_checksums:
            digester = Digester(())
            for chunk in storage.open(artifact.file):
                digester.update(chunk)
            if digester.mismatches({"sha256": artifact.sha256}):
                return "corrupted"
    except FileNotFoundError:
        return "missing"
    return None


def _sources(artifact: _Stored) -> list[tuple[uuid.UUID, str]]:
    """(remote, URL) of the places that may have the bytes: alternate content sources, then where they came from."""
    digest = ("sha256", artifact.sha256)
    alternates = find_alternates(uuid.UUID(str(artifact.domain_id)), [digest]).get(digest, [])
    known = database.execute_sql(SQL.sources, (str(artifact.id),)).fetchall()
    return [*((one.remote_id, one.url) for one in alternates), *known]


async def _fetch_again(artifact: _Stored) -> bool:
    """Put the bytes in their place again, from the first remote that still has them."""
    storage = get_storage(uuid.UUID(str(artifact.domain_id)))
    for remote_id, url in _sources(artifact):
        try:
            async with Downloader(Remote.get_by_id(remote_id)) as downloader:
                temporary = await downloader.fetch(url, artifact.size, {"sha256": artifact.sha256})
        except DownloadError as error:
            logger.warning("cannot be fetched again", artifact=str(artifact.id), error=str(error))
            continue
        try:
            # A store may spare itself a key that has the right size.
            storage.delete(artifact.file)
            storage.put_file(temporary.path, artifact.file)
        finally:
            temporary.discard()
        return True
    return False
