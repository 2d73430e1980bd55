"""Readiness: whether this process can reach what it cannot work without, the database and the object store.

Asked often by load balancers and orchestrators, so an answer is remembered for a moment, and one look at a time is under
way in a thread of its own: a server that swallows packets makes the answer "no" after a few seconds, and never holds up
more than that one thread. Must never tell the one who asks why; the log does, each time that something changes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import peewee
import psycopg2

from pulp_actor.db import connected
from pulp_actor.errors import PulpActorError
from pulp_actor.logs import get_logger

#: Seconds for which an answer is good.
REMEMBERED = 1.0
#: Seconds after which what has not answered counts as unreachable.
PATIENCE = 3.0

logger = get_logger(__name__)


def look_at_database() -> None:
    """Ask the database something. Raises what it raises when it is away."""
    with connected() as database:
        database.execute_sql("SELECT 1")


def look_at_storage() -> None:
    """Ask the object store something. Raises StorageError."""
    from pulp_actor.storage import get_storage  # noqa: PLC0415  (who uses the queue alone has no store, nor its libraries)

    get_storage().check()


class Readiness:
    """What this process needs, by name, and whether it is there. One per process; safe to use from several threads."""

    def __init__(self, looks: Mapping[str, Callable[[], None]] | None = None) -> None:
        self._looks = looks or {"database": look_at_database, "storage": look_at_storage}
        self._well = dict.fromkeys(self._looks, True)
        self._until = dict.fromkeys(self._looks, 0.0)
        self._under_way: dict[str, Future[None]] = {}
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(len(self._looks), thread_name_prefix="readiness")

    def answer(self) -> dict[str, bool]:
        """Name to whether it is reachable now; takes `PATIENCE` seconds at most."""
        deadline = time.monotonic() + PATIENCE
        started = {name: self._start(name) for name in self._looks}
        return {name: self._outcome(name, look, deadline) for name, look in started.items()}

    def _start(self, name: str) -> Future[None] | None:
        """The look that is under way, or a new one; None while what is remembered is good enough."""
        with self._lock:
            look = self._under_way.get(name)
            if look is not None:
                return look
            if time.monotonic() < self._until[name]:
                return None
            look = self._under_way[name] = self._threads.submit(self._looks[name])
        look.add_done_callback(lambda _: self._under_way.pop(name, None))
        return look

    def _outcome(self, name: str, look: Future[None] | None, deadline: float) -> bool:
        if look is None:
            return self._well[name]
        try:
            look.result(timeout=max(0.0, deadline - time.monotonic()))
        except TimeoutError:
            self._note(name, f"no answer within {PATIENCE:.0f} s")
        except (PulpActorError, OSError, psycopg2.Error, peewee.PeeweeException) as error:
            self._note(name, " ".join(str(error).split()))
        else:
            self._note(name, "")
        return self._well[name]

    def _note(self, name: str, reason: str) -> None:
        with self._lock:
            was, self._well[name] = self._well[name], not reason
            self._until[name] = time.monotonic() + REMEMBERED
        if was and reason:
            logger.error("not ready", lacks=name, reason=reason)
        elif not was and not reason:
            logger.info("ready again", has=name)


class _PerProcess:
    """Made at the first question, which comes after any fork: threads do not survive one."""

    def __init__(self) -> None:
        self._readiness: Readiness | None = None

    def answer(self) -> dict[str, bool]:
        if self._readiness is None:
            self._readiness = Readiness()
        return self._readiness.answer()


_process = _PerProcess()


def readiness() -> dict[str, bool]:
    """``{"database": True, "storage": True}`` where this process can do its work."""
    return _process.answer()
