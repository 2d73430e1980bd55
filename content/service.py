"""The content server as a process, or several on one port. Knows signals and sockets, nothing of paths and files.

With more than one process a parent starts them, starts another for one that dies, and stops them all on SIGTERM; it serves
nothing itself. A process that is told to stop takes no new connections and lets open downloads end.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import multiprocessing
import multiprocessing.connection
import os
import resource
import signal
import socket
import ssl
import sys
import threading
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from types import FrameType

from aiohttp import web

from content.access import AccessLogger
from content.app import ContentServer
from content.metering import tally
from content.noting import keep_writing
from pulp_actor import tracing
from pulp_actor.bootstrap import bootstrap
from pulp_actor.db.listen import ListenHub
from pulp_actor.errors import ConfigurationError
from pulp_actor.logs import get_logger
from pulp_actor.metrics.shared import Slots, share, take_slot
from pulp_actor.plugins import load_modules
from pulp_actor.queue import load_actors, notify
from pulp_actor.queue.presence import register
from pulp_actor.settings import settings

#: Connections that the kernel holds until they are accepted.
BACKLOG = 2048
#: Seconds for which a stopping process still reads requests, though it takes no connections: from one that it closes aiohttp
#: reads nothing more, and who has just connected would be left without an answer until the end of the drain.
LAST_CALL = 0.2
#: Seconds between the death of a child and the start of the next.
RESTART_DELAY = 1.0

logger = get_logger(__name__)


def main() -> None:
    """Run until SIGTERM or SIGINT. Exits with 1 and one line if something cannot work."""
    try:
        bootstrap()
        host, port = address()
        load_hooks()
        processes = settings.CONTENT_PROCESSES
        listener = bind(host, port, shared=processes > 1)
    except ConfigurationError as error:
        sys.exit(f"pulp-content: {error}")
    _raise_file_limit()
    share()
    if processes > 1:
        supervise(processes, host, port, listener)
    else:
        asyncio.run(serve(listener))


def load_hooks() -> None:
    """Import what registers guards and hooks, the core's and then the plugins', and what declares actors: what is pulled
    through gets into its repository by a task."""
    for own in ("content.checkers", "content.keyrings"):
        importlib.import_module(own)
    load_modules("content")
    load_actors()


def address() -> tuple[str, int]:
    """Host and port of the setting CONTENT_BIND. Raises ConfigurationError."""
    host, colon, port = settings.CONTENT_BIND.rpartition(":")
    if not colon or not port.isdigit():
        raise ConfigurationError(f"CONTENT_BIND must be host:port, not {settings.CONTENT_BIND!r}")
    return host.strip("[]") or "0.0.0.0", int(port)


def bind(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A socket bound to ``host`` and ``port``, which others of our processes may bind too if it is ``shared``.

    Raises:
        ConfigurationError: somebody else has it, or it is not an address of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        if shared:
            # Without sharing first: with it, a port that another platform shares would not be seen to be taken.
            with socket.socket(family) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((host, port))
                port = probe.getsockname()[1]
        bound = socket.socket(family)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind((host, port))
    except OSError as error:
        raise ConfigurationError(f"cannot listen on {host}:{port}: {error.strerror or error}") from None
    return bound


async def serve(
    listener: socket.socket, stop: asyncio.Event | None = None, on_ready: Callable[[], None] = notify.ready,
) -> None:
    """Serve on a bound socket until SIGTERM, SIGINT (in the main thread) or ``stop``; then let open downloads end."""
    stop = stop or asyncio.Event()
    loop = asyncio.get_running_loop()
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
    hub = ListenHub(settings.DATABASE_URL, application_name="pulp-content listen")
    server = ContentServer(hub)
    hub.start()
    tracing.start("pulp-content")
    presence = register("content")
    access = logging.getLogger("content.access") if settings.CONTENT_ACCESS_LOG else None
    runner = web.ServerRunner(
        server.server(access_log_class=AccessLogger, access_log=access), shutdown_timeout=settings.CONTENT_DRAIN_TIMEOUT,
    )
    counting = asyncio.create_task(tally.keep_flushing())
    noting = asyncio.create_task(keep_writing(server.requests))
    await runner.setup()
    site = web.SockSite(runner, listener, backlog=BACKLOG, ssl_context=_tls())
    await site.start()
    logger.info("content server is ready", bind=settings.CONTENT_BIND, pid=os.getpid())
    on_ready()
    try:
        while not stop.is_set():
            notify.watchdog()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), notify.WATCHDOG_INTERVAL)
        notify.stopping()
    finally:
        await site.stop()
        await asyncio.sleep(LAST_CALL)
        await runner.cleanup()
        await server.close()
        counting.cancel()
        noting.cancel()
        await asyncio.gather(noting, return_exceptions=True)
        await asyncio.to_thread(presence.stop)
        await asyncio.to_thread(hub.stop)
        await asyncio.to_thread(tracing.stop)


def supervise(processes: int, host: str, port: int, reserved: socket.socket) -> None:
    """Keep ``processes`` children serving the port that ``reserved`` holds, until a signal; then wait for them to drain."""
    port = reserved.getsockname()[1]
    context = multiprocessing.get_context("fork")
    lifeline, held = context.Pipe(duplex=False)
    reports, reporting = context.Pipe(duplex=False)
    stopping = threading.Event()

    def on_signal(number: int, _frame: FrameType | None) -> None:
        stopping.set()
        notify.stopping()
        for child in children:
            if child.pid and child.is_alive():
                os.kill(child.pid, number)

    def start() -> BaseProcess:
        slot = slots.assign()
        child = context.Process(
            target=_child, args=(host, port, reserved, lifeline, held, slot, reporting), name="pulp-content")
        child.start()
        slot_of[child] = slot
        return child

    slots = Slots()
    slot_of: dict[BaseProcess, int] = {}
    children: list[BaseProcess] = []
    children.extend(start() for _ in range(processes))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    awaited = processes
    while children:
        multiprocessing.connection.wait([reports, *(child.sentinel for child in children)], notify.WATCHDOG_INTERVAL)
        notify.watchdog()
        while reports.poll():
            reports.recv()
            awaited -= 1
            if not awaited:
                notify.ready()
        dead = [child for child in children if not child.is_alive()]
        for child in dead:
            child.join()
            children.remove(child)
            slots.release(slot_of.pop(child))
            if not stopping.is_set():
                logger.error("a content process died", pid=child.pid, exit_code=child.exitcode)
                if not stopping.wait(RESTART_DELAY):
                    children.append(start())


def _child(
    host: str, port: int, reserved: socket.socket, lifeline: multiprocessing.connection.Connection,
    held: multiprocessing.connection.Connection, slot: int, reporting: multiprocessing.connection.Connection,
) -> None:
    take_slot(slot)
    notify.forget()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    held.close()
    reserved.close()  # a bound socket that nobody accepts on must not be kept open by those who do
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind((host, port))

    async def run() -> None:
        stop = asyncio.Event()
        # The parent holds the other end: it becomes readable when the parent has gone, however that happened.
        asyncio.get_running_loop().add_reader(lifeline.fileno(), stop.set)
        await serve(listener, stop, lambda: reporting.send("ready"))

    asyncio.run(run())


def _tls() -> ssl.SSLContext | None:
    if not settings.CONTENT_TLS_CERTIFICATE:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(settings.CONTENT_TLS_CERTIFICATE, settings.CONTENT_TLS_KEY or None)
    if settings.CONTENT_TLS_CLIENT_CA:
        context.load_verify_locations(settings.CONTENT_TLS_CLIENT_CA)
        context.verify_mode = ssl.CERT_OPTIONAL  # what a certificate allows is for the guards to say
    return context


def _raise_file_limit() -> None:
    """Every open download needs two descriptors; the usual soft limit of 1024 is for programs that use select."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    main()
