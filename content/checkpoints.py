"""Checkpoint distributions: ``base/path/20260131T120000Z/…`` is the repository as it was published at that time. All of it
blocks.

A time at which there is no checkpoint leads to the one before it.
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime

from content.lookup import find
from content.views import Resolution, View
from pulp_actor.db import database, load_queries

sql = load_queries("content", "checkpoints.sql")

_FORMAT = "%Y%m%dT%H%M%SZ"


def find_in_checkpoint(view: View, path: str) -> Resolution:
    """What ``path`` below the checkpoint distribution ``view`` is."""
    name, _, rest = path.partition("/")
    if not path:
        return Resolution(view, path, directory=True)
    moment = _parsed(name)
    if moment is None:
        return Resolution(view, path)
    parameters = {"repository_id": view.into_repository_id and str(view.into_repository_id), "moment": moment}
    row = database.execute_sql(sql.find_checkpoint, parameters).fetchone()
    if row is None:
        return Resolution(view, path)
    publication_id, pass_through, repository_id, number, made = row
    if made != moment:
        return Resolution(view, path, redirect=f"{made.astimezone(UTC):{_FORMAT}}{path[len(name):] or '/'}")
    found = replace(
        view, publication_id=uuid.UUID(publication_id), pass_through=pass_through, repository_id=uuid.UUID(repository_id),
        number=number, base_path=f"{view.base_path}/{name}", checkpoint=False,
    )
    return find(found, rest)


def checkpoint_names(view: View, after: str, limit: int) -> list[str]:
    """The names of the checkpoints that follow the one named ``after``, in order of time."""
    rows = database.execute_sql(sql.list_checkpoints, {
        "repository_id": view.into_repository_id and str(view.into_repository_id), "after": _parsed(after), "limit": limit,
    })
    return [f"{moment.astimezone(UTC):{_FORMAT}}" for (moment,) in rows]


def _parsed(name: str) -> datetime | None:
    try:
        moment = datetime.strptime(name, _FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return None
    # strptime takes fewer digits, too; a checkpoint has one name.
    return moment if f"{moment:{_FORMAT}}" == name else None
