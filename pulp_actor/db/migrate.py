"""Runs migrations: the queue's, the core's, then each plugin's, every component with a bookkeeping table of its own.

Safe to run from several processes at once: they take turns under an advisory lock. Services call `check` at start and
refuse to run on a schema that is behind.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources

from playhouse.migrations import Runner

from pulp_actor.db.connection import connected, database
from pulp_actor.errors import SchemaBehind
from pulp_actor.plugins import load_plugins

#: Key of the advisory lock under which one process at a time migrates.
MIGRATION_LOCK = 0x70756C70_6D696772


def components(*, queue_only: bool = False) -> list[tuple[str, str]]:
    """(component, directory of its migrations), in the order in which they are applied."""
    found = [("queue", str(resources.files("pulp_actor.queue") / "migrations"))]
    if queue_only:
        return found
    found.append(("core", str(resources.files("pulp_actor.db") / "migrations")))
    found += [(plugin.name, plugin.migrations) for plugin in load_plugins() if plugin.migrations]
    return found


def migrate(*, queue_only: bool = False) -> list[str]:
    """Apply what is pending. Returns the applied names: ``["core.0001_initial", …]``.

    ``queue_only`` is for those who use the task engine without the platform.
    """
    applied = []
    with connected(), _locked():
        for component, directory in components(queue_only=queue_only):
            applied += [f"{component}.{name}" for name in _runner(component, directory).up()]
    return applied


def pending() -> list[str]:
    """The migrations that have not been applied."""
    with connected():
        return [
            f"{component}.{migration.name}"
            for component, directory in components()
            for migration in _runner(component, directory).status()
            if not migration.applied
        ]


def check() -> None:
    """Raises SchemaBehind unless every migration has been applied."""
    behind = pending()
    if behind:
        raise SchemaBehind(
            f"the database is {len(behind)} migration(s) behind ({behind[0]} …): run `pulp-actor migrate` first"
        )


def _runner(component: str, directory: str) -> Runner:
    return Runner(database, directory, table_name=f"migration_{component}")


@contextmanager
def _locked() -> Iterator[None]:
    database.execute_sql("SELECT pg_advisory_lock(%s)", (MIGRATION_LOCK,))
    try:
        yield
    finally:
        database.execute_sql("SELECT pg_advisory_unlock(%s)", (MIGRATION_LOCK,))
