"""The LISTEN hub: one listening connection per process, whatever number of parts of it want to hear.

A callback runs in the hub's thread, and the others wait for it: it may ask the database something short, and no more. One
that fails is logged. A lost connection is opened again; because notifications may have been missed meanwhile, every callback
is then called with ``None``, which means "assume that something changed".
"""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable
from typing import Any

import psycopg2
from psycopg2.extensions import quote_ident

from pulp_actor.db.connection import connect_raw
from pulp_actor.logs import get_logger
from pulp_actor.metrics.table import LISTEN_LOST

#: Seconds between attempts to open a lost connection again.
RECONNECT_DELAY = 0.5

Callback = Callable[[str | None], None]

logger = get_logger(__name__)


class ListenHub:
    """Start it once per process, after any fork."""

    def __init__(self, url: str | None = None, *, application_name: str = "pulp-actor listen") -> None:
        self._url = url
        self._name = application_name
        self._callbacks: dict[str, list[Callback]] = {}
        self._on_connect: list[Callable[[Any], None]] = []
        self._wake_read = self._wake_write = -1
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._changed = False
        self.connected = threading.Event()

    def subscribe(self, channel: str, callback: Callback) -> None:
        """Call ``callback`` with the payload of each notification on ``channel``."""
        with self._lock:
            self._callbacks.setdefault(channel, []).append(callback)
            self._changed = True
        self._wake()

    def on_connect(self, prepare: Callable[[Any], None]) -> None:
        """Call ``prepare`` with each newly opened connection, before any callback: to take session locks."""
        self._on_connect.append(prepare)

    def start(self) -> None:
        """Open the connection and listen; does nothing while it listens already."""
        if self._thread is not None and self._thread.is_alive():
            return
        self._stopping.clear()
        # Not before: forked processes that shared the pipe would take each other's wake-ups.
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._thread = threading.Thread(target=self._run, name="listen", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Close the connection and end the thread."""
        self._stopping.set()
        self._wake()
        if self._thread and self._thread is not threading.current_thread():
            self._thread.join(5)
        pipe, self._wake_read, self._wake_write = (self._wake_read, self._wake_write), -1, -1
        for fd in pipe:
            if fd >= 0:
                os.close(fd)

    def _wake(self) -> None:
        if self._wake_write < 0:
            return
        try:
            os.write(self._wake_write, b".")
        except BlockingIOError:
            return  # full: the thread is about to be woken many times over

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._listen()
            except psycopg2.Error as error:
                self.connected.clear()
                if not self._stopping.is_set():
                    LISTEN_LOST.inc()
                    logger.warning("listening connection lost", error=" ".join(str(error).split()))
                    self._stopping.wait(RECONNECT_DELAY)

    def _listen(self) -> None:
        conn = connect_raw(self._url, application_name=self._name)
        try:
            for prepare in self._on_connect:
                prepare(conn)
            self._changed = True
            self._listen_to_channels(conn)
            self.connected.set()
            for channel in list(self._callbacks):
                self._tell(channel, None)
            poll = select.poll()  # not select(), which knows no descriptor above 1023
            poll.register(conn, select.POLLIN)
            poll.register(self._wake_read, select.POLLIN)
            while not self._stopping.is_set():
                if self._wake_read in (descriptor for descriptor, _ in poll.poll()):
                    os.read(self._wake_read, 4096)
                    self._listen_to_channels(conn)
                conn.poll()
                while conn.notifies:
                    notification = conn.notifies.pop(0)
                    self._tell(notification.channel, notification.payload)
        finally:
            self.connected.clear()  # also when it is stopped: what is remembered by its word is not to be relied on now
            conn.close()

    def _tell(self, channel: str, payload: str | None) -> None:
        for callback in self._callbacks.get(channel, ()):
            try:
                callback(payload)
            except Exception:
                logger.exception("a callback failed", channel=channel)

    def _listen_to_channels(self, conn: Any) -> None:
        with self._lock:
            if not self._changed:
                return
            channels, self._changed = list(self._callbacks), False
        if channels:
            with conn.cursor() as cursor:
                cursor.execute("; ".join(f"LISTEN {quote_ident(channel, conn)}" for channel in channels))
