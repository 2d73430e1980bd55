"""Deletes versions, alone or by a repository's retention; what other versions hold stays exactly what it was."""

from __future__ import annotations

import uuid

from pulp_actor.db import database, load_queries, transaction
from pulp_actor.errors import ValidationError
from pulp_actor.models import Repository, RepositoryVersion
from pulp_actor.models.base import utcnow
from pulp_actor.quotas import recount_repository

SQL = load_queries("pulp_actor.versions", "versions.sql")


def delete_version(version: RepositoryVersion) -> None:
    """Delete a version. The caller holds the repository's lock.

    Raises:
        ValidationError: it is the only one.
    """
    parameters = {"repository": str(version.repository_id), "number": version.number}  # type: ignore[attr-defined]
    with transaction():
        database.execute_sql(SQL.lock_repository, parameters)
        before, after = database.execute_sql(SQL.neighbours, parameters).fetchone()
        if before is None and after is None:
            raise ValidationError({"detail": "The only version of a repository cannot be deleted."})
        if after is None:
            database.execute_sql(SQL.drop_added, parameters)
            database.execute_sql(SQL.undo_removed, parameters)
            recount_repository(version.repository_id)  # type: ignore[attr-defined]
        else:
            _hand_over(parameters | {"next": after})
        RepositoryVersion.delete().where(RepositoryVersion.id == version.id).execute()


def retain_versions(repository_id: uuid.UUID) -> int:
    """Delete the versions beyond those that the repository keeps; returns how many. The caller holds its lock."""
    keep = Repository.get_by_id(repository_id).retain_repo_versions
    if not keep:
        return 0
    parameters = {"repository": str(repository_id), "keep": keep}
    numbers = [number for (number,) in database.execute_sql(SQL.superfluous, parameters).fetchall()]
    for version in RepositoryVersion.select().where(
        RepositoryVersion.repository == repository_id, RepositoryVersion.number.in_(numbers),
    ).order_by(RepositoryVersion.number):
        delete_version(version)
    return len(numbers)


def _hand_over(parameters: dict[str, object]) -> None:
    """Let the next version answer for the changes of the one that goes."""
    for query in (SQL.rejoin, SQL.drop_brief, SQL.add_later, SQL.remove_later):
        database.execute_sql(query, parameters)
    version = RepositoryVersion.get(
        RepositoryVersion.repository == parameters["repository"], RepositoryVersion.number == parameters["next"])
    counted = parameters | {"number": parameters["next"]}
    summary = {
        "present": version.content_summary.get("present", {}),
        "added": dict(database.execute_sql(SQL.count_added, counted).fetchall()),
        "removed": dict(database.execute_sql(SQL.count_removed, counted).fetchall()),
    }
    RepositoryVersion.update(content_summary=summary, pulp_last_updated=utcnow()).where(
        RepositoryVersion.id == version.id).execute()
