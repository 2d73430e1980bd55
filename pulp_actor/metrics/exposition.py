"""The metrics of a service as Prometheus reads them: what all its processes have counted, added up by the one
that is asked."""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from pulp_actor.metrics import shared, table
from pulp_actor.metrics.queue import QueueState

#: The media type of what `expose` returns.
CONTENT_TYPE = CONTENT_TYPE_LATEST

_queue = QueueState()


def expose(*, queue: bool = False) -> bytes:
    """The text of ``/metrics``. Blocks for some milliseconds, and with ``queue`` for as long as the database takes.

    Parameters:
        queue: with what the database knows of the queue.
    """
    directory = shared.directory()
    if directory is None:
        text = generate_latest(table.REGISTRY)
    else:
        registry = CollectorRegistry()
        MultiProcessCollector(registry, path=str(directory))
        text = generate_latest(registry)
    if queue:
        of_queue = CollectorRegistry()
        of_queue.register(_queue)
        text += generate_latest(of_queue)
    return text
