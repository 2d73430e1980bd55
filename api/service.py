"""``pulp-api``: the API under gunicorn, one thread a request, several processes on one port."""

from __future__ import annotations

import gc
import sys
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

from api.access.declared import write
from api.app import make_app
from api.auth import accounts
from api.routes import all_endpoints
from pulp_actor import domains, tracing
from pulp_actor.bootstrap import bootstrap
from pulp_actor.db import connected, database
from pulp_actor.db.listen import ListenHub
from pulp_actor.errors import ConfigurationError
from pulp_actor.metrics.shared import Slots, share, take_slot
from pulp_actor.queue import notify, presence
from pulp_actor.samples import Sampler
from pulp_actor.security import policies
from pulp_actor.settings import settings

#: Seconds a stopping process gives its requests.
GRACEFUL_TIMEOUT = 30

_slots = Slots()


class Service(BaseApplication):
    """gunicorn, configured from the settings and not from files."""

    def load_config(self) -> None:
        for name, value in {
            "bind": settings.API_BIND, "workers": settings.API_PROCESSES, "threads": settings.API_THREADS,
            "worker_class": "gthread", "graceful_timeout": GRACEFUL_TIMEOUT, "keepalive": 75, "timeout": 120,
            "preload_app": True, "when_ready": _freeze, "post_worker_init": _enter, "worker_exit": _leave,
            "pre_fork": _assign_slot, "post_fork": _take_slot, "child_exit": _release_slot,
            "proc_name": "pulp-api",
            "loglevel": settings.LOG_LEVEL.lower(), "logger_class": "api.service_logs.Logs",
            "control_socket_disable": True, "limit_request_line": 8190,  # lists of hrefs are long
        }.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        return make_app()

    def run(self) -> None:
        Watched(self).run()


class Watched(Arbiter):
    """gunicorn's master, which says READY to systemd itself, and gives it a sign of life in every round of its loop."""

    def murder_workers(self) -> None:
        notify.watchdog()
        super().murder_workers()

    def stop(self, graceful: bool = True) -> None:
        notify.stopping()
        super().stop(graceful)


def _freeze(_server: Any) -> None:
    """Everything is loaded: keep the garbage collector off it, so that processes go on sharing its memory."""
    gc.collect()
    gc.freeze()


def _assign_slot(_server: Any, worker: Any) -> None:
    worker.metrics_slot = _slots.assign()


def _take_slot(_server: Any, worker: Any) -> None:
    take_slot(worker.metrics_slot)


def _release_slot(_server: Any, worker: Any) -> None:
    _slots.release(worker.metrics_slot)


def _enter(worker: Any) -> None:
    """A worker process is ready: it shows that it is online, hears when users change, and takes samples."""
    tracing.start("pulp-api")
    worker.presence = presence.register("api")
    worker.hub = ListenHub(application_name="pulp-api listen")
    accounts.listen(worker.hub)
    policies.listen(worker.hub)
    domains.listen(worker.hub)
    worker.hub.start()
    worker.sampler = Sampler()
    worker.sampler.start()


def _leave(server: Any, worker: Any) -> None:
    for name in ("sampler", "presence", "hub"):
        here = getattr(worker, name, None)
        if here is not None:
            here.stop()
    tracing.stop()


def declare() -> None:
    """Write down what the endpoints declare about access. Leaves no connection open: the server forks."""
    with connected():
        write(all_endpoints())
    database.close_all()


def main() -> None:
    """Run the API until it is told to stop."""
    try:
        bootstrap()
        declare()
        share()
        Service().run()
    except ConfigurationError as error:
        print(f"pulp-api: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(1)


if __name__ == "__main__":
    main()
