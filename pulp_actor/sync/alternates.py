"""Alternate content sources: which files they have, and where a file with a certain digest can be had from one of them.

    replace_files(source, path, artifacts)          # a refresh writes what a path lists
    find_alternates(domain_id, [("sha256", "…")])   # a sync or the content server asks before it goes upstream

Files are known by digest alone; what they are called does not matter. Must never know a type of content.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from pulp_actor.db import database, load_queries, transaction
from pulp_actor.models import AlternateContentSource
from pulp_actor.settings import settings
from pulp_actor.sync.declared import DeclaredArtifact

#: Rows that are written at a time.
CHUNK = 5000

SQL = load_queries("pulp_actor.sync", "alternates.sql")

#: (name, value) of a digest, the value in lower case.
Digest = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Alternate:
    """One place where a file can be had. ``cooling``: it could not be had there a moment ago."""

    digest: Digest
    source_id: uuid.UUID
    path: str
    remote_id: uuid.UUID
    url: str
    size: int | None
    cooling: bool


def replace_files(source: AlternateContentSource, path: str, artifacts: Iterable[DeclaredArtifact]) -> int:
    """Let a path of a source have these files and no others, in one transaction; returns how many digests are known."""
    count = 0
    with transaction():
        database.execute_sql(SQL.forget_files, {"source": str(source.id), "path": path})
        for rows in _chunks(_rows(artifacts)):
            digests, urls, sizes = map(list, zip(*rows, strict=True))
            count += database.execute_sql(SQL.insert_files, {
                "source": str(source.id), "path": path, "digest": digests, "url": urls, "size": sizes}).rowcount
        database.execute_sql(SQL.note_refresh, {"source": str(source.id)})
    return count


def find_alternates(domain_id: uuid.UUID, digests: Iterable[Digest]) -> dict[Digest, list[Alternate]]:
    """The places where files with these digests can be had; in order of the sources' names, those that cool down last."""
    wanted = [f"{name}:{value}" for name, value in digests]
    found: dict[Digest, list[Alternate]] = defaultdict(list)
    rows = database.execute_sql(SQL.find_files, {
        "domain": str(domain_id), "digests": wanted, "cooldown": settings.REMOTE_CONTENT_FETCH_FAILURE_COOLDOWN})
    for text, source_id, path, remote_id, url, size, cooling in rows.fetchall():
        name, _, value = text.partition(":")
        found[name, value].append(Alternate(
            (name, value), uuid.UUID(str(source_id)), path, uuid.UUID(str(remote_id)), url, size, cooling))
    return found


def note_failure(alternate: Alternate) -> None:
    """Remember that a file could not be had from a source, for as long as the cooldown lasts."""
    database.execute_sql(SQL.note_failure, {
        "digest": ":".join(alternate.digest), "source": str(alternate.source_id), "path": alternate.path})


def _rows(artifacts: Iterable[DeclaredArtifact]) -> Iterator[tuple[str, str, int | None]]:
    for artifact in artifacts:
        for name, value in artifact.digests.items():
            yield f"{name}:{value.lower()}", artifact.url, artifact.size


def _chunks(rows: Iterator[tuple[str, str, int | None]]) -> Iterator[list[tuple[str, str, int | None]]]:
    while chunk := list(islice(rows, CHUNK)):
        yield chunk
