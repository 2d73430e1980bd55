"""The platform's services one by one, as real processes on ports of their own: for tests that watch or disturb one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from pulp_actor.settings import settings
from tests.support.ports import free_port
from tests.support.workers.waiting import eventually

MODULES = {"api": "api.service", "content": "content.service", "worker": "pulp_actor.queue.service"}


class RunningService:
    """One service. ``url`` is where it listens, without a slash at the end."""

    def __init__(self, kind: str, log: Path, environment: dict[str, str], port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", MODULES[kind]], env=environment, stdout=output, stderr=output)

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def get(self, path: str) -> requests.Response:
        return requests.get(self.url + path, timeout=15)

    def answers(self, path: str, status: int) -> bool:
        """Whether a GET is answered with ``status``."""
        assert self.process.poll() is None, self.log
        try:
            return self.get(path).status_code == status
        except requests.ConnectionError:
            return False

    def await_answer(self, path: str, status: int, seconds: float = 30.0) -> None:
        eventually(lambda: self.answers(path, status), seconds, lambda: f"{path} was not {status}\n{self.log}")

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise


@contextmanager
def running_service(kind: str, directory: Path, **more: object) -> Iterator[RunningService]:
    """Start ``api``, ``content`` or ``worker`` with the settings in force and ``more``; stop it at the end of the block."""
    port = free_port()
    binding = {"api": "API_BIND", "content": "CONTENT_BIND", "worker": "WORKER_METRICS_BIND"}[kind]
    with settings.override(**{binding: f"127.0.0.1:{port}"}, **more):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PULP_")}
        environment |= settings.environment()
    service = RunningService(kind, directory / f"{kind}-{port}.log", environment, port)
    try:
        yield service
    finally:
        service.stop()
