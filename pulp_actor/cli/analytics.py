"""``pulp-actor analytics`` and ``analytics-server``: what this installation tells of itself, and what receives such
reports."""

from __future__ import annotations

import json
import signal
import sys
import threading
from pathlib import Path

import click

from pulp_actor.analytics.payload import payload, send
from pulp_actor.analytics.server import make_server
from pulp_actor.analytics.store import Reports
from pulp_actor.cli import ports
from pulp_actor.cli.admin import database_options, reachable_database
from pulp_actor.db import migrate as migrations
from pulp_actor.errors import ConfigurationError
from pulp_actor.logs import configure_logging
from pulp_actor.settings import settings


@click.group()
def analytics() -> None:
    """What this installation tells of itself once a day: never a name, an address or a path."""


@analytics.command("show")
@database_options
def show(data_dir: str | None, database_url: str | None) -> None:
    """Print exactly what would be sent now, and say on standard error whether and where to."""
    with reachable_database(data_dir, database_url):
        migrations.check()
        print(json.dumps(payload(), indent=2))
    print(destination(), file=sys.stderr)


@analytics.command("send")
@database_options
def send_now(data_dir: str | None, database_url: str | None) -> None:
    """Send it now instead of at the end of the day."""
    if not (settings.ANALYTICS and settings.ANALYTICS_URL):
        raise ConfigurationError(destination())
    with reachable_database(data_dir, database_url):
        migrations.check()
        send(settings.ANALYTICS_URL, payload())
    print(f"sent to {settings.ANALYTICS_URL}")


def destination() -> str:
    """Where reports go, in a sentence."""
    if not settings.ANALYTICS:
        return "nothing is sent: the setting ANALYTICS is off"
    if not settings.ANALYTICS_URL:
        return "nothing is sent: the setting ANALYTICS_URL is empty"
    return f"sent once a day to {settings.ANALYTICS_URL}"


@click.command("analytics-server")
@click.option("--bind", default="127.0.0.1:24819", show_default=True, metavar="HOST:PORT", help="Where to listen.")
@click.option("--store", type=click.Path(dir_okay=False, path_type=Path), default=Path("analytics.sqlite3"),
              show_default=True, help="The file that reports are kept in.")
def analytics_server(bind: str, store: Path) -> None:
    """Receive the reports of installations, and show a summary of them at /."""
    configure_logging(settings.LOG_LEVEL, settings.LOG_FORMAT)
    host, port = ports.parse("--bind", bind)
    reports = Reports(store)
    server = make_server(host, port, reports)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"receiving at http://{host}:{server.server_port}/", flush=True)
    server.serve_forever()
    server.server_close()
    reports.close()
