"""Notes how an actor ended on its message, for the consumer that writes the end of the task."""

from __future__ import annotations

from typing import Any

from dramatiq.broker import Broker, MessageProxy
from dramatiq.middleware import Middleware

from pulp_actor.queue.messages import TaskMessage


class OutcomeRecorder(Middleware):
    """Must be the last middleware: its ``after`` hooks then run before everyone else's, so that what those enqueue
    (the next step of a pipeline, a callback) is known to belong to the task's end."""

    def after_process_message(
        self, broker: Broker, message: MessageProxy, *, result: Any = None, exception: BaseException | None = None
    ) -> None:
        if isinstance(message, TaskMessage):
            message.outcome.result, message.outcome.error = result, exception
            broker.begin_end(message)  # type: ignore[attr-defined]

    def after_skip_message(self, broker: Broker, message: MessageProxy) -> None:
        if isinstance(message, TaskMessage):
            message.outcome.skipped = True
            broker.begin_end(message)  # type: ignore[attr-defined]
