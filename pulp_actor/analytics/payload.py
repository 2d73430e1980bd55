"""What an installation tells of itself: how large it is and which versions it runs. Never a name, an address or a path."""

from __future__ import annotations

from typing import Any

import requests

from pulp_actor import __version__
from pulp_actor.db import connected, load_queries
from pulp_actor.errors import PulpActorError
from pulp_actor.plugins import load_plugins

SQL = load_queries("pulp_actor.analytics", "payload.sql")

#: Seconds that the receiver has for its answer.
TIMEOUT = 30


class NotReceived(PulpActorError):
    """The receiver did not take a report; the text says why."""


def payload() -> dict[str, Any]:
    """The report as it would be sent now."""
    with connected() as database:
        (system,) = database.execute_sql(SQL.system).fetchone()
        online = {kind: {"processes": processes, "hosts": hosts}
                  for kind, processes, hosts in database.execute_sql(SQL.online).fetchall()}
        version = database.connection().server_version
    nobody = {"processes": 0, "hosts": 0}
    return {
        "systemId": str(system),
        "onlineContentApps": online.get("content", nobody),
        "onlineWorkers": online.get("worker", nobody),
        "components": [{"name": "actor", "version": __version__},
                       *({"name": plugin.name, "version": plugin.version} for plugin in load_plugins())],
        "postgresqlVersion": version,
    }


def send(url: str, report: dict[str, Any]) -> None:
    """Post a report.

    Raises:
        NotReceived: there is no good answer.
    """
    try:
        answer = requests.post(url, json=report, timeout=TIMEOUT, allow_redirects=False)
    except requests.RequestException as error:
        raise NotReceived(f"{url} cannot be reached: {error}") from None
    if not answer.ok or answer.is_redirect:
        raise NotReceived(f"{url} answered {answer.status_code}")
