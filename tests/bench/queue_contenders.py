"""The contenders of the queue benchmark: each drains a queue of no-op jobs in some processes with some threads.

Every contender is a module-level function that runs in a process of its own: it reports that it is ready, waits for the
start, works until told to stop, and returns (jobs done, monotonic time of the first, of the last).
"""

from __future__ import annotations

import threading
import time
from multiprocessing.connection import Connection
from typing import Any

import psycopg2

YARDSTICK_SCHEMA = """
DROP TABLE IF EXISTS yardstick;
CREATE TABLE yardstick (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), state text NOT NULL DEFAULT 'queued',
    seq bigint GENERATED ALWAYS AS IDENTITY, message jsonb NOT NULL DEFAULT '{}');
CREATE INDEX ON yardstick (seq) WHERE state = 'queued';
"""
#: Where stock dramatiq-pg has a table of its own, without our columns and indexes.
STOCK_SCHEMA = "stock"
#: Its queue: notifications know no schema, and it does not like to hear of our messages.
STOCK_QUEUE = "stock"
CLAIM = """
UPDATE yardstick SET state = 'running' WHERE id = (
    SELECT id FROM yardstick WHERE state = 'queued' ORDER BY seq LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id
"""


class Marks:
    """When the first and the last job ran, and how many."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def hit(self) -> None:
        self.times.append(time.monotonic())

    def stats(self) -> tuple[int, float, float]:
        return len(self.times), min(self.times, default=0.0), max(self.times, default=0.0)


def yardstick(url: str, threads: int, pipe: Connection) -> None:
    """A loop that claims one row per transaction with SKIP LOCKED, then marks it done: two commits a job."""
    marks = Marks()
    conn = psycopg2.connect(url)
    cursor = conn.cursor()
    pipe.send("ready")
    pipe.recv()
    while True:
        cursor.execute(CLAIM)
        row = cursor.fetchone()
        conn.commit()
        if row is None:
            break
        marks.hit()
        cursor.execute("UPDATE yardstick SET state = 'done' WHERE id = %s", row)
        conn.commit()
    pipe.send(marks.stats())


def ours(url: str, threads: int, pipe: Connection) -> None:
    """Our broker under dramatiq's worker, as an executor of pulp-worker runs it."""
    import dramatiq

    from pulp_actor.middleware.metering import Metering
    from pulp_actor.queue import TaskBroker

    broker = TaskBroker(url=url)
    broker.add_middleware(Metering())
    _dramatiq(broker, dramatiq, threads, pipe)
    broker.close()


def dramatiq_pg(url: str, threads: int, pipe: Connection) -> None:
    """Stock dramatiq-pg under dramatiq's worker, as its documentation shows it."""
    import dramatiq
    from dramatiq_pg import PostgresBroker

    _dramatiq(PostgresBroker(url=url, schema=STOCK_SCHEMA, prefix=""), dramatiq, threads, pipe, STOCK_QUEUE)


def _dramatiq(broker: Any, dramatiq: Any, threads: int, pipe: Connection, queue: str = "default") -> None:
    marks = Marks()

    @dramatiq.actor(broker=broker, actor_name="noop", queue_name=queue)
    def noop() -> None:
        marks.hit()

    @dramatiq.actor(broker=broker, actor_name="latency", queue_name=queue)
    def latency(sent: float) -> None:
        marks.times.append(time.monotonic() - sent)

    broker.emit_after("process_boot")
    worker = dramatiq.Worker(broker, worker_threads=threads)
    pipe.send("ready")
    pipe.recv()
    worker.start()
    pipe.recv()
    if pipe.recv() == "latencies":
        pipe.send(marks.times)
    else:
        pipe.send(marks.stats())
    worker.stop(timeout=2000)


def procrastinate(url: str, threads: int, pipe: Connection) -> None:
    """procrastinate's worker with as many jobs at a time as there are threads."""
    import asyncio

    from procrastinate import App, PsycopgConnector

    marks = Marks()
    app = App(connector=PsycopgConnector(conninfo=url))

    @app.task(name="noop")
    def noop() -> None:
        marks.hit()

    @app.task(name="latency")
    def latency(sent: float) -> None:
        marks.times.append(time.monotonic() - sent)

    async def main() -> None:
        async with app.open_async():
            worker = asyncio.create_task(app.run_worker_async(
                concurrency=threads, install_signal_handlers=False, listen_notify=True))
            await stop.wait()
            worker.cancel()
            await asyncio.gather(worker, return_exceptions=True)

    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    pipe.send("ready")
    pipe.recv()
    thread = threading.Thread(target=loop.run_until_complete, args=(main(),), daemon=True)
    thread.start()
    pipe.recv()
    pipe.send(marks.times if pipe.recv() == "latencies" else marks.stats())
    loop.call_soon_threadsafe(stop.set)
    thread.join(5)
