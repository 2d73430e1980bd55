"""The questions about paths that the database answers. All of it blocks, and needs an open connection."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from content.views import File, Guard, Resolution, View
from pulp_actor.db import database, load_queries
from pulp_actor.models import ContentGuard
from pulp_actor.settings import settings

sql = load_queries("content", "lookup.sql")

#: The file that stands for its directory.
INDEX = "index.html"


def find_view(domain: str, base_paths: list[str]) -> View | None:
    """The view of the distribution with the longest of ``base_paths``."""
    row = database.execute_sql(sql.find_view, {"domain": domain, "base_paths": base_paths}).fetchone()
    if row is None:
        return None
    (key, type_, base_path, checkpoint, remote_id, into_repository_id, domain_id, domain, guard_id, guard_type,
     guard_details, rule, publication_id, pass_through, repository_id, number) = row
    guard = _guard(guard_id, guard_type, guard_details) if guard_id else None
    view = View(
        uuid.UUID(key), type_, base_path, uuid.UUID(domain_id), domain, guard, checkpoint, _uuid(remote_id),
        _uuid(into_repository_id), _uuid(publication_id), bool(pass_through), _uuid(repository_id), number,
    )
    if publication_id is None:
        return view
    return replace(view, superseded=_superseded(view, by_newer=rule == "latest publication"))


def _superseded(view: View, *, by_newer: bool) -> tuple[tuple[View, datetime], ...]:
    """The publications that ``view`` stood for before; ``by_newer``: each newer one of the repository replaces the last."""
    rows = database.execute_sql(sql.superseded, {
        "distribution_id": str(view.distribution_id), "publication_id": str(view.publication_id),
        "repository_id": str(view.repository_id) if by_newer else None,
        "retention": settings.DISTRIBUTED_PUBLICATION_RETENTION_PERIOD,
    })
    return tuple(
        (replace(view, publication_id=uuid.UUID(key), pass_through=pass_through, repository_id=uuid.UUID(repository_id),
                 number=number), superseded_at)
        for key, pass_through, repository_id, number, superseded_at in rows
    )


def _guard(key: Any, type_: str, details: dict[str, Any]) -> Guard:
    """A guard with its parts, which have none themselves."""
    parts: list[Guard] = []
    if details.get("guards"):
        rows = ContentGuard.select().where(ContentGuard.id.in_(details["guards"]))
        parts = [Guard(row.id, row.type, row.details) for row in rows]
    return Guard(uuid.UUID(key), type_, details, tuple(parts))


def find(view: View, path: str) -> Resolution:
    """What ``path`` below ``view`` is: a file, a directory (for ``a/b`` also if ``a/b/`` is one), or nothing.

    A directory that has an index file is that file.
    """
    if view.publication_id is None and view.repository_id is None:
        return Resolution(view, path)
    is_directory_path = path == "" or path.endswith("/")
    wanted = path + INDEX if is_directory_path else path
    file = find_file(view, wanted)
    if file is not None:
        return Resolution(view, path, file)
    if path == "" or _is_directory(view, path if is_directory_path else f"{path}/"):
        return Resolution(view, path, directory=True)
    retention = timedelta(seconds=settings.DISTRIBUTED_PUBLICATION_RETENTION_PERIOD)
    for before, superseded_at in view.superseded:
        if superseded_at + retention > datetime.now(UTC) and (file := find_file(before, wanted)) is not None:
            return Resolution(view, path, file)
    return Resolution(view, path)


def find_file(view: View, path: str) -> File | None:
    """The file that ``path`` is in ``view``."""
    row = database.execute_sql(sql.find_file, parameters(view) | {"path": path}).fetchone()
    if row is None:
        return None
    key, stored, size, sha256, created = row
    return File(uuid.UUID(key), path, view.domain_id, stored, size, sha256, created)


def _is_directory(view: View, path: str) -> bool:
    bounds = {"first": path, "beyond": beyond(path)}
    return bool(database.execute_sql(sql.is_directory, parameters(view) | bounds).fetchone()[0])


def beyond(directory: str) -> str:
    """The first string, by bytes, after everything that starts with ``directory``, which ends in a slash."""
    return directory[:-1] + "0"  # the character after the slash


def parameters(view: View) -> dict[str, Any]:
    """What the queries about a view's files call it."""
    return {
        "publication_id": view.publication_id and str(view.publication_id),
        "pass_through": view.pass_through,
        "repository_id": view.repository_id and str(view.repository_id),
        "number": view.number,
    }


def _uuid(value: Any) -> uuid.UUID | None:
    return None if value is None else uuid.UUID(value)
