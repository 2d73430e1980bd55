"""A span for each request, inside the caller's trace if it names one (W3C Trace Context)."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import falcon

from pulp_actor import tracing
from pulp_actor.logs import correlation_id


class Tracing:
    """Comes after what sets the correlation id."""

    def process_request(self, request: falcon.Request, response: falcon.Response) -> None:
        request.context.spans = ExitStack()
        request.context.span = request.context.spans.enter_context(tracing.span(
            request.method, "server", request.get_header("traceparent") or "", http__request__method=request.method,
            url__path=request.path, pulp__correlation_id=correlation_id.get(),
        ))

    def process_response(self, request: falcon.Request, response: falcon.Response, resource: Any, ok: bool) -> None:
        stack: ExitStack | None = getattr(request.context, "spans", None)
        if stack is None:
            return  # refused before it came this far
        status = falcon.http_status_to_code(response.status)
        request.context.span.set(http__response__status_code=status)
        if request.uri_template:
            request.context.span.set(http__route=request.uri_template)
        if status >= 500:
            request.context.span.fail(f"answered {status}")
        stack.close()
