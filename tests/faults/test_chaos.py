"""Everything at once: sixteen clients dispatch tasks with random locks while processes are killed and stopped,
connections are cut, tasks are cancelled and the server is restarted; then the books are checked.

``make faults PYTEST="--chaos 10000 -k chaos"`` runs it at full scale; ``--seed`` throws other dice.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import pytest

from pulp_actor.db.embedded import EmbeddedServer
from tests.faults import invariants
from tests.support.workers.lab import ROOT, Lab, Service
from tests.support.workers.waiting import eventually, stopwatch

CLIENTS = 16
CLIENT = "tests.support.workers.client"
KINDS = ("pulp-actor queue", "pulp-actor listen", "pulp-actor lease", "pulp-actor housekeeper")
SETTINGS = {"WORKER_TTL": 20, "TASK_CANCEL_GRACE": 2}


class Monkey:
    """Injects one fault at a time. It counts what it did."""

    def __init__(self, lab: Lab, server: EmbeddedServer, dice: random.Random) -> None:
        self._lab, self._server, self._dice = lab, server, dice
        self.services = [self._start() for _ in range(2)]
        self.done: Counter[str] = Counter()
        self._faults: list[tuple[int, Callable[[], None]]] = [
            (6, self.kill_worker), (3, self.kill_service), (3, self.pause), (6, self.cut_connections),
            (10, self.cancel_some), (1, self.restart_server), (1, self.crash_server), (2, self.stop_politely),
        ]

    def act(self) -> None:
        weights = [weight for weight, _ in self._faults]
        fault = self._dice.choices([one for _, one in self._faults], weights)[0]
        fault()
        self.done[fault.__name__] += 1

    def kill_worker(self) -> None:
        children = self._dice.choice(self.services).children
        if children:
            with suppress(ProcessLookupError):
                os.kill(self._dice.choice(children), signal.SIGKILL)

    def kill_service(self) -> None:
        self._replace(lambda service: service.signal(signal.SIGKILL))

    def stop_politely(self) -> None:
        self._replace(lambda service: service.signal(signal.SIGTERM))

    def pause(self) -> None:
        service = self._dice.choice(self.services)
        victims = self._dice.choice([[service.pid], service.children, [service.pid, *service.children]])
        for number in (signal.SIGSTOP, signal.SIGCONT):
            for pid in victims:
                with suppress(ProcessLookupError):
                    os.kill(pid, number)
            if number == signal.SIGSTOP:
                self._wait(self._dice.uniform(0.2, 2))

    def cut_connections(self) -> None:
        self._lab.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
            "AND application_name LIKE %s", (self._dice.choice(KINDS) + "%",))

    def cancel_some(self) -> None:
        for (task,) in self._lab.sql(
            "SELECT id FROM task WHERE state IN ('waiting', 'running') ORDER BY random() LIMIT 3"
        ):
            self._lab.sql("SELECT task_cancel(%s, true)", (task,))

    def restart_server(self) -> None:
        self._server.stop()
        self._server.start()

    def crash_server(self) -> None:
        self._server.stop(immediate=True)
        self._server.start()

    def _start(self) -> Service:
        return self._lab.workers(2, settings=SETTINGS, ready=False, grace=1)

    def _replace(self, end: Callable[[Service], None]) -> None:
        number = self._dice.randrange(len(self.services))
        old = self.services[number]
        end(old)
        old.wait(30)
        self.services[number] = self._start()

    def _wait(self, seconds: float) -> None:
        elapsed = stopwatch()
        eventually(lambda: elapsed() >= seconds, seconds + 5)


def clients(lab: Lab, directory: Path, total: int, seed: int) -> list[tuple[subprocess.Popen[bytes], Path]]:
    """Start the clients. Returns each with the file that it writes keys to."""
    started = []
    for number in range(CLIENTS):
        out = directory / f"client-{number}"
        options = {"url": lab.url, "seed": f"{seed}-{number}", "count": total // CLIENTS, "out": str(out)}
        started.append((subprocess.Popen([sys.executable, "-m", CLIENT, json.dumps(options)], cwd=ROOT), out))
    return started


@pytest.mark.timeout(3000)
def test_chaos(
    island: Lab, server: EmbeddedServer, tmp_path: Path, request: pytest.FixtureRequest,
    figure: Callable[[str, float], None],
) -> None:
    total, seed = request.config.getoption("--chaos"), request.config.getoption("--seed")
    dice = random.Random(seed)
    monkey = Monkey(island, server, dice)
    elapsed = stopwatch()
    started = clients(island, tmp_path, total, seed)
    try:
        while any(client.poll() is None for client, _ in started) or island.unfinished() > total // 20:
            assert elapsed() < 2500
            monkey.act()
            monkey._wait(dice.uniform(0.2, 1.5))
        assert [client.returncode for client, _ in started] == [0] * CLIENTS
    finally:
        for client, _ in started:
            client.kill()
    sent = [UUID(line) for _, out in started for line in out.read_text().split()]
    storm = elapsed()
    island.await_quiet(120)
    report = invariants.check(island, sent)
    figure("chaos: seconds of it", storm)
    figure("chaos: seconds to quiet afterwards", elapsed() - storm)
    figure("chaos: tasks", report.tasks)
    for name, count in (monkey.done + report.states).items():
        figure(f"chaos: {name}", count)
    assert len(sent) >= total - CLIENTS
