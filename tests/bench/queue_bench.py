"""The task engine against a bare claim loop, stock dramatiq-pg and procrastinate.

    python -m tests.bench.queue_bench [--url postgresql://…] [--rounds 5] [--jobs 2000]

Without ``--url`` it starts a PostgreSQL of its own, with its default durability.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import click
import psycopg2

from tests.bench import queue_contenders as contenders
from tests.bench.harness import Row, interleave, median, new_server, report

SPAWN = multiprocessing.get_context("spawn")
#: Seconds after which a contender that has not drained its queue is measured by what it did.
PATIENCE = 20.0
LOCKS = 50


class Bench:
    """Fills queues and times how they are drained, on one database."""

    def __init__(self, url: str, jobs: int) -> None:
        from pulp_actor.db.migrate import migrate
        from pulp_actor.queue import TaskBroker

        self.url, self.jobs = url, jobs
        self.broker = TaskBroker(url=url)
        migrate(queue_only=True)
        self.conn = psycopg2.connect(url)
        self.conn.autocommit = True
        self.cursor = self.conn.cursor()
        self._install_procrastinate()
        self._install_dramatiq_pg()

    def _install_dramatiq_pg(self) -> None:
        from dramatiq_pg.schema import generate_init_sql

        self.cursor.execute("SELECT to_regclass('stock.queue')")
        if self.cursor.fetchone() == (None,):
            self.cursor.execute(generate_init_sql(schema=contenders.STOCK_SCHEMA, prefix=""))

    def _install_procrastinate(self) -> None:
        from procrastinate import App, PsycopgConnector, SyncPsycopgConnector

        app = App(connector=PsycopgConnector(conninfo=self.url))
        self.cursor.execute("SELECT to_regclass('procrastinate_jobs')")
        if self.cursor.fetchone() == (None,):
            with app.with_connector(SyncPsycopgConnector(conninfo=self.url)).open() as opened:
                opened.schema_manager.apply_schema()

    def rate(self, contender: Callable[..., None], fill: Callable[[], None], left: str, processes: int,
             threads: int) -> float:
        """Jobs per second from the first to the last, over all processes."""
        self._empty()
        fill()
        self.cursor.execute("VACUUM ANALYZE")
        self.cursor.execute("CHECKPOINT")
        workers = [self._start(contender, threads) for _ in range(processes)]
        for _, pipe in workers:
            pipe.send("go")
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self._count(left):
            time.sleep(0.02)
        stats = [self._stop(worker, "stats") for worker in workers]
        done = sum(count for count, _, _ in stats)
        return done / (max(last for _, _, last in stats) - min(first for count, first, _ in stats if count))

    def latencies(self, contestants: dict[str, tuple[Callable[..., None], Callable[[float], Any]]],
                  number: int = 60) -> dict[str, list[float]]:
        """Milliseconds from before a job is sent until it starts, on an idle worker.

        Parameters:
            contestants: (worker, sender) of each. All workers wait at the same time and are sent jobs in turn, so that
                a moment in which the machine is slow hits all of them.
        """
        self._empty()
        self.cursor.execute("VACUUM ANALYZE")
        self.cursor.execute("CHECKPOINT")  # or the first to be measured pays for what was written before
        workers = {name: self._start(worker, 1) for name, (worker, _) in contestants.items()}
        for _, pipe in workers.values():
            pipe.send("go")
        time.sleep(1.5)
        for _ in range(number):
            for _, send in contestants.values():
                send(time.monotonic())
                time.sleep(0.03)
        time.sleep(0.5)
        return {name: [1000 * seconds for seconds in self._stop(worker, "latencies")] for name, worker in workers.items()}

    def _start(self, contender: Callable[..., None], threads: int) -> Any:
        here, there = SPAWN.Pipe()
        process = SPAWN.Process(target=contender, args=(self.url, threads, there), daemon=True)
        process.start()
        assert here.recv() == "ready"
        return process, here

    def _stop(self, worker: Any, what: str) -> Any:
        process, pipe = worker
        if pipe.poll(0):
            answer = pipe.recv()  # the yardstick ends by itself
        else:
            pipe.send("stop")
            pipe.send(what)
            answer = pipe.recv()
        process.join(10)
        if process.is_alive():
            process.kill()
        return answer

    def _count(self, query: str) -> int:
        self.cursor.execute(f"SELECT EXISTS ({query})")
        row = self.cursor.fetchone()
        return bool(row and row[0])

    def _empty(self) -> None:
        self.cursor.execute("TRUNCATE task, task_ticket, dramatiq.queue, stock.queue, procrastinate_jobs CASCADE")
        self.cursor.execute(contenders.YARDSTICK_SCHEMA)

    # Filling

    def fill_yardstick(self) -> None:
        self.cursor.execute("INSERT INTO yardstick SELECT FROM generate_series(1, %s)", (self.jobs,))

    def fill_ours(self, exclusive: Callable[[int], list[str]] = lambda _: []) -> None:
        import dramatiq

        from pulp_actor.db import transaction

        actor = self.broker.actors.get("noop") or dramatiq.actor(_noop, broker=self.broker, actor_name="noop")
        with transaction():
            for number in range(self.jobs):
                actor.send_with_options(exclusive=exclusive(number))

    def fill_dramatiq_pg(self) -> None:
        import json

        from dramatiq import Message

        rows = []
        for _ in range(self.jobs):
            message = Message(contenders.STOCK_QUEUE, "noop", (), {}, {})
            rows.append((message.message_id, message.queue_name, json.dumps(message.asdict())))
        for row in rows:
            self.cursor.execute(
                "INSERT INTO stock.queue (message_id, queue_name, state, message) VALUES (%s, %s, 'queued', %s)",
                row)

    def fill_procrastinate(self, locks: int = 0) -> None:
        from procrastinate import App, PsycopgConnector, SyncPsycopgConnector

        app = App(connector=PsycopgConnector(conninfo=self.url))
        with app.with_connector(SyncPsycopgConnector(conninfo=self.url)).open() as opened:
            task = opened.task(_noop, name="noop")
            for number in range(self.jobs):
                task.configure(lock=f"r{number % locks}" if locks else None).defer()


def _noop() -> None:
    """Does nothing."""


def throughput(bench: Bench, rounds: int, processes: int, threads: int, label: str) -> list[Row]:
    """No-op jobs: ours, the yardstick and the competitors."""
    queued = "SELECT FROM dramatiq.queue WHERE state = 'queued'"
    values = interleave({
        "yardstick": lambda: bench.rate(
            contenders.yardstick, bench.fill_yardstick, "SELECT FROM yardstick WHERE state = 'queued'", processes, 1),
        "pulp-actor": lambda: bench.rate(contenders.ours, bench.fill_ours, queued, processes, threads),
        "dramatiq-pg": lambda: bench.rate(
            contenders.dramatiq_pg, bench.fill_dramatiq_pg,
            "SELECT FROM stock.queue WHERE state IN ('queued', 'consumed')", processes, threads),
        "procrastinate": lambda: bench.rate(
            contenders.procrastinate, bench.fill_procrastinate,
            "SELECT FROM procrastinate_jobs WHERE status IN ('todo', 'doing')", processes, threads),
    }, rounds)
    return _compare(label, values, 0.70)


def locked(bench: Bench, rounds: int) -> list[Row]:
    """No-op jobs with one exclusive lock of 50 each."""
    values = interleave({
        "yardstick": lambda: bench.rate(
            contenders.yardstick, bench.fill_yardstick, "SELECT FROM yardstick WHERE state = 'queued'", 2, 1),
        "pulp-actor": lambda: bench.rate(
            contenders.ours, lambda: bench.fill_ours(lambda number: [f"r{number % LOCKS}"]),
            "SELECT FROM task WHERE state = 'waiting'", 2, 4),
        "procrastinate": lambda: bench.rate(
            contenders.procrastinate, lambda: bench.fill_procrastinate(LOCKS),
            "SELECT FROM procrastinate_jobs WHERE status IN ('todo', 'doing')", 2, 4),
    }, rounds)
    return _compare(f"one exclusive lock of {LOCKS} each, 8 threads in 2 processes", values, 0.45)


def _compare(label: str, values: dict[str, list[float]], share: float) -> list[Row]:
    own, bar = median(values["pulp-actor"]), median(values["yardstick"])
    rows = [Row(label, own, "/s", "claim loop", bar, f"≥ {share:.0%} of it", own >= share * bar, values["pulp-actor"])]
    for name in sorted(values.keys() - {"pulp-actor", "yardstick"}):
        other = median(values[name])
        rows.append(Row(f"{label}, against {name}", own, "/s", name, other, "ahead", own > other, values[name]))
    return rows


def latency(bench: Bench, rounds: int) -> list[Row]:
    """From enqueue to start on an idle worker."""
    import dramatiq
    from dramatiq_pg import PostgresBroker
    from procrastinate import App, PsycopgConnector, SyncPsycopgConnector

    actor = dramatiq.actor(_noop, broker=bench.broker, actor_name="latency")
    stock = dramatiq.actor(_noop, actor_name="latency", queue_name=contenders.STOCK_QUEUE, broker=PostgresBroker(
        url=bench.url, schema=contenders.STOCK_SCHEMA, prefix=""))
    app = App(connector=PsycopgConnector(conninfo=bench.url))
    samples: dict[str, list[float]] = {"pulp-actor": [], "dramatiq-pg": [], "procrastinate": []}
    with app.with_connector(SyncPsycopgConnector(conninfo=bench.url)).open() as opened:
        task = opened.task(_noop, name="latency")
        contestants: dict[str, tuple[Callable[..., None], Callable[[float], Any]]] = {
            "pulp-actor": (contenders.ours, lambda t: actor.send(t)),
            "dramatiq-pg": (contenders.dramatiq_pg, lambda t: stock.send(t)),
            "procrastinate": (contenders.procrastinate, lambda t: task.defer(sent=t)),
        }
        for _ in range(2 * rounds):
            for name, values in bench.latencies(contestants).items():
                samples[name] += values
            contestants = dict(reversed(contestants.items()))
    own = sorted(samples["pulp-actor"])
    p50, p99 = median(own), own[int(len(own) * 0.99) - 1]
    rows = [
        Row("latency enqueue → start, median", p50, "ms", goal="≤ 5 ms", reached=p50 <= 5),
        Row("latency enqueue → start, p99", p99, "ms", goal="≤ 20 ms", reached=p99 <= 20),
    ]
    for name in ("dramatiq-pg", "procrastinate"):
        other = median(samples[name])
        rows.append(Row(f"latency, against {name}", p50, "ms", name, other, "ahead", p50 < other))
    return rows


def blocked(bench: Bench, rounds: int, number: int = 20_000) -> list[Row]:
    """Dispatch and finish of free tasks while ``number`` tasks are blocked on one resource, and while none are."""
    from uuid import uuid4

    from pulp_actor.queue.engine import TaskSpec
    from pulp_actor.queue.leases import Leases, Member

    leases, engine = Leases(), bench.broker.engine
    member = Member("worker", 1)
    leases.add(member)

    def spec(resource: str) -> TaskSpec:
        return TaskSpec(uuid4(), "noop", "default", "{}", exclusive=[resource], fair_key=resource)

    def measure(blocked_tasks: int) -> float:
        bench._empty()
        for start in range(0, blocked_tasks, 1000):
            engine.dispatch([spec("busy") for _ in range(start, min(start + 1000, blocked_tasks))])
        held = engine.claim("default", member.id) if blocked_tasks else None
        bench.cursor.execute("VACUUM ANALYZE")
        began = time.monotonic()
        for _ in range(400):
            engine.dispatch([spec("free")])
            claim = engine.claim("default", member.id)
            assert claim is not None and claim != held
            assert engine.finish(claim, "completed")
        return (time.monotonic() - began) / 400 * 1000

    values = interleave({"none": lambda: measure(0), "blocked": lambda: measure(number)}, rounds)
    leases.close()
    none, some = median(values["none"]), median(values["blocked"])
    return [Row(f"dispatch, claim and finish with {number:,} tasks blocked", some, "ms", "none blocked", none,
                "≤ 1.3 times", some <= 1.3 * none, values["blocked"])]


@click.command()
@click.option("--url", default="", help="Use this database instead of a new server.")
@click.option("--rounds", default=3)
@click.option("--jobs", default=2000)
@click.option("--only", default="", help="single, many, locked, latency or blocked")
def main(url: str, rounds: int, jobs: int, only: str) -> None:
    with ExitStack() as stack:
        if not url:
            url = stack.enter_context(new_server())
        bench = Bench(url, jobs)
        parts: dict[str, Callable[[], list[Row]]] = {
            "single": lambda: throughput(bench, rounds, 1, 1, "no-op actors, one worker thread"),
            "many": lambda: throughput(bench, rounds, 2, 4, "no-op actors, 8 threads in 2 processes"),
            "locked": lambda: locked(bench, rounds),
            "latency": lambda: latency(bench, rounds),
            "blocked": lambda: blocked(bench, rounds),
        }
        rows = [row for name, part in parts.items() if only in ("", name) for row in part()]
        if only:
            report(f"Task engine ({only})", rows, f"queue-{only}")
        else:
            report("Task engine", rows, "queue")


if __name__ == "__main__":
    main()
