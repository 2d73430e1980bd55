"""A client of the chaos test: ``python -m tests.support.workers.client OPTIONS``. It dispatches tasks with random locks
until so many dispatches have been answered, and writes the key of each to a file.

A dispatch that is not answered (the database went away) may have happened or not; the client sends another.
"""

from __future__ import annotations

import json
import random
import sys
import time
from pathlib import Path
from typing import Any

import psycopg2

from pulp_actor.db import configure, transaction
from pulp_actor.settings import settings
from tests.support.workers.actors import broker

#: (weight, actor, arguments).
MIX: list[tuple[float, str, list[Any]]] = [
    (50, "noop", []), (20, "nap", [0.01]), (15, "safe_nap", [0.02]), (4, "async_nap", [0.01]), (4, "sql_loop", [0.02]),
    (3, "fail", ["on purpose"]), (2, "fail_first", [1]), (1, "slow_sql", [0.05]), (0.3, "leave", [3]),
    (0.2, "fork_and_return", []), (0.1, "stubborn", [0.5]), (0.1, "deep_sleep", [0.3]),
]
#: How many resources there are to lock.
RESOURCES = 24


def locks(dice: random.Random) -> tuple[list[str], list[str]]:
    """(exclusive, shared): mostly one or two of the resources, sometimes none, sometimes many."""
    count = dice.choice([0, 1, 1, 1, 2, 2, 3, 6])
    names = [f"r{number}" for number in dice.sample(range(RESOURCES), count)]
    cut = dice.randint(0, count)
    return names[:cut], names[cut:]


def send(dice: random.Random) -> str:
    """Dispatch one random task; its key."""
    _, actor, arguments = dice.choices(MIX, weights=[weight for weight, *_ in MIX])[0]
    exclusive, shared = locks(dice)
    return broker.get_actor(actor).send_with_options(
        args=tuple(arguments), exclusive=exclusive, shared=shared, priority=dice.choice([0, 0, 0, 1, -1]),
        delay=dice.choice([None] * 30 + [500])).message_id


def send_some(dice: random.Random) -> list[str]:
    """One dispatch, or several in one transaction."""
    if dice.random() < 0.9:
        return [send(dice)]
    with transaction():
        return [send(dice) for _ in range(dice.randint(2, 6))]


def main() -> None:
    options = json.loads(sys.argv[1])
    settings.load({})
    configure(options["url"])
    dice = random.Random(options["seed"])
    sent = 0
    with Path(options["out"]).open("w") as out:
        while sent < options["count"]:
            try:
                keys = send_some(dice)
            except Exception as error:
                if not _database_away(error):
                    raise
                time.sleep(0.2)
                continue
            sent += len(keys)
            out.write("".join(f"{key}\n" for key in keys))
            out.flush()


def _database_away(error: BaseException | None) -> bool:
    """Whether an error is the database's, though peewee or a context manager has wrapped it."""
    while error is not None:
        if isinstance(error, psycopg2.Error):
            return True
        error = error.__cause__ or error.__context__
    return False


if __name__ == "__main__":
    main()
