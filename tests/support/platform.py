"""A platform of real processes, started with the real command, and the real ``pulp`` command to drive it with."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import requests
from click.testing import Result

from pulp_actor.cli.client import Client, Object
from pulp_actor.cli.rundir import Facts, RunDir
from tests.support.in_process import failed, invoke, succeeded
from tests.support.origin import sha256

#: Seconds for any one command to end.
COMMAND_TIMEOUT = 100

#: The ``pulp`` command that is installed beside this interpreter.
PULP = str(Path(sys.executable).with_name("pulp"))


def command_environment(directory: Path, **settings: str) -> dict[str, str]:
    """An environment in which commands find nothing of this machine's user, and only these ``PULP_*`` settings."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PULP_")}
    return clean | {
        "HOME": str(directory), "XDG_CONFIG_HOME": str(directory / "config"), "XDG_CACHE_HOME": str(directory / "cache"),
        "NO_COLOR": "1", "COLUMNS": "120",
    } | {f"PULP_{name}": value for name, value in settings.items()}


def pulp_actor(
    directory: Path, *arguments: str, temporary: Path | None = None, **settings: str
) -> subprocess.CompletedProcess[str]:
    """Run the ``pulp-actor`` command, with its temporary files in ``temporary``, and return what came of it."""
    environment = command_environment(directory, **settings)
    if temporary is not None:
        environment["TMPDIR"] = str(temporary)
    return subprocess.run(
        [sys.executable, "-m", "pulp_actor.cli.main", *arguments], env=environment,
        capture_output=True, text=True, check=False, timeout=COMMAND_TIMEOUT, cwd=directory,
    )


class RunningPlatform:
    """A platform that runs in a data directory.

    Parameters:
        process: the ``pulp-actor up`` that keeps it.

    Attributes:
        shelf: a folder that it may export into and import from, where there is one.
    """

    shelf: Path

    def __init__(self, directory: Path, data_dir: Path, process: subprocess.Popen[str], facts: Facts) -> None:
        self.directory = directory
        self.data_dir = data_dir
        self.process = process
        self.facts = facts
        self.client = Client(facts.api, facts.username, facts.password)
        self.session = requests.Session()
        self.session.auth = (facts.username, facts.password)

    @property
    def api(self) -> str:
        """The root of the API: ``http://127.0.0.1:1234/pulp/api/v3/``."""
        return f"{self.facts.api}/pulp/api/v3/"

    def url(self, href: str) -> str:
        """The URL of an href, or of a path below the API's root."""
        return self.facts.api + href if href.startswith("/") else self.api + href

    def content_url(self, path: str) -> str:
        return f"{self.facts.content}/pulp/content/{path}"

    def served_digest(self, path: str) -> str:
        """Download a path below the content root, and return the SHA-256 of what came."""
        answer = requests.get(self.content_url(path), timeout=30)
        assert answer.status_code == 200, f"{answer.url}: {answer.status_code} {answer.text[:200]}"
        return sha256(answer.content)

    def log(self, service: str) -> str:
        return (self.data_dir / "logs" / f"{service}.log").read_text(errors="replace")

    def workers(self) -> list[psutil.Process]:
        """The worker processes, below their supervisor."""
        for child in psutil.Process(self.process.pid).children():
            if "pulp_actor.queue.service" in child.cmdline():
                return child.children()
        return []

    def worker_of(self, task: Object) -> psutil.Process:
        """The process that runs a task, by the id of its worker."""
        worker = self.client.get(task["worker"])
        pid = int(worker["name"].split("@")[0])
        return psutil.Process(pid)

    def run_pulp(self, *arguments: str, input: str | None = None, **environment: str) -> Result:
        """Call the ``pulp`` command in this process, and return what came of it."""
        return invoke(self.pulp_config(), *arguments, input=input,
                      environment=command_environment(self.directory) | environment)

    def pulp(self, *arguments: str, fails: bool = False) -> Any:
        """Call the ``pulp`` command and return the JSON it printed (None: nothing); with ``fails``, its error output."""
        return (failed if fails else succeeded)(arguments, self.run_pulp(*arguments))

    def pulp_process(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the ``pulp`` command as its users do, in a process of its own, and return what came of it."""
        return subprocess.run(
            [PULP, "--config", str(self.pulp_config()), *arguments], env=command_environment(self.directory),
            capture_output=True, text=True, check=False, timeout=COMMAND_TIMEOUT, cwd=self.directory,
        )

    def pulp_config(self) -> Path:
        path = self.directory / "pulp.toml"
        if not path.exists():
            done = subprocess.run(
                [PULP, "config", "create", "--location", str(path),
                 "--base-url", self.facts.api, "--username", self.facts.username, "--password", self.facts.password,
                 "--no-verify-ssl"],
                env=command_environment(self.directory), capture_output=True, text=True, check=False, timeout=60,
            )
            assert done.returncode == 0, done.stderr
        return path

    def stop(self) -> None:
        """Stop it as Ctrl-C would, and wait until all has gone."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise


@contextmanager
def running_platform(directory: Path, **settings: str) -> Iterator[RunningPlatform]:
    """Start a platform on free ports with its data below ``directory``; stop it at the end of the block."""
    data_dir = directory / "data"
    process = subprocess.Popen(
        [sys.executable, "-m", "pulp_actor.cli.main", "up", "--data-dir", str(data_dir),
         "--api-bind", "127.0.0.1:0", "--content-bind", "127.0.0.1:0"],
        env=command_environment(directory, **settings), cwd=directory,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1,
    )
    said = []
    assert process.stdout is not None
    try:
        for line in process.stdout:
            said.append(line)
            if line.startswith("ready"):
                break
        facts = RunDir(data_dir).read()
        assert facts is not None, f"the platform did not start:\n{''.join(said)}"
        platform = RunningPlatform(directory, data_dir, process, facts)
        yield platform
        platform.stop()
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(60)
        process.stdout.close()
