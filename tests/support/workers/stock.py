"""What the stock ``dramatiq`` command imports in tests: the lab's actors, bound to the database of the environment."""

from __future__ import annotations

import os

import dramatiq

from pulp_actor.db import configure
from tests.support.workers.actors import broker
from tests.support.workers.journal import open_journal

configure(os.environ["PULP_DATABASE_URL"])
open_journal(os.environ["LAB_JOURNAL"])
dramatiq.set_broker(broker)

__all__ = ["broker"]
