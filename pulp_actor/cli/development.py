"""``pulp-actor collectstatic`` and ``runserver``: what is between the source tree and a web server."""

from __future__ import annotations

import asyncio
import signal
import socketserver
import sys
import threading
from importlib import import_module
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import click
from dramatiq import Worker

from pulp_actor.cli import accounts, ports
from pulp_actor.cli.admin import database_options, reachable_database
from pulp_actor.db import migrate as migrations
from pulp_actor.errors import ConfigurationError
from pulp_actor.identifiers import api_prefix
from pulp_actor.logs import configure_logging
from pulp_actor.queue.actors import load_actors, platform_broker
from pulp_actor.security.encryption import keyring
from pulp_actor.settings import settings
from pulp_actor.static import collect, static_root


@click.command()
def collectstatic() -> None:
    """Gather the static files of core and plugins in STATIC_ROOT, for a web server to send."""
    root = static_root()
    done = collect(root)
    print(f"{done.copied} copied, {done.unchanged} unchanged, {done.removed} removed in {root}")


@click.command()
@click.argument("port", type=click.IntRange(0, 65535), default=24817)
@database_options
def runserver(port: int, data_dir: str | None, database_url: str | None) -> None:
    """Run API, content server and one worker in this process, for development: DEBUG is on, logs go to the terminal.

    PORT is the API's, 24817 by default; the content server listens where CONTENT_BIND says.
    """
    settings.set("runserver", DEBUG=True)
    configure_logging(settings.LOG_LEVEL, settings.LOG_FORMAT)
    with reachable_database(data_dir, database_url):
        keyring.create()
        migrations.migrate()
        password = accounts.ensure_admin(settings.data_dir)
        load_actors()
        worker = Worker(platform_broker(), worker_threads=1)
        server = _api(port)
        content = _Content()
        worker.start()
        content.start()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
        print(f"http://127.0.0.1:{server.server_port}{api_prefix()}  Ctrl-C stops", flush=True)
        if password.generated:
            print(f"admin / {password.text}", flush=True)
        server.serve_forever()
        content.stop()
        worker.stop()
        platform_broker().close()


class _Handler(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        print(format % args, file=sys.stderr)


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True


def _api(port: int) -> WSGIServer:
    make_app = import_module("api.app").make_app
    try:
        return make_server("127.0.0.1", port, make_app(), server_class=_Server, handler_class=_Handler)
    except OSError as error:
        raise ConfigurationError(f"cannot listen on 127.0.0.1:{port}: {error.strerror or error}") from None


class _Content:
    """The content server, in a thread with an event loop of its own."""

    def __init__(self) -> None:
        self._service = import_module("content.service")
        self._service.load_hooks()
        host, port = ports.parse("CONTENT_BIND", settings.CONTENT_BIND)
        self._listener = self._service.bind(host, port)
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="content")

    def _run(self) -> None:
        self._loop.run_until_complete(self._service.serve(self._listener, self._stop))
        self._loop.close()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
