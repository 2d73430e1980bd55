"""Which resources a task locks: the options ``exclusive`` and ``shared`` of a message, or of its actor.

An actor's option may be a list, or a function of the actor's arguments that returns one:

    @actor(exclusive=lambda repository, **_: [f"repository:{repository}"])
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dramatiq.broker import Broker
from dramatiq.errors import ActorNotFound
from dramatiq.message import Message
from dramatiq.middleware import Middleware

OPTIONS = {"exclusive", "shared", "fair_key", "retry_on_loss", "immediate"}


class Resources(Middleware):
    """Reads an option from the message, then from the actor; leaves sorted, distinct names in the message."""

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
    names: Any = message.options.get(option, declared.get(option, ()))
    if callable(names):
        names = names(*message.args, **message.kwargs)
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise TypeError(f"{option} must be a list of resource names, not {names!r}")
    return {str(name) for name in names}
