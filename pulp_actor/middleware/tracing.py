"""A span for each run of a task, inside the trace of the request that dispatched it: the option ``traceparent`` of its
message says which that is."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from dramatiq.broker import Broker, MessageProxy
from dramatiq.middleware import Middleware

from pulp_actor import tracing
from pulp_actor.queue.messages import TaskMessage


class Tracing(Middleware):
    @property
    def actor_options(self) -> set[str]:
        return {"traceparent"}

    def __init__(self) -> None:
        self._open: dict[str, tuple[ExitStack, tracing.Span]] = {}

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        stack = ExitStack()
        span = stack.enter_context(tracing.span(
            f"task {message.actor_name}", "consumer", message.options.get("traceparent", ""),
            messaging__system="dramatiq", messaging__destination__name=message.queue_name,
            messaging__message__id=message.message_id, pulp__correlation_id=message.options.get("cid", ""),
        ))
        if isinstance(message, TaskMessage):
            span.set(pulp__attempt=message.claim.attempt)
        self._open[message.message_id] = (stack, span)

    def after_process_message(
        self, broker: Broker, message: MessageProxy, *, result: Any = None, exception: BaseException | None = None
    ) -> None:
        stack, span = self._open.pop(message.message_id, (None, None))
        if span is not None and exception is not None:
            span.fail(f"{type(exception).__name__}: {exception}")
        if stack is not None:
            stack.close()

    def after_skip_message(self, broker: Broker, message: MessageProxy) -> None:
        self.after_process_message(broker, message)
