"""dramatiq's group callbacks, counted in the transaction that ends each task.

dramatiq counts a member of a group when its actor has returned, before the broker has written that end: a worker that is
killed in between, and whose task runs again, would be counted twice, and the callback run too early.
"""

from __future__ import annotations

from typing import Any

from dramatiq.broker import Broker, MessageProxy
from dramatiq.message import Message
from dramatiq.middleware import GroupCallbacks

from pulp_actor.queue.messages import TaskMessage


class TaskGroupCallbacks(GroupCallbacks):
    """Leaves the count to the end of the task: see `pulp_actor.queue.engine.Engine.finish_with`."""

    def after_process_message(
        self, broker: Broker, message: MessageProxy, *, result: Any = None, exception: BaseException | None = None
    ) -> None:
        if not isinstance(message, TaskMessage) or exception is not None:
            return
        barrier, callbacks = (message.options.get(f"group_completion_{name}") for name in ("uuid", "callbacks"))
        if barrier and callbacks:
            message.barrier = barrier
            message.callbacks = [broker.plan(Message(**callback)) for callback in callbacks]  # type: ignore[attr-defined]
