"""Actors for tests of workers: each does one thing, good or bad, and notes its beginning and its end in the journal."""

from __future__ import annotations

import asyncio
import ctypes
import functools
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import dramatiq

from pulp_actor.db import database
from pulp_actor.queue import TaskBroker, TaskCanceled, current_task
from pulp_actor.queue.actors import TaskActor
from tests.support.workers.journal import note

broker = TaskBroker()

#: What `hoard` never lets go of.
_hoard: list[bytes] = []


def _actor(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Declare an actor under its function's name, with its runs noted."""
    def declare(function: Callable[..., Any]) -> Any:
        @functools.wraps(function)
        def noted(*args: Any, **kwargs: Any) -> Any:
            task = current_task().id
            note(task, "begin")
            try:
                return function(*args, **kwargs)
            finally:
                note(task, "end")

        return dramatiq.actor(
            noted, actor_class=TaskActor, actor_name=function.__name__, broker=broker, **options)

    return declare


@_actor()
def noop() -> None:
    """Does nothing."""


@_actor()
def echo(value: Any) -> Any:
    return value


@_actor()
def nap(seconds: float) -> None:
    """Sleeps in short naps: an interrupt gets through at once."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.01)


@_actor(retry_on_loss=True)
def safe_nap(seconds: float) -> None:
    """As `nap`, and safe to run again."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.01)


@_actor()
def deep_sleep(seconds: float) -> None:
    """One long ``time.sleep``: an interrupt waits for its end."""
    time.sleep(seconds)


@_actor()
def blocking_c(seconds: int) -> None:
    """C code that keeps the interpreter lock: no Python thread of the process runs meanwhile."""
    ctypes.PyDLL(None).sleep(seconds)


@_actor()
def slow_sql(seconds: float) -> None:
    database.execute_sql("SELECT pg_sleep(%s)", (seconds,))


@_actor()
def sql_loop(seconds: float) -> int:
    """Short statements on the actor's own connection, for some seconds; tries again when the connection breaks."""
    done, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if database.is_closed():
                database.connect()
            database.execute_sql("SELECT pg_sleep(0.01)")
            done += 1
        except Exception:
            if not database.is_closed():
                database.close()
            time.sleep(0.05)
    return done


@dramatiq.actor(actor_class=TaskActor, actor_name="async_nap", broker=broker)
async def async_nap(seconds: float) -> str:
    task = current_task().id
    note(task, "begin")
    try:
        await asyncio.sleep(seconds)
        return "rested"
    finally:
        note(task, "end")


@_actor()
def stubborn(seconds: float) -> None:
    """Swallows every interrupt."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            time.sleep(0.01)
        except TaskCanceled:
            note(current_task().id, "swallowed")


@_actor()
def fail(text: str) -> None:
    raise ValueError(text)


@_actor(max_retries=3, min_backoff=100, max_backoff=200)
def fail_first(times: int) -> int:
    """Fails as often as asked, then succeeds; the journal is its memory."""
    message = dramatiq.middleware.CurrentMessage.get_current_message()
    retries = message.options.get("retries", 0) if message else 0
    if retries < times:
        raise ValueError(f"failure {retries + 1}")
    return retries


@_actor()
def forever() -> None:
    while True:
        time.sleep(0.01)


@_actor()
def leave(code: int) -> None:
    """Ends the process without a word."""
    os._exit(code)


@_actor(retry_on_loss=True)
def leave_safely(code: int) -> None:
    """As `leave`, wrongly declared safe to run again."""
    os._exit(code)


@_actor()
def exit_politely(code: int) -> None:
    sys.exit(code)


@_actor()
def hoard(mebibytes: int) -> int:
    """Leaks memory."""
    _hoard.append(b"x" * (mebibytes << 20))
    return len(_hoard)


@_actor()
def fork_and_return() -> str:
    """Forks; both processes return from the actor, as careless code does."""
    pid = os.fork()
    if pid:
        os.waitpid(pid, 0)
        return "parent"
    return "child"


@_actor()
def fork_and_linger(seconds: float) -> int:
    """Leaves a process behind that lives on for ``seconds``, and kills its own."""
    pid = os.fork()
    if pid == 0:
        time.sleep(seconds)
        os._exit(0)
    note(current_task().id, f"left-{pid}")
    os.kill(os.getpid(), 9)
    return pid


@_actor()
def fork_and_use_database() -> int:
    """A forked helper that works on the database must not disturb its parent's connection."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            database.connect(reuse_if_open=True)
            code = 0 if database.execute_sql("SELECT 7").fetchone() == (7,) else 2
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    (answer,) = database.execute_sql("SELECT 42").fetchone()
    return answer if os.waitstatus_to_exitcode(status) == 0 else -1


@_actor()
def unstorable(kind: str) -> Any:
    """Returns what PostgreSQL cannot keep as JSON."""
    return {"nul": "a\0b", "surrogate": "caf\udce9", "object": object(), "nan": float("nan")}[kind]


@_actor()
def careless_thread() -> str:
    """Starts a thread that dies of an exception, as threads may."""
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()
    return "unharmed"


@_actor()
def who() -> int:
    return os.getpid()


@_actor()
def backend() -> int:
    """The server process of the connection that the platform gives an actor."""
    return database.execute_sql("SELECT pg_backend_pid()").fetchone()[0]
