"""Sync and publish, in units per second, with the memory and the time that a worker needs for them.

    python -m tests.bench.sync_bench [--url postgresql://…] [--units 50000] [--version-units 1000000] [--flat 10000,500000]

Each figure is taken in a fresh process, as a worker's first task; the origin is an nginx. Without ``--url`` it starts a
PostgreSQL of its own, with its default durability. Beside each rate stand shares of the time that passed: waiting for
PostgreSQL, for the network and for the store; hashing; and what this process computed, hashing included. They overlap,
because the stages of a sync work at the same time.

Where to run it: ext4 gives no inode out again for some minutes after its file was deleted, and looks past each of them
whenever a file is made. On a filesystem where thousands of files have just been deleted, the immediate sync is several
times slower.
"""

from __future__ import annotations

import selectors
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import click

from tests.bench.harness import Row, median, new_server, report
from tests.bench.sync_origin import SPAWN, origin
from tests.support.memory import peak_memory

Measured = dict[str, float]


def _child(pipe: Any, url: str, data_dir: str, name: str, arguments: tuple[Any, ...]) -> None:
    """Run one job in this fresh process and send what it took."""
    from pulp_actor.db import configure, connected
    from pulp_actor.plugins import load_plugins
    from pulp_actor.settings import settings

    settings.set("bench", DATA_DIR=data_dir, DATABASE_URL=url)
    configure(url)
    load_plugins()
    clocks = _clocks()
    with connected():
        job = JOBS[name](*arguments)
        clocks.clear()
        cpu, begin = time.process_time(), time.perf_counter()
        job()
        wall = time.perf_counter() - begin
    pipe.send({
        "wall": wall, "python": time.process_time() - cpu,
        "memory": peak_memory(), **clocks,
    })


def _clocks() -> Measured:
    """Seconds spent waiting for PostgreSQL, the network and the store, and hashing, filled in as they pass."""
    from pulp_actor.db import database
    from pulp_actor.storage import Digester
    from pulp_actor.storage.local import LocalStorage
    from pulp_actor.sync.batch import Batch

    clocks: Measured = {}

    def timed(owner: Any, method: str, name: str) -> None:
        inner = getattr(owner, method)

        def outer(*args: Any, **kwargs: Any) -> Any:
            begin = time.perf_counter()
            try:
                return inner(*args, **kwargs)
            finally:
                clocks[name] = clocks.get(name, 0.0) + time.perf_counter() - begin

        setattr(owner, method, outer)

    timed(database, "execute_sql", "postgresql")
    timed(database, "commit", "postgresql")
    timed(Digester, "update", "hashing")
    timed(LocalStorage, "put_files", "files")
    timed(Batch, "write_out", "files")
    _time_network(clocks)
    return clocks


def _time_network(clocks: Measured) -> None:
    """Count the time that the event loop waits while a download is under way."""
    from pulp_actor.sync import Downloader

    fetch, select, under_way = Downloader.fetch, selectors.EpollSelector.select, 0

    async def counted(*args: Any, **kwargs: Any) -> Any:
        nonlocal under_way
        under_way += 1
        try:
            return await fetch(*args, **kwargs)
        finally:
            under_way -= 1

    def timed_select(*args: Any, **kwargs: Any) -> Any:
        begin, downloads = time.perf_counter(), under_way
        try:
            return select(*args, **kwargs)
        finally:
            if downloads:
                clocks["network"] = clocks.get("network", 0.0) + time.perf_counter() - begin

    Downloader.fetch = counted  # type: ignore[method-assign]
    selectors.EpollSelector.select = timed_select  # type: ignore[method-assign]


def _sync_job(remote_id: str, repository_id: str, mirror: bool) -> Callable[[], None]:
    from pulp_actor.plugins.file.actors import synchronize

    return lambda: synchronize(remote_id, repository_id, mirror=mirror, optimize=False)


def _publish_job(repository_id: str) -> Callable[[], None]:
    from pulp_actor.models import Repository
    from pulp_actor.plugins.file.actors import publish

    version = Repository.get_by_id(repository_id).latest_version()
    return lambda: publish(str(version.id))


JOBS: dict[str, Callable[..., Callable[[], None]]] = {"sync": _sync_job, "publish": _publish_job}


class Bench:
    def __init__(self, url: str, data_dir: str, upstream: str) -> None:
        from pulp_actor.db import configure
        from pulp_actor.db.migrate import migrate
        from pulp_actor.security.encryption import keyring
        from pulp_actor.settings import settings

        self.url, self.data_dir, self.upstream = url, data_dir, upstream
        settings.set("bench", DATA_DIR=data_dir, DATABASE_URL=url)
        keyring.create()
        configure(url)
        migrate()

    def make(self, count: int, policy: str) -> tuple[str, str]:
        """Keys of a remote with ``count`` units and of an empty repository."""
        from pulp_actor.db import connected
        from pulp_actor.identifiers import registry, uuid7
        from pulp_actor.models import Remote, mutations

        with connected():
            remote = Remote.create(
                type="file.file", name=str(uuid7()), url=f"{self.upstream}MANIFEST-{count}", policy=policy)
            repository: Any = mutations.create(registry.by_path("repositories/file/file"), {"name": str(uuid7())})
        return str(remote.id), str(repository.id)

    def forget(self) -> None:
        """Delete all content, so that the next sync finds nothing."""
        from pulp_actor.db import connected, database

        with connected():
            database.execute_sql("TRUNCATE content, artifact, repository_content, repository CASCADE")

    def run(self, name: str, *arguments: Any) -> Measured:
        parent, child = SPAWN.Pipe()
        process = SPAWN.Process(target=_child, args=(child, self.url, self.data_dir, name, arguments))
        process.start()
        child.close()
        try:
            measured: Measured = parent.recv()
        finally:
            process.join()
        print(f"  {name}: {measured['wall']:.2f} s", flush=True)
        return measured


FILL_CONTENT = """
    INSERT INTO content (id, type) SELECT gen_random_uuid(), 'file.file' FROM generate_series(1, %s);
    INSERT INTO file_content (content_id, digest, relative_path)
    SELECT id, md5(id::text) || md5(id::text), 'p/' || row_number() OVER (ORDER BY id) FROM content
"""


def measure_version(bench: Bench, count: int) -> Row:
    """A version with 1,000 changes on top of many units, right after these were loaded."""
    from pulp_actor.db import connected, database
    from pulp_actor.models import Repository
    from pulp_actor.versions import new_version

    bench.forget()
    _, key = bench.make(1, "on_demand")
    with connected():
        repository = Repository.get_by_id(key)
        database.execute_sql(FILL_CONTENT, (count + 500,))
        keys = [key for (key,) in database.execute_sql("SELECT content_id FROM file_content").fetchall()]
        with new_version(repository) as version:
            version.add(keys[:count])
        begin = time.perf_counter()
        with new_version(repository) as version:
            version.add(keys[count:])
            version.remove(keys[:500])
        wall = time.perf_counter() - begin
    assert version.made is not None and version.made.content_summary["present"] == {"file.file": count}
    return Row(f"version with 1,000 changes on {count:,} units", wall, "s", goal="< 1", reached=wall < 1)


#: The clocks, as the tables name them.
CLOCKS = ("postgresql", "network", "files", "hashing", "python")


class Measurement:
    """One kind of run, measured in every round."""

    def __init__(self, name: str, count: int, goal: float) -> None:
        self.name, self.count, self.goal = name, count, goal
        self.runs: list[Measured] = []

    def row(self) -> Row:
        rates = [self.count / run["wall"] for run in self.runs]
        rate = median(rates)
        run = min(self.runs, key=lambda run: abs(self.count / run["wall"] - rate))
        shares = ", ".join(f"{clock} {run.get(clock, 0.0) / run['wall']:.0%}" for clock in CLOCKS)
        return Row(
            f"{self.name}, {self.count:,} units ({run['memory']:.0f} MiB; {shares})", rate, "units/s",
            goal=f"≥ {self.goal:,.0f}", reached=rate >= self.goal, rounds=rates)


def measure(bench: Bench, count: int, immediate_count: int, rounds: int) -> list[Row]:
    first, again = Measurement("sync, on_demand", count, 5000), Measurement("sync again, nothing changed", count, 20000)
    mirrored, published = Measurement("sync again, mirror", count, 20000), Measurement("publish", count, 20000)
    immediate = Measurement("sync, immediate", immediate_count, 1500)
    for _ in range(rounds):
        bench.forget()
        remote, repository = bench.make(count, "on_demand")
        first.runs.append(bench.run("sync", remote, repository, False))
        again.runs.append(bench.run("sync", remote, repository, False))
        mirrored.runs.append(bench.run("sync", remote, repository, True))
        published.runs.append(bench.run("publish", repository))
        bench.forget()
        immediate.runs.append(bench.run("sync", *bench.make(immediate_count, "immediate"), False))
    return [one.row() for one in (first, immediate, again, mirrored, published)]


def measure_memory(bench: Bench, counts: list[int]) -> list[Row]:
    """Peak memory of the smallest and of the largest sync."""
    peaks = {}
    for count in counts:
        bench.forget()
        peaks[count] = bench.run("sync", *bench.make(count, "on_demand"), False)["memory"]
    small, large = min(peaks), max(peaks)
    return [Row(
        f"peak memory, on_demand, {large:,} units", peaks[large], "MiB", yardstick=f"{small:,} units",
        yardstick_value=peaks[small], goal="< 250, within 1.2 times",
        reached=peaks[large] < 250 and peaks[large] <= 1.2 * peaks[small])]


@click.command()
@click.option("--url", default="", help="PostgreSQL to use; it is emptied. By default one is started.")
@click.option("--units", default=50_000, show_default=True)
@click.option("--immediate-units", default=10_000, show_default=True)
@click.option("--rounds", default=2, show_default=True)
@click.option("--version-units", default=1_000_000, show_default=True,
              help="Units below a version that changes 1,000 of them; 0: not measured.")
@click.option("--flat", default="10000,500000", show_default=True,
              help="Unit counts to compare the memory of, separated by commas; empty: not measured.")
def main(url: str, units: int, immediate_units: int, rounds: int, version_units: int, flat: str) -> None:
    counts = [int(count) for count in flat.split(",") if count]
    with ExitStack() as stack:
        url = url or stack.enter_context(new_server())
        data_dir = stack.enter_context(tempfile.TemporaryDirectory())
        upstream = stack.enter_context(origin(immediate_units, [1, units, immediate_units, *counts]))
        bench = Bench(url, data_dir, upstream)
        rows = measure(bench, units, immediate_units, rounds)
        if version_units:
            rows.append(measure_version(bench, version_units))
        if counts:
            rows += measure_memory(bench, counts)
    report("Sync and publish", rows, "sync")


if __name__ == "__main__":
    main()
