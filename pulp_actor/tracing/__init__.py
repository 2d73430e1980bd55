"""Traces: what a request led to, across API, task and download, as spans that a collector puts together.

Off unless the setting ``OTEL_ENDPOINT`` names a collector. Off, every call here costs next to nothing, and OpenTelemetry is
neither needed nor imported. Must never be needed for the work itself: a collector that is away costs log lines, no request.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from importlib.util import find_spec
from typing import Literal, Protocol

from pulp_actor.errors import ConfigurationError
from pulp_actor.settings import settings

Kind = Literal["internal", "server", "client", "producer", "consumer"]
Attribute = str | int | float | bool


class Span(Protocol):
    """Something that is being done."""

    def set(self, **attributes: Attribute) -> None:
        """Note facts; ``__`` in a name stands for a dot."""

    def fail(self, reason: str) -> None:
        """Mark it as failed. An exception that leaves the span's block does the same."""


class Tracer(Protocol):
    """Makes spans and sends them off."""

    def span(
        self, name: str, kind: Kind = "internal", parent: str = "", **attributes: Attribute
    ) -> AbstractContextManager[Span]: ...

    def current(self) -> str: ...

    def stop(self) -> None: ...


class _NoSpan:
    def set(self, **attributes: Attribute) -> None:
        """Nobody wants to know."""

    def fail(self, reason: str) -> None:
        """Nobody wants to know."""


class _NoTracer:
    _nothing = nullcontext(_NoSpan())

    def span(
        self, name: str, kind: Kind = "internal", parent: str = "", **attributes: Attribute
    ) -> AbstractContextManager[Span]:
        return self._nothing

    def current(self) -> str:
        return ""

    def stop(self) -> None:
        """There is nothing to stop."""


_tracer: Tracer = _NoTracer()


def check() -> None:
    """Raises ConfigurationError if traces are wanted and OpenTelemetry is not installed."""
    if settings.OTEL_ENDPOINT and find_spec("opentelemetry.sdk") is None:
        raise ConfigurationError("OTEL_ENDPOINT is set, which needs OpenTelemetry: pip install 'pulp-actor[otel]'")


def start(service: str) -> bool:
    """Begin to send this process's spans, if the settings say so: whether they do. Call it after any fork.

    Parameters:
        service: what the spans are told to come from: ``pulp-api``, ``pulp-content`` or ``pulp-worker``.
    """
    global _tracer
    if settings.OTEL_ENDPOINT:
        module = import_module("pulp_actor.tracing.otel")
        _tracer = module.OpenTelemetry(service, settings.OTEL_ENDPOINT, settings.OTEL_SAMPLE_RATIO)
    return bool(settings.OTEL_ENDPOINT)


def stop() -> None:
    """Send what has not been sent yet; waits for some seconds at most."""
    _tracer.stop()


def span(
    name: str, kind: Kind = "internal", parent: str = "", **attributes: Attribute
) -> AbstractContextManager[Span]:
    """A span for the length of a ``with`` block, inside the current one.

    Parameters:
        parent: a ``traceparent`` (W3C Trace Context) from elsewhere that it belongs to instead.
        attributes: facts about it; ``__`` in a name stands for a dot.
    """
    return _tracer.span(name, kind, parent, **attributes)


def current() -> str:
    """The current span as a ``traceparent``, to be handed on; empty where there is none."""
    return _tracer.current()
