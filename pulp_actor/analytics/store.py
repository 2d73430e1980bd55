"""Where a receiver keeps the reports of installations: one SQLite file. Of an installation's reports of a day the last
counts."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from pulp_actor.errors import ConfigurationError, PulpActorError

SCHEMA = """
CREATE TABLE IF NOT EXISTS report (
    system TEXT NOT NULL, day TEXT NOT NULL, received TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (system, day))
"""
#: Days without a report after which an installation is not counted any more.
ACTIVE_DAYS = 30


class BadReport(PulpActorError):
    """This is no report; the text says why."""


@dataclass(frozen=True)
class Summary:
    """The installations that reported within `ACTIVE_DAYS`.

    Attributes:
        installations: how many there are.
        reports: how many reports there have ever been.
        components: name to version to number of installations.
        postgresql: major version to number of installations.
        workers, content_apps: processes of an installation to number of installations, in classes.
        days: installations that reported on each of the last days, oldest first.
    """

    installations: int
    reports: int
    components: Mapping[str, Mapping[str, int]]
    postgresql: Mapping[str, int]
    workers: Mapping[str, int]
    content_apps: Mapping[str, int]
    days: Mapping[str, int]


class Reports:
    """Parameters: the file; made if need be. Safe to use from several threads.

    Raises:
        ConfigurationError: the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        try:
            self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute(SCHEMA)
        except sqlite3.Error as error:
            raise ConfigurationError(f"{path} cannot be used: {error}") from None

    def add(self, report: Any, now: datetime | None = None) -> None:
        """Keep a report. Raises BadReport."""
        checked = check(report)
        now = now or datetime.now(UTC)
        with self._lock:
            self._database.execute(
                "INSERT OR REPLACE INTO report VALUES (?, ?, ?, ?)",
                (checked["systemId"], now.date().isoformat(), now.isoformat(timespec="seconds"), json.dumps(checked)))

    def summary(self, today: date | None = None) -> Summary:
        """What the reports say, together."""
        today = today or datetime.now(UTC).date()
        first = (today - timedelta(days=ACTIVE_DAYS - 1)).isoformat()
        with self._lock:
            latest = [json.loads(body) for (body,) in self._database.execute(
                "SELECT body FROM report AS r WHERE day >= ? AND day = "
                "(SELECT max(day) FROM report WHERE system = r.system)", (first,))]
            counts = dict(self._database.execute(
                "SELECT day, count(*) FROM report WHERE day >= ? GROUP BY day", (first,)).fetchall())
            (total,) = self._database.execute("SELECT count(*) FROM report").fetchone()
        days = [(today - timedelta(days=back)).isoformat() for back in reversed(range(ACTIVE_DAYS))]
        return Summary(
            installations=len(latest), reports=total, components=_components(latest),
            postgresql=_counted(str(report["postgresqlVersion"] // 10000) for report in latest),
            workers=_counted(_class(report["onlineWorkers"]["processes"]) for report in latest),
            content_apps=_counted(_class(report["onlineContentApps"]["processes"]) for report in latest),
            days={day: counts.get(day, 0) for day in days},
        )

    def close(self) -> None:
        self._database.close()


def check(report: Any) -> dict[str, Any]:
    """The known parts of a report. Raises BadReport if one is missing or is something else."""
    try:
        return {
            "systemId": str(UUID(report["systemId"])),
            "onlineContentApps": _counts(report["onlineContentApps"]),
            "onlineWorkers": _counts(report["onlineWorkers"]),
            "components": [{"name": _text(part["name"]), "version": _text(part["version"])}
                           for part in report["components"][:100]],
            "postgresqlVersion": _number(report["postgresqlVersion"]),
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadReport(f"this is not a report: {type(error).__name__}: {error}") from None


def _counts(part: Any) -> dict[str, int]:
    return {"processes": _number(part["processes"]), "hosts": _number(part["hosts"])}


def _number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 10**9:
        raise ValueError(f"{value!r} is not a count")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= 100:
        raise ValueError("a name or version is not a short text")
    return value


def _class(number: int) -> str:
    """The class that a number of processes falls into."""
    for bound, name in ((0, "0"), (1, "1"), (2, "2"), (5, "3–5"), (10, "6–10"), (50, "11–50")):
        if number <= bound:
            return name
    return "more than 50"


def _counted(values: Any) -> dict[str, int]:
    return dict(Counter(values).most_common())


def _components(reports: list[dict[str, Any]]) -> dict[str, dict[str, int]]:
    found: dict[str, Counter[str]] = {}
    for report in reports:
        for part in report["components"]:
            found.setdefault(part["name"], Counter())[part["version"]] += 1
    return {name: dict(versions.most_common()) for name, versions in sorted(found.items())}
