"""Makes a repository version: gathers changes, then turns them into a version in one transaction, in set operations.

A task that fails or is killed leaves no version, not even half of one: until that transaction, the repository is not
touched. Must never know a type of content; a type's `repo_key_fields` say which of its units exclude each other.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2.errors
from peewee import DatabaseError, IntegrityError

from pulp_actor.db import database, load_queries, transaction
from pulp_actor.db.connection import in_transaction
from pulp_actor.errors import PulpActorError
from pulp_actor.identifiers import uuid7
from pulp_actor.logs import get_logger
from pulp_actor.models import Repository, RepositoryVersion
from pulp_actor.models.base import utcnow
from pulp_actor.quotas import check_repository
from pulp_actor.versions.deletion import retain_versions
from pulp_actor.versions.members import detail_models

#: Changes that are kept in memory before they are written to the table of gathered changes.
MEMORY_LIMIT = 2000

SQL = load_queries("pulp_actor.versions", "versions.sql")
logger = get_logger(__name__)

Key = uuid.UUID | str


class PathTaken(PulpActorError):
    """Two units of a version would stand in the same place."""


class ContentGone(PulpActorError):
    """A unit that shall be added has been deleted."""


@contextmanager
def new_version(
    repository: Repository, base_version: RepositoryVersion | None = None, *, overwrite: bool = True,
) -> Iterator[VersionBuilder]:
    """Make a version of ``repository`` from what the block asks for. The caller holds the repository's lock.

    Parameters:
        base_version: what to start from; None: the latest version.
        overwrite: whether a unit that is added takes the place of one with the same key; else that is an error.

    Raises:
        PathTaken: two of the units that are added exclude each other, or ``overwrite`` is off and one has a rival.
        ContentGone: a unit that was added does not exist any more.
        QuotaExceeded: the version would hold more than the repository may.
    """
    builder = VersionBuilder(repository, base_version, overwrite=overwrite)
    builder.discard()
    try:
        yield builder
    except BaseException:
        builder.discard_quietly()
        raise
    try:
        builder.finish()
    except BaseException:
        builder.discard_quietly()
        raise


class VersionBuilder:
    """Gathers changes. ``made`` is the version once the block has ended, or None if nothing changed."""

    def __init__(self, repository: Repository, base: RepositoryVersion | None, *, overwrite: bool) -> None:
        self.repository = repository
        self.base = base
        self.made: RepositoryVersion | None = None
        self.added: dict[str, int] = {}
        self.removed: dict[str, int] = {}
        self._overwrite = overwrite
        self._changes: dict[str, bool] = {}
        self._cleared = False
        self._staged = False
        self._spill_at = MEMORY_LIMIT

    @property
    def keeps_members(self) -> bool:
        """Whether what the latest version has stays without being asked for."""
        return self.base is None and not self._cleared

    def add(self, content_ids: Iterable[Key]) -> None:
        """Have these units in the version."""
        self._note(content_ids, True)

    def remove(self, content_ids: Iterable[Key]) -> None:
        """Do not have these units in the version."""
        self._note(content_ids, False)

    def remove_all(self) -> None:
        """Have nothing in the version but what is added from here on."""
        self._cleared = True
        self._changes.clear()
        if self._staged:
            self.discard()

    def flush(self) -> None:
        """Write what is gathered to the table of changes now, in the caller's transaction if there is one. From then on
        orphan cleanup spares these units."""
        if not self._changes:
            return
        parameters = self._parameters()
        with transaction():
            database.execute_sql(SQL.stage_changes, parameters)
        self._staged = True
        self._changes.clear()

    def discard(self) -> None:
        """Forget what has been written to the table of changes, also by a task that was killed."""
        with transaction():
            database.execute_sql(SQL.drop_changes, {"repository": str(self.repository.id)})
        self._staged = False

    def discard_quietly(self) -> None:
        """`discard` on the way out of a failure, which must not be hidden by another one."""
        if not self._staged:
            return
        try:
            self.discard()
        except DatabaseError as error:
            logger.warning("gathered changes stay until the next task", repository=str(self.repository.id), error=str(error))

    def finish(self) -> None:
        """Make the version, if there is anything to make."""
        if self._staged:
            self.flush()
            if not in_transaction():
                # ANALYZE keeps other ANALYZEs out for as long as its transaction lasts, so that is a short one.
                database.execute_sql("ANALYZE version_change")
        try:
            with transaction():
                self.made = self._make()
                if self._staged:
                    self.discard()
        except IntegrityError as error:
            cause = error.__cause__ or error.__context__
            if isinstance(cause, psycopg2.errors.ForeignKeyViolation):
                raise ContentGone("a unit of content that was to be added has been deleted meanwhile") from error
            raise

    def _note(self, content_ids: Iterable[Key], present: bool) -> None:
        for content_id in content_ids:
            self._changes[str(content_id)] = present
        if len(self._changes) >= self._spill_at:
            self.flush()

    def _parameters(self) -> dict[str, Any]:
        return {
            "repository": str(self.repository.id),
            "content": list(self._changes), "present": list(self._changes.values()),
        }

    def _make(self) -> RepositoryVersion | None:
        parameters = self._parameters()
        row = database.execute_sql(SQL.lock_repository, parameters).fetchone()
        number, latest_number, latest_summary = row
        parameters |= {"number": number, "base": self.base.number if self.base else latest_number}
        run = _Run(parameters, SQL.staged_changes if self._staged else SQL.given_changes)
        empty = not latest_summary.get("present")
        removed, added = self._change_members(run, latest_number)
        if added:
            removed += self._settle_rivals(run, any_before=not empty)
        if not added and not removed:
            return None
        return self._record(run, latest_summary or {})

    def _change_members(self, run: _Run, latest_number: int) -> tuple[int, int]:
        """Start and end stays; returns how many (ended, started)."""
        if self._cleared:
            removed = run.count(SQL.remove_all_but_wanted, wanted=SQL.present_changes)
        elif run.parameters["base"] == latest_number:
            removed = run.count(SQL.remove_unwanted)
        else:
            run.count(SQL.base_and_changes)
            self._settle_base_rivals(run)
            removed = run.count(SQL.remove_all_but_wanted, wanted="wanted_content")
            return removed, run.count(SQL.add_wanted, wanted="wanted_content")
        return removed, run.count(SQL.add_wanted, wanted=SQL.present_changes)

    def _settle_base_rivals(self, run: _Run) -> None:
        for parts in _exclusive_types():
            taken = run.rows(SQL.displaced_in_base, **parts)
            self._refuse_overwriting(taken)

    def _settle_rivals(self, run: _Run, *, any_before: bool) -> int:
        """Let what is added take the place of what has the same key; returns how many stays that ended."""
        ended = 0
        for parts in _exclusive_types():
            rivals = run.rows(SQL.rivals, **parts)
            if rivals:
                names = ", ".join(repr("/".join(map(str, key))) for key in rivals)
                raise PathTaken(f"more than one unit of the new version claims {names}")
            if any_before:
                taken = run.rows(SQL.displaced, **parts)
                self._refuse_overwriting(taken)
                ended += len(taken)
        return ended

    def _refuse_overwriting(self, taken: list[tuple[Any, ...]]) -> None:
        if taken and not self._overwrite:
            names = ", ".join(sorted(repr("/".join(map(str, key))) for key in taken[:3]))
            raise PathTaken(f"the repository has another unit for {names} already, and overwriting was not allowed")

    def _record(self, run: _Run, before: dict[str, Any]) -> RepositoryVersion:
        self.added, self.removed = dict(run.rows(SQL.count_added)), dict(run.rows(SQL.count_removed))
        present = dict(before.get("present", {}))
        for type_ in {*present, *self.added}:
            present[type_] = present.get(type_, 0) + self.added.get(type_, 0) - self.removed.get(type_, 0)
        now = utcnow()
        version = RepositoryVersion.create(
            id=uuid7(), repository=self.repository.id, number=run.parameters["number"], complete=True,
            base_version=self.base, pulp_created=now, pulp_last_updated=now,
            content_summary={
                "present": {type_: count for type_, count in present.items() if count},
                "added": self.added, "removed": self.removed,
            },
        )
        run.count(SQL.next_number)
        check_repository(self.repository.id)
        retain_versions(self.repository.id)
        return version


class _Run:
    """Executes the queries of one transaction, which share their parameters and the relation of changes."""

    def __init__(self, parameters: dict[str, Any], changes: str) -> None:
        self.parameters = parameters
        self._changes = changes

    def count(self, query: str, **parts: str) -> int:
        return int(self._execute(query, parts).rowcount)

    def rows(self, query: str, **parts: str) -> list[tuple[Any, ...]]:
        return list(self._execute(query, parts).fetchall())

    def _execute(self, query: str, parts: dict[str, str]) -> Any:
        return database.execute_sql(_fill(query, {"changes": self._changes, **parts}), self.parameters)


def _fill(query: str, parts: dict[str, str]) -> str:
    """Put relations and names of columns into a query; a part may hold ``{changes}`` itself, so that goes in last."""
    for name in sorted(parts, key="changes".__eq__):
        query = query.replace(f"{{{name}}}", parts[name])
    return query


def _exclusive_types() -> Iterator[dict[str, str]]:
    """For each type of content whose units can exclude each other: what the queries need to know of its table."""
    for model in detail_models().values():
        columns = [model._meta.fields[name].column_name for name in getattr(model, "repo_key_fields", ())]
        if columns:
            yield {
                "table": f'"{model._meta.table_name}"',
                "key": ", ".join(f'old."{column}"' for column in columns),
                "same_key": " AND ".join(f'old."{column}" = new."{column}"' for column in columns),
            }


