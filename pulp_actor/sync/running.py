"""Runs a coroutine inside an actor, so that an interrupt ends it and an error comes out plain.

A task is cancelled by an exception that is raised in the actor's thread, wherever that is at the moment. Inside an event
loop that may be a callback, whose exceptions asyncio only reports; here the report ends the coroutine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from dramatiq.middleware import Interrupt

T = TypeVar("T")

#: Seconds after which an idle event loop looks whether its thread was interrupted.
LOOK_INTERVAL = 0.5


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run ``coroutine`` to its end in a new event loop.

    Raises:
        what the coroutine raises; of a group of errors, the first that says something to a user.
    """
    try:
        return asyncio.run(_guarded(coroutine))
    except BaseExceptionGroup as group:
        raise first_error(group) from group


def first_error(group: BaseExceptionGroup[Any]) -> BaseException:
    """The error to show for a group: an interrupt if there is one, else the first."""
    leaves = list(_leaves(group))
    for error in leaves:
        if isinstance(error, Interrupt):
            return error
    return leaves[0]


def _leaves(group: BaseExceptionGroup[Any]) -> list[BaseException]:
    found: list[BaseException] = []
    for error in group.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found


async def _guarded(coroutine: Coroutine[Any, Any, T]) -> T:
    loop = asyncio.get_running_loop()
    work = loop.create_task(coroutine)
    interrupts: list[BaseException] = []

    def stop(error: BaseException) -> None:
        interrupts.append(error)
        work.cancel()

    def report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, Interrupt):
            stop(error)
        else:
            loop.default_exception_handler(context)

    loop.set_exception_handler(report)
    ticker = loop.create_task(_tick(stop))
    try:
        return await work
    except asyncio.CancelledError:
        if interrupts:
            raise interrupts[0] from None
        raise
    finally:
        ticker.cancel()


async def _tick(stop: Callable[[BaseException], None]) -> None:
    """Wake the loop now and then: an exception reaches a thread only while it runs Python code, which may be this."""
    try:
        while True:
            await asyncio.sleep(LOOK_INTERVAL)
    except Interrupt as error:
        stop(error)
