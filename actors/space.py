"""Giving space back: bytes that a remote still has, and units that are old or that nobody asks for."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterator, Sequence

from peewee import IntegrityError

from pulp_actor.db import database, load_queries, transaction
from pulp_actor.domains import of_current_domain
from pulp_actor.logs import get_logger
from pulp_actor.models import Repository, RepositoryVersion
from pulp_actor.models.base import utcnow
from pulp_actor.queue import actor, current_task
from pulp_actor.storage.artifacts import remove_artifacts
from pulp_actor.versions import announce, new_version

#: Artifacts that are looked at, and deleted, at a time.
BATCH_SIZE = 1000

SQL = load_queries("actors", "space.sql")
logger = get_logger(__name__)


@actor(name="pulpcore.app.tasks.reclaim_space.reclaim_space", retry_on_loss=True)
def reclaim_space(repo_pks: Sequence[str], keeplist_rv_pks: Sequence[str] = ()) -> dict[str, int]:
    """Delete the bytes of units of some repositories that can be fetched again from a remote; the units stay, and their
    bytes come back when somebody asks for them.

    Parameters:
        repo_pks: the repositories.
        keeplist_rv_pks: versions whose bytes stay.

    Returns ``{"artifacts": …, "bytes": …}``, what was deleted.
    """
    found = {"artifacts": 0, "bytes": 0}
    with current_task().progress("reclaim-space.artifact", "Reclaiming space") as progress:
        for keys in _reclaimable(repo_pks, keeplist_rv_pks):
            with transaction():
                database.execute_sql(SQL.forget_bytes, (keys,))
            count, freed = remove_unused(keys)
            found["artifacts"] += count
            found["bytes"] += freed
            progress.increment(count)
    return found


def _reclaimable(repositories: Sequence[str], keep: Sequence[str]) -> Iterator[list[str]]:
    """Keys of artifacts, some at a time. The cursor outlives transactions; what changes meanwhile is settled by the keys
    of the database: bytes that have come into use stay."""
    database.execute_sql(SQL.open_reclaimable, {"repositories": list(repositories), "keep": list(keep)})
    try:
        while rows := database.execute_sql(SQL.fetch_reclaimable, (BATCH_SIZE,)).fetchall():
            yield [str(key) for (key,) in rows]
    finally:
        if not database.is_closed():
            database.execute_sql(SQL.close_reclaimable)


def remove_unused(keys: Sequence[str]) -> tuple[int, int]:
    """Remove artifacts; one that has come into use meanwhile keeps its place, and the rest still go. Returns how many went,
    and their bytes."""
    try:
        return len(keys), remove_artifacts([uuid.UUID(key) for key in keys])
    except IntegrityError:
        if len(keys) == 1:
            logger.info("artifact came into use", artifact=keys[0])
            return 0, 0
        middle = len(keys) // 2
        first, second = remove_unused(keys[:middle]), remove_unused(keys[middle:])
        return first[0] + second[0], first[1] + second[1]


@actor(name="pulp_actor.tasks.space.prune")
def prune(
    repo_pks: Sequence[str], keep_days: int | None = None, unrequested_days: int | None = None, dry_run: bool = False,
) -> dict[str, int]:
    """Make a version of each repository without the units that are too old, or that nobody has asked for in a while.

    Parameters:
        keep_days: units that have been in the repository for longer go; None: age does not matter.
        unrequested_days: units that have been there for as long, and were not asked for since, go; None: never.
        dry_run: only count.

    Returns:
        key of each repository to how many units went, or would go.
    """
    counts: dict[str, int] = {}
    with current_task().progress("prune.units", "Pruning units") as progress:
        for repository in Repository.select().where(Repository.id.in_(list(repo_pks))):
            units = _old_units(repository, keep_days, unrequested_days)
            counts[str(repository.id)] = len(units)
            progress.increment(len(units))
            if units and not dry_run:
                with new_version(repository) as version:
                    version.remove(units)
                announce(version.made)
    return counts


def _old_units(repository: Repository, keep_days: int | None, unrequested_days: int | None) -> list[str]:
    rows = database.execute_sql(SQL.old_units, {
        "repository": str(repository.id), "before": _ago(keep_days), "unrequested": _ago(unrequested_days)})
    return [str(key) for (key,) in rows.fetchall()]


def _ago(days: int | None) -> datetime.datetime | None:
    """The moment so many days ago; None, before which nothing is, for None and where there has not been as much time."""
    try:
        return None if days is None else utcnow() - datetime.timedelta(days=days)
    except OverflowError:
        return None


@actor(name="pulpcore.app.tasks.datarepair.repair_7272", retry_on_loss=True)
def repair_summaries(dry_run: bool = False) -> dict[str, int]:
    """Count the units of every version of the domain anew, and mend summaries that say something else.

    Returns ``{"versions": …, "wrong": …, "repaired": …}``.
    """
    found = {"versions": 0, "wrong": 0, "repaired": 0}
    with current_task().progress("repair.summaries", "Counting units of versions") as progress:
        for repository in of_current_domain(Repository.select(Repository.id)):
            with transaction():
                Repository.select().where(Repository.id == repository.id).for_update().get()
                rows = database.execute_sql(SQL.count_units, {"repository": str(repository.id)}).fetchall()
                wrong = [(key, counted) for key, summary, counted in rows if summary != counted]
                for key, counted in [] if dry_run else wrong:
                    RepositoryVersion.update(content_summary=counted).where(RepositoryVersion.id == key).execute()
            found["versions"] += len(rows)
            found["wrong"] += len(wrong)
            found["repaired"] += 0 if dry_run else len(wrong)
            progress.increment(len(rows))
    return found
