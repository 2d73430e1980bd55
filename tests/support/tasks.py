"""A queue prepared by hand (tasks by short names, workers that claim what they are told to), and ``pulp-actor tasks`` run
on it in this process."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from click.testing import CliRunner, Result

from pulp_actor.cli.tasks import tasks
from pulp_actor.identifiers import uuid7
from pulp_actor.queue.engine import Claim, Engine, TaskSpec
from pulp_actor.queue.leases import Leases, Member


class Queue:
    """Tasks by short names. ``work`` claims the next message as a worker whose lease is held by this test."""

    def __init__(self) -> None:
        self.engine = Engine()
        self.ids: dict[str, UUID] = {}
        self.claims: dict[UUID, Claim] = {}
        self._leases = Leases()

    def add(self, name: str, exclusive: Sequence[str] = (), shared: Sequence[str] = (), **more: Any) -> UUID:
        """Dispatch a task under a short name."""
        key = self.ids[name] = uuid7()
        self.engine.dispatch([TaskSpec(
            key, more.pop("actor", f"test.{name}"), "default", "{}", exclusive=sorted(exclusive),
            shared=sorted(shared), **more)])
        return key

    def hire(self) -> UUID:
        """A worker comes online."""
        member = Member("worker", 4711 + len(self._leases._members))
        self._leases.add(member)
        return member.id

    def work(self, worker: UUID, name: str) -> Claim:
        """The worker claims messages until it gets that of ``name``, and runs it."""
        while True:
            claim = self.engine.claim("default", worker)
            assert claim is not None, f"{name} is not ready"
            self.claims[claim.task] = claim
            if claim.task == self.ids[name]:
                return claim

    def end(self, name: str, state: str = "completed", **more: Any) -> None:
        assert self.engine.finish(self.claims.pop(self.ids[name]), state, **more)

    def name(self, key: UUID | str) -> str:
        return next(name for name, known in self.ids.items() if known == UUID(str(key)))

    def close(self) -> None:
        self._leases.close()
        self.engine.close()


class Command:
    """``pulp-actor tasks …`` in this process."""

    def __call__(self, *arguments: str, code: int = 0) -> Result:
        result = CliRunner().invoke(tasks, arguments)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        return result

    def text(self, *arguments: str) -> str:
        return self(*arguments).stdout

    def json(self, *arguments: str) -> Any:
        return json.loads(self(*arguments, "--json").stdout)

    def error(self, *arguments: str) -> str:
        """The line that the command prints as it fails."""
        result = self(*arguments, code=1)
        assert result.stdout == ""
        (line,) = result.stderr.splitlines()
        return line
