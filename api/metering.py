"""What the API counts of each request, and ``/metrics``, where Prometheus reads it. The path lies beside ``API_ROOT``, so
that a web server in front does not pass it on unless it is told to.
"""

from __future__ import annotations

import time
from typing import Any

import falcon

from pulp_actor.metrics.exposition import CONTENT_TYPE, expose
from pulp_actor.metrics.table import API_REQUESTS, API_TIMES

#: Methods that are told apart; a client may make up any number of others.
METHODS = frozenset(("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"))


class Metering:
    """Counts answers and the time they took. The outermost middleware: errors have become answers by then."""

    def __init__(self) -> None:
        self._counted: dict[tuple[str, Any], tuple[Any, Any]] = {}

    def process_request(self, request: falcon.Request, response: falcon.Response) -> None:
        request.context.started = time.perf_counter()

    def process_response(self, request: falcon.Request, response: falcon.Response, resource: Any, ok: bool) -> None:
        method = request.method if request.method in METHODS else "other"
        found = self._counted.get((method, response.status))
        if found is None:  # looking a metric up by its labels costs more than counting
            found = API_REQUESTS.labels(method, falcon.http_status_to_code(response.status)), API_TIMES.labels(method)
            self._counted[method, response.status] = found
        found[0].inc()
        found[1].observe(time.perf_counter() - request.context.started)


class MetricsResource:
    """``/metrics``: what this service's processes have counted, and the state of the queue."""

    allow = "GET, HEAD, OPTIONS"

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        response.content_type = CONTENT_TYPE
        response.data = expose(queue=True)

    on_head = on_get
