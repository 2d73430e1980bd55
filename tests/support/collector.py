"""A collector of traces: a real HTTP server that takes what OpenTelemetry's exporter sends."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support.serving import Handler, listening, served


@dataclass(frozen=True)
class Span:
    service: str
    name: str
    trace: str
    id: str
    parent: str
    attributes: dict[str, Any]
    failed: bool


class Collector:
    """What has come so far."""

    def __init__(self) -> None:
        self.url = ""
        self._spans: list[Span] = []
        self._lock = threading.Lock()

    def take(self, body: bytes) -> None:
        request = ExportTraceServiceRequest.FromString(body)
        with self._lock:
            for group in request.resource_spans:
                service = _attributes(group.resource.attributes)["service.name"]
                for scope in group.scope_spans:
                    self._spans += [
                        Span(service, span.name, span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex(),
                             _attributes(span.attributes), span.status.code == 2)
                        for span in scope.spans
                    ]

    def spans(self, trace: str = "", **wanted: str) -> list[Span]:
        """The spans of a trace (or all) whose attributes of ``Span`` are as wanted."""
        with self._lock:
            return [span for span in self._spans if trace in ("", span.trace)
                    and all(getattr(span, name) == value for name, value in wanted.items())]


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


@contextmanager
def running_collector() -> Iterator[Collector]:
    collector = Collector()

    class Intake(Handler):
        def do_POST(self) -> None:
            body = self.body()
            collector.take(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
            self.answer(headers={"Content-Type": "application/x-protobuf"})

    with served(listening(Intake)) as url:
        collector.url = f"{url}/v1/traces"
        yield collector
