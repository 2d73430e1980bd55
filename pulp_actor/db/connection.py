"""The connection pool and ``transaction()``.

``database`` is unbound until a process calls `configure`; it never connects by itself (``autoconnect=False``): a request,
a task or a thread opens its connection with `connected` and gives it back at the end.
"""

from __future__ import annotations

import os
import select
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2
import psycopg2.extensions
from peewee import DatabaseError
from playhouse.pool import PooledPostgresqlDatabase

from pulp_actor.errors import ConfigurationError, PulpActorError, QuotaExceeded
from pulp_actor.metrics.table import POOL_FAILURES, POOL_IDLE, POOL_IN_USE

#: The oldest PostgreSQL major version the platform runs on.
MINIMUM_POSTGRESQL = 14

#: Keep-alives by which both ends notice a lost host within some 15 seconds.
KEEPALIVE: dict[str, Any] = {
    "keepalives": 1, "keepalives_idle": 5, "keepalives_interval": 3, "keepalives_count": 3,
    "options": "-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=3 -c tcp_keepalives_count=3",
}


#: The errors that triggers of ours raise, by their SQLSTATE.
REFUSALS: dict[str, type[PulpActorError]] = {"UQ001": QuotaExceeded}

#: Every connection that this process opened and that is still in use, so that a forked child can let go of them.
_opened: weakref.WeakSet[Any] = weakref.WeakSet()


#: Seconds between two tellings of how many connections are in use.
_TELLING_INTERVAL = 1.0


class Database(PooledPostgresqlDatabase):
    """The pool, with hooks that run just before and just after the outermost transaction commits."""

    _told_use, _next_telling = 0, 0.0

    def _connect(self) -> Any:
        try:
            conn = super()._connect()
        except Exception:
            POOL_FAILURES.inc()
            raise
        _opened.add(conn)
        self._tell_use()
        return conn

    def _close(self, conn: Any, close_conn: bool = False) -> None:
        super()._close(conn, close_conn)
        self._tell_use()

    def _tell_use(self) -> None:
        """Tell how many connections are in use: at most once a second while some are, for each request takes one and gives
        it back; but always that none is any more."""
        used, now = len(self._in_use), time.monotonic()
        if used == self._told_use or (used and now < self._next_telling):
            return
        POOL_IN_USE.set(used)
        POOL_IDLE.set(len(self._connections))
        self._told_use, self._next_telling = used, now + _TELLING_INTERVAL

    def execute_sql(self, sql: str, params: Any = None) -> Any:
        try:
            return super().execute_sql(sql, params)
        except DatabaseError as error:
            refusal = _refusal(error)
            if refusal is None:
                raise
            raise refusal from error

    def forget_connections(self) -> None:
        """Start over with an empty pool, as a forked child must: the connections are its parent's."""
        self._pool_lock = threading.RLock()
        self._pool_available = threading.Condition(self._pool_lock)
        self._lock = threading.Lock()
        self._connections: list[Any] = []
        self._in_use: dict[Any, Any] = {}
        self._state.reset()

    def _is_closed(self, conn: Any) -> bool:
        # A pooled connection whose server went away shows it only by its status; ask the socket before handing it out.
        if conn.get_transaction_status() != psycopg2.extensions.TRANSACTION_STATUS_IDLE:
            return True
        return not is_alive(conn)

    @property
    def url(self) -> str:
        return self.database or ""


def _refusal(error: DatabaseError) -> PulpActorError | None:
    """What one of our own triggers wants to say to the user, if it was one."""
    cause = error.__cause__ or error.__context__
    kind = REFUSALS.get(getattr(cause, "pgcode", None) or "")
    return None if kind is None else kind(getattr(cause, "diag").message_primary or str(cause))  # noqa: B009


def is_alive(conn: Any) -> bool:
    """True unless it is closed, or the server has something to say unasked: on a connection that does not listen, that is
    goodbye."""
    if conn.closed:
        return False
    poll = select.poll()  # not select(), which knows no descriptor above 1023
    poll.register(conn, select.POLLIN)
    return not poll.poll(0)


database = Database(None, autoconnect=False, max_connections=64, timeout=10)


def configure(url: str, *, max_connections: int = 64) -> Database:
    """Bind the pool to a PostgreSQL URL or conninfo string. Does not connect."""
    database.init(url, max_connections=max_connections, **KEEPALIVE)
    return database


def connect_raw(url: str | None = None, *, application_name: str = "pulp-actor") -> Any:
    """A psycopg2 connection outside the pool, in autocommit mode: for LISTEN, session locks and administration.

    Raises:
        psycopg2.OperationalError: the server cannot be reached.
    """
    conn = psycopg2.connect(url or database.url, application_name=application_name, connect_timeout=10, **KEEPALIVE)
    conn.autocommit = True
    _opened.add(conn)
    return conn


def _leave_connections_to_parent() -> None:
    """In a forked child: make the parent's connections harmless, without a word to the server.

    Two processes that speak on one socket garble both their conversations, and a socket that a child keeps open hides its
    parent's death from the server, which would then hold on to locks and leases.
    """
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    for conn in list(_opened):
        if not conn.closed:
            os.dup2(null, conn.fileno(), inheritable=False)
    os.close(null)
    _opened.clear()
    _hooks.__init__()  # type: ignore[misc]
    database.forget_connections()


os.register_at_fork(after_in_child=_leave_connections_to_parent)


def check_server(url: str) -> int:
    """Connect once and return the server's major version.

    Raises:
        ConfigurationError: it cannot be reached, or is too old.
    """
    try:
        conn = connect_raw(url)
    except psycopg2.Error as error:
        reason = " ".join(str(error).split())
        raise ConfigurationError(f"cannot reach the database: {reason}") from None
    major = conn.server_version // 10000
    conn.close()
    if major < MINIMUM_POSTGRESQL:
        raise ConfigurationError(f"PostgreSQL {major} is too old: {MINIMUM_POSTGRESQL} or newer is needed")
    return major


@contextmanager
def connected() -> Iterator[Database]:
    """Open this thread's connection for the length of the block, unless it is open already."""
    if not database.is_closed():
        yield database
        return
    database.connect()
    try:
        yield database
    finally:
        if not database.is_closed():
            database.close()


class _Hooks(threading.local):
    def __init__(self) -> None:
        self.depth = 0
        self.before_commit: list[tuple[Callable[[list[Any]], Any], Any]] = []
        self.after_commit: list[Callable[[], Any]] = []


_hooks = _Hooks()


@contextmanager
def transaction() -> Iterator[Database]:
    """A transaction (a savepoint when nested) on this thread's connection, which is opened if it is not.

    What was registered with `before_commit` runs as the last thing inside the outermost transaction; what was
    registered with `after_commit` runs once it has committed. A savepoint that rolls back takes its hooks with it.
    """
    with connected():
        marks = (len(_hooks.before_commit), len(_hooks.after_commit))
        _hooks.depth += 1
        outermost = _hooks.depth == 1
        try:
            with database.atomic():
                yield database
                if outermost:
                    _run_before_commit()
        except BaseException:
            del _hooks.before_commit[marks[0]:], _hooks.after_commit[marks[1]:]
            raise
        finally:
            _hooks.depth -= 1
        if outermost:
            callbacks, _hooks.after_commit = _hooks.after_commit, []
            for callback in callbacks:
                callback()


def in_transaction() -> bool:
    """True inside a `transaction` block of this thread."""
    return _hooks.depth > 0


def before_commit(callback: Callable[[list[Any]], Any], item: Any) -> None:
    """As the last thing inside the current outermost transaction, call ``callback`` once with every item given for it."""
    _hooks.before_commit.append((callback, item))


def after_commit(callback: Callable[[], Any]) -> None:
    """Run ``callback`` once the current outermost transaction has committed."""
    _hooks.after_commit.append(callback)


def _run_before_commit() -> None:
    while _hooks.before_commit:
        callback = _hooks.before_commit[0][0]
        items = [item for other, item in _hooks.before_commit if other == callback]
        _hooks.before_commit = [pair for pair in _hooks.before_commit if pair[0] != callback]
        callback(items)
