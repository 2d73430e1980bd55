"""How the worker service speaks with systemd: Type=notify, with a watchdog (sd_notify(3))."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import pytest

from pulp_actor.queue import notify
from tests.support.workers.lab import Lab


@pytest.mark.parametrize("abstract", [False, True])
def test_ready_watchdog_stopping(lab: Lab, tmp_path: Path, abstract: bool) -> None:
    address = f"@pulp-actor-test-{tmp_path.name}-{id(lab)}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(15)
        manager.bind("\0" + address[1:] if abstract else address)
        service = lab.workers(1, environment={"NOTIFY_SOCKET": address})
        heard = [manager.recv(100)]
        while heard.count(b"WATCHDOG=1") < 3 or b"READY=1" not in heard:
            heard.append(manager.recv(100))
        assert heard.count(b"READY=1") == 1
        service.signal(signal.SIGTERM)
        while manager.recv(100) != b"STOPPING=1":
            continue
        assert service.wait(15) == 0


def test_the_watchdog_is_fed_while_the_database_is_away(lab: Lab, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(15)
        manager.bind(str(tmp_path / "notify"))
        lab.workers(
            1, url="postgresql://nobody@127.0.0.1:1/nothing", ready=False,
            environment={"NOTIFY_SOCKET": str(tmp_path / "notify")})
        assert [manager.recv(100) for _ in range(3)] == [b"WATCHDOG=1"] * 3, "alive, and not ready"


def test_a_manager_that_is_gone_is_no_reason_to_fail(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    notify.ready()
