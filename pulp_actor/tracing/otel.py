"""`pulp_actor.tracing` by OpenTelemetry: spans go to a collector in batches, over HTTP, from a thread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from pulp_actor import __version__
from pulp_actor.tracing import Attribute, Kind

#: Milliseconds between two batches.
INTERVAL = 1000
#: Seconds that the collector has for an answer.
PATIENCE = 5

_KINDS = {
    "internal": trace.SpanKind.INTERNAL, "server": trace.SpanKind.SERVER, "client": trace.SpanKind.CLIENT,
    "producer": trace.SpanKind.PRODUCER, "consumer": trace.SpanKind.CONSUMER,
}


class _Span:
    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def set(self, **attributes: Attribute) -> None:
        self._span.set_attributes(_dotted(attributes))

    def fail(self, reason: str) -> None:
        self._span.set_status(trace.Status(trace.StatusCode.ERROR, reason))


class OpenTelemetry:
    """One process's tracer.

    Parameters:
        endpoint: where the collector takes traces: ``http://collector:4318/v1/traces``.
        ratio: the share of traces that are kept; what comes with a decision from elsewhere follows that.
    """

    def __init__(self, service: str, endpoint: str, ratio: float) -> None:
        self._provider = TracerProvider(
            resource=Resource.create({"service.name": service, "service.version": __version__}),
            sampler=ParentBased(TraceIdRatioBased(ratio)),
        )
        exporter = OTLPSpanExporter(endpoint=endpoint, timeout=PATIENCE)
        self._provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=INTERVAL))
        self._tracer = self._provider.get_tracer("pulp-actor", __version__)
        self._propagator = TraceContextTextMapPropagator()

    @contextmanager
    def span(self, name: str, kind: Kind = "internal", parent: str = "", **attributes: Attribute) -> Iterator[_Span]:
        context = self._propagator.extract({"traceparent": parent}) if parent else None
        with self._tracer.start_as_current_span(name, context, _KINDS[kind], _dotted(attributes)) as span:
            yield _Span(span)

    def current(self) -> str:
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier)
        return carrier.get("traceparent", "")

    def stop(self) -> None:
        self._provider.shutdown()


def _dotted(attributes: dict[str, Attribute]) -> dict[str, Attribute]:
    return {name.replace("__", "."): value for name, value in attributes.items()}
