"""Declaring actors, and finding them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

import dramatiq

from pulp_actor.identifiers import uuid7
from pulp_actor.middleware.cancel import Cancel
from pulp_actor.middleware.diagnostics import Diagnostics
from pulp_actor.plugins import load_modules
from pulp_actor.queue.broker import TaskBroker
from pulp_actor.queue.codec import Encrypted
from pulp_actor.settings import settings
from pulp_actor.webhooks.deliverer import Deliverer


class TaskActor(dramatiq.Actor):
    """A dramatiq actor whose messages have time-ordered ids, for they are keys of tasks."""

    def message_with_options(self, *, args: Any = (), kwargs: Any = None, **options: Any) -> Any:
        message = super().message_with_options(args=args, kwargs=kwargs, **options)
        return message.copy(message_id=str(uuid7()))


@cache
def platform_broker() -> TaskBroker:
    """The platform's broker, over the platform's database; messages are encrypted at rest. Does not connect."""
    broker = TaskBroker(codec=Encrypted())
    broker.add_middleware(Diagnostics(), before=Cancel)
    broker.add_middleware(Deliverer())
    dramatiq.set_broker(broker)
    return broker


def actor(fn: Callable[..., Any] | None = None, *, name: str | None = None, **options: Any) -> Any:
    """Declare an actor of the platform. Use as ``@actor`` or ``@actor(name=..., **options)``.

    Parameters:
        name: the task's name on the wire; ``module.function`` when None.
        options: dramatiq's (``max_retries``, ``time_limit``, ``priority``, ``queue_name`` …), and ours:
            ``exclusive`` and ``shared`` (resource names, or a function of the arguments that returns them),
            ``retry_on_loss`` (safe to run again when its worker died), ``immediate`` (may run inside an API request).
    """
    def declare(function: Callable[..., Any]) -> Any:
        full_name = name or f"{function.__module__}.{function.__qualname__}"
        return dramatiq.actor(
            function, actor_class=TaskActor, actor_name=full_name, broker=platform_broker(), **options)

    return declare if fn is None else declare(fn)


def load_actors() -> None:
    """Import every module that declares actors: the core's and the plugins'."""
    import_module("actors")
    if settings.DIAGNOSTIC_ACTORS:
        import_module("actors.diagnostic")
    load_modules("actors")
