"""What the database knows of the queue, read when somebody asks: every process of a deployment would tell the same, so one
of them is enough, and the API tells it.

While the database is away, only that is told. A series that stays at its last value would look like calm.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from typing import Any

import peewee
import psycopg2
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pulp_actor.db import connected, load_queries
from pulp_actor.logs import get_logger

SQL = load_queries("pulp_actor.metrics", "queue.sql")

#: Seconds for which an answer is good: any number of scrapers costs the database the same.
REMEMBERED = 1.0

#: Name: (help, label). Told by the API.
METRICS: Mapping[str, tuple[str, str]] = {
    "pulp_database_up": ("1 while the database answers the process that is asked, else 0.", ""),
    "pulp_queue_ready_tasks": ("Tasks that could run and wait for a worker: the queue's depth.", "queue"),
    "pulp_queue_blocked_tasks": ("Tasks that wait for locks.", "queue"),
    "pulp_queue_delayed_tasks": ("Tasks whose time has not come.", "queue"),
    "pulp_queue_running_tasks": ("Tasks that run.", "queue"),
    "pulp_queue_oldest_waiting_seconds": ("Age of the oldest task that waits and is not delayed.", "queue"),
    "pulp_processes_online": ("Processes that hold a lease, by kind: api, content, worker.", "kind"),
}

logger = get_logger(__name__)


def read_queue() -> dict[str, dict[str, float]]:
    """Metric to label value to number. Raises what the database raises."""
    found: dict[str, dict[str, float]] = {name: {} for name in METRICS}
    found["pulp_database_up"][""] = 1.0
    with connected() as database:
        for queue, ready, blocked, delayed, oldest in database.execute_sql(SQL.waiting).fetchall():
            found["pulp_queue_ready_tasks"][queue] = ready
            found["pulp_queue_blocked_tasks"][queue] = blocked
            found["pulp_queue_delayed_tasks"][queue] = delayed
            found["pulp_queue_oldest_waiting_seconds"][queue] = oldest
        for queue, running in database.execute_sql(SQL.running).fetchall():
            found["pulp_queue_running_tasks"][queue] = running
        for kind, count in database.execute_sql(SQL.online).fetchall():
            found["pulp_processes_online"][kind] = count
    # A queue that is empty is told as 0, for an alert on it could not end otherwise.
    queues = {"default"}.union(*(found[name] for name in METRICS if METRICS[name][1] == "queue"))
    for name, (_, label) in METRICS.items():
        if label == "queue":
            found[name] = dict.fromkeys(queues, 0.0) | found[name]
    return found


class QueueState(Collector):
    """Tells `METRICS`; remembers them for a moment."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until = 0.0
        self._found: dict[str, dict[str, float]] = {}

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterable[Metric]:
        with self._lock:
            if time.monotonic() >= self._until:
                self._found = self._read()
                self._until = time.monotonic() + REMEMBERED
            found = self._found
        for name, (text, label) in METRICS.items():
            if name not in found:
                continue
            family = GaugeMetricFamily(name, text, labels=[label] if label else None)
            for value, number in sorted(found[name].items()):
                family.add_metric([value] if label else [], number)
            yield family

    def _read(self) -> dict[str, dict[str, Any]]:
        try:
            return read_queue()
        except (peewee.PeeweeException, psycopg2.Error) as error:
            logger.warning("metrics: the database is away", error=" ".join(str(error).split()))
            return {"pulp_database_up": {"": 0.0}}
