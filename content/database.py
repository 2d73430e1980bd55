"""The bridge from the event loop to peewee, which blocks: a few threads that each borrow a connection for one question.

A connection is held only while a question is asked, never while a response streams.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

import psycopg2
from peewee import InterfaceError, OperationalError

from pulp_actor.db import connected

P = ParamSpec("P")
T = TypeVar("T")

#: What peewee and psycopg2 raise when the server is away.
UNAVAILABLE = (OperationalError, InterfaceError, psycopg2.OperationalError, psycopg2.InterfaceError)


class DatabaseThreads:
    """Runs blocking functions, with a connection open."""

    def __init__(self, threads: int = 4) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="database")

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call ``function`` in a thread with an open connection, and with what is known of the request here.

        Raises:
            what ``function`` raises; one of ``UNAVAILABLE`` if the server is away.
        """
        context = contextvars.copy_context()
        return await asyncio.get_running_loop().run_in_executor(
            self._pool, context.run, _connected_call, function, args, kwargs)

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)


def _connected_call(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    with connected():
        return function(*args, **kwargs)
