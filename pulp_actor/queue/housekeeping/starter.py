"""The starter: puts delayed tasks (and retries) in line when they are due."""

from __future__ import annotations

from pulp_actor.queue.engine import SQL, Engine


class Starter:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def tick(self) -> float | None:
        for (task,) in self._engine.execute(SQL.due):
            self._engine.execute(SQL.start_due, (task,))
        return self._engine.execute(SQL.next_due)[0][0]
