"""Export and import of an archive, in units per second, and the memory that a worker needs for them.

    python -m tests.bench.transfer_bench [--url postgresql://…] [--units 100000] [--import-units 20000]

Each figure is taken in a fresh process, as a worker's first task. The units' bytes are small files in the local store.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from tests.bench.harness import Row, new_server, report
from tests.support.memory import peak_memory

SPAWN = multiprocessing.get_context("spawn")

FILL = """
    WITH given AS (
        SELECT gen_random_uuid() AS content, gen_random_uuid() AS artifact, digest, path
        FROM unnest(%s::text[], %s::text[]) AS one (digest, path)
    ), a AS (
        INSERT INTO artifact (id, file, size, sha256)
        SELECT artifact, 'artifact/' || left(digest, 2) || '/' || substr(digest, 3), 64, digest FROM given
    ), c AS (INSERT INTO content (id, type) SELECT content, 'file.file' FROM given
    ), f AS (INSERT INTO file_content (content_id, digest, relative_path) SELECT content, digest, path FROM given)
    INSERT INTO content_artifact (id, content_id, artifact_id, relative_path)
    SELECT gen_random_uuid(), content, artifact, path FROM given
"""


def fill(folder: Path, count: int, fewer: int) -> tuple[Any, Any]:
    """A version of ``count`` units with 64 bytes each, and one of ``fewer`` of these."""
    from pulp_actor.db import database
    from pulp_actor.identifiers import registry
    from pulp_actor.models import mutations
    from pulp_actor.versions import new_version

    for start in range(0, count, 10_000):
        digests = []
        for number in range(start, min(start + 10_000, count)):
            data = f"content {number}".encode().ljust(64)
            digests.append(hashlib.sha256(data).hexdigest())
            path = folder / "media" / "artifact" / digests[-1][:2] / digests[-1][2:]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        database.execute_sql(FILL, (digests, [f"dir/file-{start + number}" for number in range(len(digests))]))
    database.execute_sql("ANALYZE")
    keys = [key for (key,) in database.execute_sql("SELECT content_id FROM file_content").fetchall()]

    def version_of(name: str, number: int) -> Any:
        repository: Any = mutations.create(registry.by_path("repositories/file/file"), {"name": name})
        with new_version(repository) as version:
            version.add(keys[:number])
        return version.made

    return version_of("all", count), version_of("some", fewer)


def _child(pipe: Any, url: str, data_dir: str, job: str, key: str, argument: str) -> None:
    """Export the version ``key``, or import the archive ``argument``, in this fresh process; send what it took."""
    from pulp_actor.db import configure, connected
    from pulp_actor.models import Exporter, Importer, RepositoryVersion
    from pulp_actor.plugins import load_plugins
    from pulp_actor.settings import settings
    from pulp_actor.transfer.exporting import ExportedVersion, export_archive
    from pulp_actor.transfer.importing import import_archive

    settings.set("bench", DATA_DIR=data_dir, DATABASE_URL=url)
    settings.set("bench", ALLOWED_EXPORT_PATHS=[data_dir], ALLOWED_IMPORT_PATHS=[data_dir])
    configure(url)
    load_plugins()
    with connected():
        begin = time.perf_counter()
        if job == "export":
            made = export_archive(Exporter.get(), [ExportedVersion(RepositoryVersion.get_by_id(key))], {})
            assert made is not None
            (argument,) = made.output["output_file_info"]
        else:
            import_archive(Importer.get(), {"path": argument, "create_repositories": True})
        wall = time.perf_counter() - begin
    pipe.send((wall, peak_memory(), argument))


def run(*arguments: str) -> tuple[float, float, str]:
    """(seconds, MiB, path of the archive) of a job in a process of its own."""
    parent, child = SPAWN.Pipe()
    process = SPAWN.Process(target=_child, args=(child, *arguments))
    process.start()
    child.close()
    try:
        return parent.recv()
    finally:
        process.join()


def measure(url: str, folder: Path, count: int, fewer: int) -> list[Row]:
    from pulp_actor.db import configure, connected, database
    from pulp_actor.db.migrate import migrate
    from pulp_actor.models import Exporter, Importer
    from pulp_actor.plugins import load_plugins
    from pulp_actor.security.encryption import keyring
    from pulp_actor.settings import settings

    settings.set("bench", DATA_DIR=str(folder), DATABASE_URL=url)
    keyring.create()
    configure(url)
    load_plugins()
    migrate()
    with connected():
        version, small = fill(folder, count, fewer)
        Exporter.create(type="core.pulp", name="bench", path=str(folder / "archives"))
        Importer.create(name="bench")
    wall, memory, _ = run(url, str(folder), "export", str(version.id), "")
    _, _, path = run(url, str(folder), "export", str(small.id), "")
    with connected():
        database.execute_sql("TRUNCATE repository, content, artifact CASCADE")
    back, memory_back, _ = run(url, str(folder), "import", "", path)
    return [
        Row(f"export, {count:,} units of 64 bytes", count / wall, "units/s"),
        Row(f"peak memory of that export, {count:,} units", memory, "MiB", goal="≤ 300", reached=memory <= 300),
        Row(f"import, {fewer:,} units of 64 bytes", fewer / back, "units/s"),
        Row(f"peak memory of that import, {fewer:,} units", memory_back, "MiB", goal="≤ 300", reached=memory_back <= 300),
    ]


@click.command()
@click.option("--url", default="", help="PostgreSQL to use; it is emptied. By default one is started.")
@click.option("--units", default=100_000, help="Units to export.")
@click.option("--import-units", default=20_000, help="Units to import, each of which the disk flushes.")
def main(url: str, units: int, import_units: int) -> None:
    with ExitStack() as stack:
        url = url or stack.enter_context(new_server())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        rows = measure(url, folder, units, import_units)
    report("Export and import", rows, "transfer")


if __name__ == "__main__":
    main()
