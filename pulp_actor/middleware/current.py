"""Makes `pulp_actor.queue.current_task`, the correlation id and the task's domain known while an actor runs."""

from __future__ import annotations

from contextvars import Token
from typing import Any

from dramatiq.broker import Broker, MessageProxy
from dramatiq.middleware import Middleware

from pulp_actor.domains import DomainKey, domain_with, enter_domain, leave_domain
from pulp_actor.logs import correlation_id
from pulp_actor.queue.context import CurrentTask, WorkerTask, _current
from pulp_actor.queue.messages import TaskMessage


class CurrentTaskContext(Middleware):
    def __init__(self) -> None:
        self._tokens: dict[str, tuple[Token[CurrentTask | None], Token[str], Token[DomainKey]]] = {}

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        if isinstance(message, TaskMessage):
            engine = broker.engine  # type: ignore[attr-defined]
            context = WorkerTask(engine, message.claim.task, message.options)
            self._tokens[message.message_id] = (
                _current.set(context), correlation_id.set(context.logging_cid),
                enter_domain(domain_with(context.domain_id)))

    def after_process_message(
        self, broker: Broker, message: MessageProxy, *, result: Any = None, exception: BaseException | None = None
    ) -> None:
        tokens = self._tokens.pop(message.message_id, None)
        if tokens:
            _current.reset(tokens[0])
            correlation_id.reset(tokens[1])
            leave_domain(tokens[2])

    def after_skip_message(self, broker: Broker, message: MessageProxy) -> None:
        self.after_process_message(broker, message)
