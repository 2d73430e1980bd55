"""A PostgreSQL server for one test process, and databases on it that are cloned from a migrated template."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from pulp_actor.db import configure, connected, database
from pulp_actor.db.connection import connect_raw
from pulp_actor.db.embedded import EmbeddedServer, database_url
from pulp_actor.db.migrate import migrate
from pulp_actor.settings import settings

#: What is thrown away need not survive a power cut, and lives too short to be tidied: a run of autovacuum in the middle of a
#: test would change plans on the machine that is slow enough to see one.
THROWAWAY = {
    "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off", "max_connections": "300",
}

TEMPLATE = "migrated"


class Server:
    """A running server; makes and drops databases."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._embedded = EmbeddedServer(directory / "postgres", options=THROWAWAY)
        self._numbers = itertools.count(1)
        self._has_template = False

    def start(self) -> None:
        self._embedded.start()

    def stop(self) -> None:
        self._embedded.stop(immediate=True)
        shutil.rmtree(self._directory, ignore_errors=True)

    @property
    def pid(self) -> int | None:
        return self._embedded.pid

    def url(self, name: str) -> str:
        return database_url(self._embedded.directory, name)

    def execute(self, statement: str) -> None:
        """Run one statement as the superuser, outside any of the tests' databases."""
        with closing(connect_raw(self.url("postgres"))) as conn, conn.cursor() as cursor:
            cursor.execute(statement)

    @contextmanager
    def empty(self) -> Iterator[str]:
        """The URL of a new database without tables, dropped at the end."""
        yield from self._new("template1")

    @contextmanager
    def migrated(self) -> Iterator[str]:
        """The URL of a new database with every migration applied, and the built-in roles, dropped at the end."""
        if not self._has_template:
            self.execute(f"CREATE DATABASE {TEMPLATE}")
            with bound(self.url(TEMPLATE)):
                migrate()
                with connected():
                    _write_roles()
            self._has_template = True
        yield from self._new(TEMPLATE)

    def _new(self, template: str) -> Iterator[str]:
        name = f"test_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        try:
            yield self.url(name)
        finally:
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _write_roles() -> None:
    # Not before: the queue's own tests run where there is no API.
    from api.access.declared import write
    from api.routes import all_endpoints

    write(all_endpoints())


@contextmanager
def bound(url: str) -> Iterator[None]:
    """Bind `pulp_actor.db.database` and the settings to ``url`` for the length of the block."""
    with settings.override(DATABASE_URL=url):
        configure(url)
        try:
            yield
        finally:
            if not database.is_closed():
                database.close()
            database.close_all()
            database.init(None)
