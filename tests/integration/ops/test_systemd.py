"""The systemd units: valid, hardened, and true of what the services do: they say when they are ready and that they live."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pulp_actor.settings import settings
from tests.support.services import MODULES, free_port
from tests.support.workers.waiting import eventually

UNITS = Path(__file__).parents[3] / "deploy" / "systemd"
SERVICES = ["pulp-api.service", "pulp-content.service", "pulp-worker@.service", "pulp-migrate.service"]
#: The most that systemd may find exposed of a service, out of 10.
EXPOSURE = 1.5
_PR_SET_MDWE, _REFUSE_EXEC_GAIN = 65, 1


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The units in a directory of their own, with the programs where this test has them."""
    if shutil.which("systemd-analyze") is None:
        if os.environ.get("CI"):
            raise RuntimeError("systemd is not installed; see tests/system-packages.txt")
        pytest.skip("systemd is not installed")
    folder = tmp_path_factory.mktemp("units")
    (folder / "bin").symlink_to(Path(sys.executable).parent)  # a checkout's path may have spaces, which a unit would quote
    for unit in UNITS.glob("pulp*"):
        text = unit.read_text()
        assert "/opt/pulp-actor/bin/" in text or unit.suffix == ".target"
        (folder / unit.name.replace("@.", "@1.")).write_text(
            text.replace("/opt/pulp-actor/bin/", f"{folder / 'bin'}/"))
    return folder


@pytest.mark.parametrize("unit", [*SERVICES, "pulp.target"])
def test_a_unit_is_valid(installed: Path, unit: str) -> None:
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", installed / unit.replace("@.", "@1.")],
        capture_output=True, text=True, check=False, env=os.environ | {"SYSTEMD_UNIT_PATH": f"{installed}:"})
    said = [line for line in done.stderr.splitlines() if "pulp" in line]
    assert done.returncode == 0 and said == []


@pytest.mark.parametrize("unit", SERVICES)
def test_a_service_may_do_little(installed: Path, unit: str) -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", installed / unit.replace("@.", "@1.")],
        capture_output=True, text=True, check=True)
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert found and float(found[1]) <= EXPOSURE, done.stdout


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """What systemd listens on."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(30)
        manager.bind(str(tmp_path / "notify"))
        yield manager


def start(kind: str, directory: Path, port: int, **more: object) -> subprocess.Popen[bytes]:
    """A service as its unit runs it: told where systemd listens, and refused memory that can be written and executed."""
    binding = {"api": "API_BIND", "content": "CONTENT_BIND", "worker": "WORKER_METRICS_BIND"}[kind]
    with settings.override(**{binding: f"127.0.0.1:{port}"}, **more):
        environment = os.environ | settings.environment() | {"NOTIFY_SOCKET": str(directory / "notify")}
    with (directory / f"{kind}.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", MODULES[kind]], env=environment, stdout=log, stderr=log,
            preexec_fn=lambda: ctypes.CDLL(None).prctl(_PR_SET_MDWE, _REFUSE_EXEC_GAIN, 0, 0, 0))


@pytest.mark.parametrize(("kind", "more"), [
    ("api", {"API_PROCESSES": 2}), ("content", {"CONTENT_PROCESSES": 1}), ("content", {"CONTENT_PROCESSES": 2}),
    ("worker", {"WORKERS": 1}),
])
def test_a_service_says_that_it_is_ready_that_it_lives_and_that_it_stops(
    database: object, manager: socket.socket, tmp_path: Path, kind: str, more: dict[str, int]
) -> None:
    port = free_port()
    process = start(kind, tmp_path, port, **more)
    try:
        heard = [manager.recv(200)]
        while sum(b"WATCHDOG=1" in said for said in heard) < 2 or not any(b"READY=1" in said for said in heard):
            heard.append(manager.recv(200))
        assert sum(b"READY=1" in said for said in heard) == 1
        eventually(lambda: _listens(port), 20)
        process.send_signal(signal.SIGTERM)
        while b"STOPPING=1" not in manager.recv(200):
            continue
        assert process.wait(60) == 0, (tmp_path / f"{kind}.log").read_text()
    finally:
        process.kill()
        process.wait()


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
