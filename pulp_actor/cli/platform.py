"""The whole platform as children of this process: checked, started, watched and stopped.

Works on the settings in force. Prints nothing: what it does it tells a callback, so that `up`, `demo` and the tests can
each show it their own way.
"""

from __future__ import annotations

import os
import queue
import signal
import socket
import threading
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import requests
from urllib3.exceptions import InsecureRequestWarning

from pulp_actor.cli import accounts, ports
from pulp_actor.cli.rundir import Facts, RunDir
from pulp_actor.cli.services import Service
from pulp_actor.db import configure, database
from pulp_actor.db.connection import check_server
from pulp_actor.db.embedded import EmbeddedServer
from pulp_actor.db.migrate import migrate
from pulp_actor.errors import ConfigurationError, PulpActorError
from pulp_actor.identifiers import api_prefix
from pulp_actor.security.encryption import keyring
from pulp_actor.settings import settings

#: The settings by which commands that work on the database must agree with the services.
SHARED_SETTINGS = ("DB_ENCRYPTION_KEY", "API_ROOT", "DOMAIN_ENABLED", "STORAGE", "DIAGNOSTIC_ACTORS")
#: Seconds within which all services must be well.
START_TIMEOUT = 90.0
#: Seconds between two looks at a service that starts; the first ones come quicker.
HEALTH_INTERVAL = 0.25
#: Seconds by which a service may overrun what it gives its own work when it stops.
STOP_MARGIN = 10.0


class ServiceDied(PulpActorError):
    """A part of the platform ended by itself."""


@dataclass(frozen=True)
class Event:
    """What ends the wait in `Platform.wait`: a signal, or a part that ended with an exit code."""

    signal: int = 0
    service: str = ""
    exit_code: int = 0
    log_tail: str = ""


class Platform:
    """Parameters:
        tell: called with a line on what is being done.
        database_options: settings of the embedded PostgreSQL, e.g. for tests.
    """

    def __init__(
        self, tell: Callable[[str], None] = lambda _: None, *, database_options: dict[str, str] | None = None
    ) -> None:
        self.run_dir = RunDir(settings.data_dir)
        self.logs = settings.data_dir / "logs"
        self.password: accounts.AdminPassword | None = None
        self.facts: Facts | None = None
        self._tell = tell
        self._database_options = database_options
        self._postgres: EmbeddedServer | None = None
        self._services: list[Service] = []
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._stopping = threading.Event()

    @property
    def embedded(self) -> bool:
        """True if the database is one that this platform runs itself."""
        return self._postgres is not None

    @property
    def services(self) -> dict[str, Service]:
        """The services by name: api, content, worker."""
        return {service.name: service for service in self._services}

    def start(self) -> Facts:
        """Start everything and return when all of it is well. Leaves nothing running if it fails.

        Raises:
            ConfigurationError: something cannot work: a port, a directory, the database. Nothing has been started.
            ServiceDied: a service did not come up.
        """
        try:
            # The cheap checks first: nothing is written before it is known that it can work.
            self._choose_ports()
            if settings.DATABASE_URL:
                check_server(settings.DATABASE_URL)
            self.run_dir.claim()
            self.logs.mkdir(exist_ok=True, mode=0o700)
            self._start_database()
            self._prepare_database()
            self._start_services()
            self._wait_until_well()
            self.facts = self._publish_facts()
            return self.facts
        except BaseException:
            self.stop()
            raise

    def wait(self) -> Event:
        """Wait until a signal was reported with `interrupt` or a part of the platform has ended."""
        return self._events.get()

    def interrupt(self, number: int) -> None:
        """Report a signal to `wait`; may be called from a signal handler. The second one while stopping ends all at once."""
        if self._stopping.is_set():
            for service in self._services:
                service.kill()
        self._events.put(Event(signal=number))

    def stop(self) -> None:
        """Stop workers, API, content server and database, in this order, and wait for each."""
        self._stopping.set()
        for service in reversed(self._services):
            self._tell(f"stopping {service.name}")
            service.stop()
        self._services.clear()
        if self._postgres is not None:
            self._tell("stopping PostgreSQL")
            self._postgres.stop()
            self._postgres = None
            settings.set("default", DATABASE_URL="")
        self.run_dir.release()

    def _choose_ports(self) -> None:
        api, content = settings.API_BIND, settings.CONTENT_BIND
        if api == content and ports.parse("API_BIND", api)[1] != 0:
            raise ConfigurationError(f"API_BIND and CONTENT_BIND are the same: {api}")
        settings.set(settings.source("API_BIND"), API_BIND=ports.reserve("API_BIND", api))
        settings.set(settings.source("CONTENT_BIND"), CONTENT_BIND=ports.reserve("CONTENT_BIND", content))
        host, port = ports.parse("CONTENT_BIND", settings.CONTENT_BIND)
        if not settings.CONTENT_ORIGIN and host in ports.EVERYWHERE:
            # What links to content must name an address that leads here from elsewhere.
            settings.set("this host's name", CONTENT_ORIGIN=f"{content_scheme()}://{socket.getfqdn()}:{port}")

    def _start_database(self) -> None:
        if settings.DATABASE_URL:
            return
        self._tell("starting PostgreSQL")
        server = EmbeddedServer(
            settings.data_dir / "postgres", log=self.logs / "postgres.log", options=self._database_options)
        self._postgres = server
        server.start()
        settings.set("the embedded server", DATABASE_URL=server.url)
        threading.Thread(target=self._watch_database, args=(server,), name="watch postgres", daemon=True).start()

    def _watch_database(self, server: EmbeddedServer) -> None:
        code = server.wait()
        if not self._stopping.is_set():
            tail = "\n".join((self.logs / "postgres.log").read_text(errors="replace").splitlines()[-15:])
            self._events.put(Event(service="postgres", exit_code=code, log_tail=tail))

    def _prepare_database(self) -> None:
        keyring.create()
        configure(settings.DATABASE_URL)
        self._tell("bringing the database up to date")
        migrate()
        self.password = accounts.ensure_admin(settings.data_dir)
        database.close_all()

    def _start_services(self) -> None:
        settings.set(settings.source("DATA_DIR"), DATA_DIR=str(settings.data_dir))
        environment = os.environ | settings.environment()
        environment.pop("PULP_ADMIN_PASSWORD", None)
        # dramatiq keeps its metrics in files of a fixed name in /tmp, where another platform or user may have theirs.
        environment |= {f"dramatiq_prom_{what}": str(self.run_dir.path / f"metrics.{what}") for what in ("db", "lock")}
        for service in (
            Service("content", "content.service", self.logs / "content.log", STOP_MARGIN),
            Service("api", "api.service", self.logs / "api.log", 30 + STOP_MARGIN),
            Service("worker", "pulp_actor.queue.service", self.logs / "worker.log",
                    settings.WORKER_GRACE_PERIOD + STOP_MARGIN),
        ):
            self._tell(f"starting {service.name}")
            self._services.append(service)
            service.start(environment, self._on_end)

    def _on_end(self, service: Service, code: int) -> None:
        if not self._stopping.is_set():
            self._events.put(Event(service=service.name, exit_code=code, log_tail=service.log_tail()))

    def _wait_until_well(self) -> None:
        """Look at each service until all are well, or one has died, or a signal has come."""
        self._tell("waiting until all are well")
        deadline = time.monotonic() + START_TIMEOUT
        interval = HEALTH_INTERVAL / 8
        with requests.Session() as session:
            session.trust_env = False  # no proxy stands before what runs here
            while missing := what_is_missing(session):
                if time.monotonic() > deadline:
                    raise ServiceDied(f"not ready after {START_TIMEOUT:.0f} s: {missing}; the logs are in {self.logs}")
                try:
                    event = self._events.get(timeout=interval)
                except queue.Empty:
                    interval = min(interval * 2, HEALTH_INTERVAL)
                    continue
                raise death_of(event) if event.service else KeyboardInterrupt
        # A service may have died just after it answered.
        if not self._events.empty():
            event = self._events.get()
            raise death_of(event) if event.service else KeyboardInterrupt

    def _publish_facts(self) -> Facts:
        known = self.password
        facts = Facts(
            pid=os.getpid(), api=ports.url(settings.API_BIND), content=ports.url(settings.CONTENT_BIND, content_scheme()),
            database_url=settings.DATABASE_URL, username=accounts.ADMIN, password=known.text if known else "",
            settings={name: getattr(settings, name) for name in SHARED_SETTINGS},
        )
        self.run_dir.write(facts)
        return facts


def what_is_missing(session: requests.Session) -> str:
    """Why the platform is not well yet, in a few words; empty when it is."""
    try:
        answer = session.get(f"{ports.url(settings.API_BIND)}{api_prefix()}status/", timeout=5)
        if answer.status_code != 200:
            return f"the API answers {answer.status_code}"
        status: dict[str, Any] = answer.json()
        if not status["database_connection"]["connected"]:
            return "the API has no database"
    except (requests.RequestException, ValueError):
        return "the API does not answer"
    try:
        root = f"{ports.url(settings.CONTENT_BIND, content_scheme())}{settings.CONTENT_PATH_PREFIX}"
        with warnings.catch_warnings():
            # Its certificate is for the name that clients use, not for the loopback interface.
            warnings.simplefilter("ignore", InsecureRequestWarning)
            content = session.head(root, timeout=5, verify=False)
        if content.status_code != 200:
            return f"the content server answers {content.status_code}"
    except requests.RequestException:
        return "the content server does not answer"
    online = len(status["online_workers"] or ())
    return "" if online >= settings.WORKERS else f"{online} of {settings.WORKERS} workers are online"


def content_scheme() -> str:
    """``https`` if the content server speaks TLS itself."""
    return "https" if settings.CONTENT_TLS_CERTIFICATE else "http"


def death_of(event: Event) -> ServiceDied:
    """An error that says which part ended, how, and what it said last."""
    how = f"exit code {event.exit_code}"
    if event.exit_code < 0:
        how = f"killed by {signal.Signals(-event.exit_code).name}"
    tail = f":\n{event.log_tail}" if event.log_tail else ""
    return ServiceDied(f"{event.service} ended unexpectedly ({how}){tail}")
