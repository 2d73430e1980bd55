"""An import or export that is killed, at whatever point, leaves nothing that can be seen, and can be run again."""

from __future__ import annotations

import multiprocessing
import os
import signal

import pytest

from pulp_actor.db import connected, database
from pulp_actor.db.connection import connect_raw
from pulp_actor.models import Export, Exporter, Import, Importer, Repository, RepositoryVersion
from pulp_actor.settings import settings
from pulp_actor.transfer.exporting import ExportedVersion, export_archive
from pulp_actor.transfer.importing import import_archive
from tests.integration.transfer.conftest import held, hold, repository
from tests.support.workers.waiting import eventually

SPAWN = multiprocessing.get_context("spawn")
FILES = {f"file-{n}": f"content {n}\n".encode() for n in range(700)}


def _in_child(url, data_dir, shelf, job, key, argument):
    from pulp_actor.db import configure

    settings.set("test", DATABASE_URL=url, DATA_DIR=data_dir, ALLOWED_IMPORT_PATHS=[shelf], ALLOWED_EXPORT_PATHS=[shelf])
    configure(url)
    with connected():
        job(key, argument)


def _import(key, path):
    import_archive(Importer.get_by_id(key), {"path": path, "create_repositories": True})


def _export(key, version):
    export_archive(Exporter.get_by_id(key), [ExportedVersion(RepositoryVersion.get_by_id(version))], {})


def _waits():
    """Whether some process of this database waits for a lock."""
    return database.execute_sql(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    ).fetchone()[0]


@pytest.fixture
def killed_at(data_dir, shelf):
    """Run a job in a process that is killed where it would use a table, because somebody else has locked that."""
    def run(table, job, key, argument):
        holder = connect_raw(database.url)
        holder.autocommit = False
        with holder.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {table} IN {'ACCESS ' if job is _export else ''}EXCLUSIVE MODE")
        child = SPAWN.Process(
            target=_in_child, args=(database.url, str(data_dir), str(shelf), job, str(key), str(argument)))
        child.start()
        eventually(_waits, 100, f"the job to come to the table {table}")
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        holder.close()

    return run


@pytest.mark.slow
@pytest.mark.parametrize("table", ["artifact", "file_content", "version_change", "repository", "archive_import"])
def test_killed_import(table, killed_at, exporter, make_importer, elsewhere):
    made = export_archive(exporter, [ExportedVersion(hold(repository("killed"), FILES))], {})
    (path,) = made.output["output_file_info"]
    elsewhere()
    importer = make_importer()
    killed_at(table, _import, importer.id, path)
    assert Repository.select().count() == RepositoryVersion.select().count() == Import.select().count() == 0
    import_archive(importer, {"path": path, "create_repositories": True})
    assert held(Repository.get()) == FILES
    assert Repository.get().latest_version().number == 1


@pytest.mark.slow
def test_killed_export(killed_at, exporter, shelf):
    version = hold(repository("killed"), FILES)
    killed_at("file_content", _export, exporter.id, version.id)
    assert [path.name for path in shelf.iterdir()] == [f".export-{exporter.id}"]
    assert Export.select().count() == 0
    export_archive(exporter, [ExportedVersion(version)], {})
    assert len([path for path in shelf.iterdir() if not path.name.startswith(".")]) == len(list(shelf.iterdir())) == 2
