"""Every metric that processes count themselves, declared once: the reference in the documentation is made from this table.

Names follow Prometheus' conventions: base units, ``_total`` for what only grows. Labels must have few values: never a path,
a user, a repository.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from pulp_actor.metrics import shared

REGISTRY = CollectorRegistry()

#: Bounds of the classes that times fall into, in seconds.
REQUEST_TIMES = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
TASK_TIMES = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0, 7200.0)


def _counter(name: str, help: str, *labels: str) -> Counter:
    return Counter(name, help, labels, registry=REGISTRY)


def _gauge(name: str, help: str, *labels: str) -> Gauge:
    """A state of each live process; the sum over them is told."""
    return Gauge(name, help, labels, registry=REGISTRY, multiprocess_mode="livesum")


def _times(name: str, help: str, bounds: tuple[float, ...], *labels: str) -> Histogram:
    return Histogram(name, help, labels, registry=REGISTRY, buckets=bounds)


assert shared.values.ValueClass is shared.Value, "metrics must be made of values that can be shared"

# API
API_REQUESTS = _counter("pulp_api_requests_total", "Requests that the API has answered.", "method", "status")
API_TIMES = _times("pulp_api_request_duration_seconds", "Time the API takes for a request.", REQUEST_TIMES, "method")

# Content
CONTENT_REQUESTS = _counter("pulp_content_requests_total", "Requests that the content server has answered.", "status")
CONTENT_TIMES = _times(
    "pulp_content_request_duration_seconds", "Time from a request's head to the last byte of its answer.", REQUEST_TIMES)
CONTENT_BYTES = _counter("pulp_content_sent_bytes_total", "Bytes of bodies that the content server has sent itself.")
CONTENT_CACHE = _counter(
    "pulp_content_cache_lookups_total", "Paths whose meaning was (hit) or was not (miss) in memory.", "outcome")

# Upstreams
UPSTREAM_REQUESTS = _counter("pulp_upstream_requests_total", "Requests to remotes, by status of the answer.", "status")
UPSTREAM_ERRORS = _counter(
    "pulp_upstream_errors_total",
    "Attempts to get something from a remote that failed: refused (a status that says no), overloaded (429 or 5xx), "
    "broken (no answer, or not all of it), damaged (not the bytes that were expected).", "reason")
UPSTREAM_BYTES = _counter("pulp_upstream_received_bytes_total", "Bytes of bodies that remotes have sent.")

# Tasks
TASK_TIMES_RUN = _times(
    "pulp_task_duration_seconds", "Time an actor ran for one task.", TASK_TIMES, "actor")
TASKS_ENDED = _counter(
    "pulp_tasks_ended_total",
    "Runs of tasks by how they ended: completed, failed, canceled, skipped or returned (to be tried again).",
    "actor", "outcome")
LOCK_WAIT = _times(
    "pulp_task_lock_wait_seconds",
    "Time for which a task with locks stood in line until it held them all; a delay before that does not count.", TASK_TIMES)
QUEUE_WAIT = _times(
    "pulp_task_queue_wait_seconds", "Time for which a task that could have run waited for a worker.", TASK_TIMES)
LEASES_LOST = _counter(
    "pulp_task_leases_lost_total", "Ends of tasks that were refused because the worker had been declared gone.")
WORKERS_LOST = _counter(
    "pulp_worker_losses_total",
    "Worker processes that had to be replaced: died, or declared gone although they lived.", "reason")
WORKER_PROCESSES = _gauge("pulp_worker_processes", "Worker processes of this service that are alive.")

# Database
POOL_IN_USE = _gauge("pulp_database_connections_in_use", "Pooled connections that a request or a worker's thread has.")
POOL_IDLE = _gauge("pulp_database_connections_idle", "Pooled connections that are open and that nobody works with.")
POOL_FAILURES = _counter(
    "pulp_database_connection_failures_total", "Attempts to get a connection that failed: the server away, or none free.")
LISTEN_LOST = _counter(
    "pulp_database_listen_losses_total", "Times that a connection that listens for notifications was lost.")
