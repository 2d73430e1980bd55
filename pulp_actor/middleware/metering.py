"""Counts what becomes of tasks in a worker process: how long their actors run, how they end, how long they waited for locks
and for a worker."""

from __future__ import annotations

import time
from typing import Any

from dramatiq.broker import Broker, MessageProxy
from dramatiq.middleware import Middleware

from pulp_actor.metrics.table import LOCK_WAIT, QUEUE_WAIT, TASK_TIMES_RUN, TASKS_ENDED
from pulp_actor.queue.messages import TaskMessage


class Metering(Middleware):
    def __init__(self) -> None:
        self._started: dict[str, float] = {}

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        self._started[message.message_id] = time.perf_counter()
        if isinstance(message, TaskMessage):
            claim = message.claim
            if claim.lock_wait is not None:
                LOCK_WAIT.observe(claim.lock_wait)
            if claim.queue_wait is not None:
                QUEUE_WAIT.observe(claim.queue_wait)

    def after_process_message(
        self, broker: Broker, message: MessageProxy, *, result: Any = None, exception: BaseException | None = None
    ) -> None:
        started = self._started.pop(message.message_id, None)
        if started is not None:
            TASK_TIMES_RUN.labels(message.actor_name).observe(time.perf_counter() - started)
        if isinstance(message, TaskMessage):
            TASKS_ENDED.labels(message.actor_name, _outcome(broker, message)).inc()

    def after_skip_message(self, broker: Broker, message: MessageProxy) -> None:
        self.after_process_message(broker, message)


def _outcome(broker: Any, message: TaskMessage) -> str:
    return "returned" if broker.is_to_return(message) else broker.outcome(message)[0]
