"""Which resources a task locks: the options ``exclusive`` and ``shared`` of its message and of its actor, together.

An actor's option may be a list, or a function of the actor's arguments that returns one:

    @actor(exclusive=lambda repository, **_: [f"repository:{repository}"])
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dramatiq.broker import Broker
from dramatiq.errors import ActorNotFound
from dramatiq.message import Message
from dramatiq.middleware import Middleware, MiddlewareError

OPTIONS = {"exclusive", "shared", "fair_key", "retry_on_loss", "immediate"}


class BadResources(MiddlewareError):
    """The resources that a task shall lock cannot be told. It derives from MiddlewareError, for dramatiq only logs any
    other error of a middleware: the message would then be enqueued without its locks."""


class Resources(Middleware):
    """Leaves sorted, distinct names in the message: a task has at least the locks that its actor declares.

    Raises:
        BadResources: an option is not a list of names, or the actor's function failed; nothing is enqueued.
    """

    @property
    def actor_options(self) -> set[str]:
        return OPTIONS

    def before_enqueue(self, broker: Broker, message: Message, delay: int | None) -> None:
        try:
            declared = broker.get_actor(message.actor_name).options
        except ActorNotFound:
            declared = {}
        for name in OPTIONS - {"exclusive", "shared"}:
            if name in declared and name not in message.options:
                message.options[name] = declared[name]
        exclusive = _names(message, declared, "exclusive")
        shared = _names(message, declared, "shared")
        message.options["exclusive"] = sorted(exclusive)
        message.options["shared"] = sorted(shared - exclusive)


def _names(message: Message, declared: dict[str, Any], option: str) -> set[str]:
    own = message.options.get(option, ())
    names: Any = declared.get(option, ())
    try:
        if callable(names):
            names = names(*message.args, **message.kwargs)
    except Exception as error:
        raise BadResources(f"{message.actor_name}: {option} failed with {type(error).__name__}: {error}") from error
    for value in (own, names):
        if isinstance(value, str) or not isinstance(value, Iterable):
            raise BadResources(f"{message.actor_name}: {option} must be a list of resource names, not {value!r}")
    return {str(name) for name in (*own, *names)}
