"""What a test's worker service runs: ``python -m tests.support.workers.entry OPTIONS``, with OPTIONS as JSON.

``url`` and ``journal`` are needed; ``processes``, ``limits`` (of `Limits`), ``settings``,
``gates`` and ``clock`` may be given.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from pulp_actor.db import configure
from pulp_actor.logs import configure_logging
from pulp_actor.queue.executor import Limits
from pulp_actor.queue.supervisor import Supervisor
from pulp_actor.settings import settings
from tests.support.workers.actors import broker
from tests.support.workers.gates import Gates
from tests.support.workers.journal import open_journal


def set_clock(path: str) -> None:
    """Let this process and its children read a wall clock that is off by as many seconds as a file says."""
    real, offset = time.time, Path(path)
    time.time = lambda: real() + float(offset.read_text() or 0)


def main() -> None:
    options = json.loads(sys.argv[1])
    settings.load({})
    settings.set("test", **options.get("settings", {}))
    configure_logging("INFO", "console")
    if options.get("clock"):
        set_clock(options["clock"])
    configure(options["url"])
    open_journal(options["journal"])
    if options.get("gates"):
        broker.add_middleware(Gates(options["url"]))
    limits = Limits(**options.get("limits", {}))
    supervisor = Supervisor(options.get("processes", 1), limits, {"test": "1"}, broker=broker)
    sys.exit(supervisor.run())


if __name__ == "__main__":
    main()
