"""Content guards: who may have what. Every hit passes here, cached or not; an unknown type of guard lets nobody through.

A checker is registered per type of guard, by the core below and by plugins in their ``content`` module.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from content.database import DatabaseThreads
from content.views import Guard, View
from pulp_actor.errors import PulpActorError

#: Returns if the request may have what the guard guards; raises Forbidden or Unauthenticated if not.
Checker = Callable[["Check"], Awaitable[None]]


class Forbidden(PulpActorError):
    """The guard refuses; the text says why, without telling what would have pleased it."""


class Unauthenticated(Forbidden):
    """The guard refuses, but might not if the client said who it is. ``challenge`` goes into ``WWW-Authenticate``."""

    def __init__(self, text: str, challenge: str) -> None:
        super().__init__(text)
        self.challenge = challenge


class Check:
    """One question to a checker: may this request have what ``guard`` guards?"""

    __slots__ = ("guard", "request", "threads", "view")

    def __init__(self, guard: Guard, request: web.BaseRequest, view: View, threads: DatabaseThreads) -> None:
        self.guard = guard
        self.request = request
        self.view = view
        self.threads = threads


_checkers: dict[str, Checker] = {}


def checker(type_: str) -> Callable[[Checker], Checker]:
    """Declare the checker of one type of guard: ``@checker("core.header")``."""
    def register(function: Checker) -> Checker:
        _checkers[type_] = function
        return function

    return register


async def authorize(view: View, request: web.BaseRequest, threads: DatabaseThreads) -> None:
    """Raises Forbidden unless ``request`` may see what is below ``view``."""
    if view.guard is not None:
        await check(Check(view.guard, request, view, threads))


async def check(question: Check) -> None:
    """Ask the checker of the guard's type. Raises Forbidden."""
    function = _checkers.get(question.guard.type)
    if function is None:
        raise Forbidden("this content is guarded in a way that this server does not know")
    await function(question)
