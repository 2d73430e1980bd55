"""``pulp-actor demo``: from nothing to the main job's result, every byte checked, nothing left behind.

The platform, its database and the origin that is mirrored live in a temporary directory and on free ports, so that the
demo disturbs nothing and needs nothing but itself.
"""

from __future__ import annotations

import hashlib
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import FrameType
from typing import Any

import click
import requests
from rich.console import Console

from pulp_actor.cli.client import Client
from pulp_actor.cli.mirror import MANIFEST, run_mirror
from pulp_actor.errors import PulpActorError
from pulp_actor.settings import settings

#: Bytes of the smallest and the largest file of the demo's origin.
SIZES = (1_000, 400_000)


class WrongBytes(PulpActorError):
    """What was served is not what was mirrored."""


class Steps:
    """Prints each step with its time as it is done."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._start = time.monotonic()

    @contextmanager
    def step(self, text: str) -> Iterator[list[str]]:
        """Time a step. What is appended to the list it yields is printed behind the step's text."""
        begin = time.monotonic()
        details: list[str] = []
        with self._console.status(text):
            yield details
        tail = f"  [dim]{', '.join(details)}[/]" if details else ""
        self._console.print(f"[green]✓[/] {time.monotonic() - begin:6.2f} s  {text}{tail}", soft_wrap=True)

    @property
    def total(self) -> float:
        """Seconds since the first step began."""
        return time.monotonic() - self._start


@click.command()
@click.option("--files", type=click.IntRange(1, 100_000), default=100, show_default=True, help="Files of the origin.")
def demo(files: int) -> None:
    """Mirror a small repository from nothing and check every byte of it; leave nothing behind."""
    console = Console(highlight=False)
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGHUP, _leave)
    with tempfile.TemporaryDirectory(prefix="pulp-actor-demo-") as folder:
        # dramatiq makes a folder for its metrics as soon as it is imported: here, it goes with the rest.
        os.environ.update(dramatiq_prom_db=str(Path(folder) / "metrics"))
        steps = Steps(console)
        with steps.step(f"an origin with {files} files") as details:
            digests = make_origin(Path(folder) / "origin", files)
            details.append(f"{sum(size for _, size in digests.values()) / 1e6:.1f} MB, random")
        with served(Path(folder) / "origin") as origin:
            _run(steps, Path(folder) / "data", origin, {path: digest for path, (digest, _) in digests.items()})
    console.print(f"[bold green]All {files} files came through unchanged[/] in {steps.total:.1f} s. Nothing is left behind.")
    console.print("Next: `make up`, then `.venv/bin/pulp-actor mirror URL --at PATH`.")


def make_origin(folder: Path, files: int) -> dict[str, tuple[str, int]]:
    """Fill a folder with files and their manifest. Returns (SHA-256, size in bytes) by relative path."""
    made = {}
    for number in range(files):
        data = random.randbytes(int(random.triangular(*SIZES, SIZES[0])))
        path = f"release-{number % 5}/file-{number:05}.bin"
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        made[path] = (hashlib.sha256(data).hexdigest(), len(data))
    lines = [f"{path},{digest},{size}\n" for path, (digest, size) in made.items()]
    (folder / MANIFEST).write_text("".join(lines))
    return made


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on a free port of the loopback interface; yields its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_QuietHandler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, name="origin", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()


class _QuietHandler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody wants to read them."""


def _run(steps: Steps, data_dir: Path, origin: str, digests: dict[str, str]) -> None:
    from pulp_actor.cli.platform import Platform

    settings.set("demo", DATA_DIR=str(data_dir), DATABASE_URL="", API_BIND="127.0.0.1:0", CONTENT_BIND="127.0.0.1:0")
    # The data goes with the directory: it need not survive a power cut.
    platform = Platform(database_options={"fsync": "off"})
    try:
        with steps.step("PostgreSQL, API, content server and workers are up") as details:
            facts = platform.start()
            details += [f"API {facts.api}", f"content {facts.content}", f"{settings.WORKERS} workers"]
        client = Client(facts.api, facts.username, facts.password)
        with steps.step("mirrored: remote, repository, sync, publication, distribution") as details:
            result = run_mirror(client, origin, "demo", "immediate", lambda _: None)
            details += [f"version {result.version}", f"{result.files} files"]
        with steps.step("every file downloaded, every digest compared"):
            check_served(result.url, digests)
        with steps.step("mirrored again") as details:
            again = run_mirror(client, origin, "demo", "immediate", lambda _: None)
            details.append("a new version was made" if again.changed else "nothing had changed, no new version")
        with steps.step("everything stopped"):
            platform.stop()
    finally:
        platform.stop()


def check_served(url: str, digests: dict[str, str]) -> None:
    """Download each file below ``url``. Raises WrongBytes if one is not what its SHA-256 says."""
    with requests.Session() as session:
        session.trust_env = False
        for path, expected in digests.items():
            answer = session.get(url + path, timeout=60)
            if answer.status_code != 200:
                raise WrongBytes(f"{url}{path}: {answer.status_code} {answer.reason}")
            if hashlib.sha256(answer.content).hexdigest() != expected:
                raise WrongBytes(f"{url}{path}: the bytes differ from the origin's")


def _leave(number: int, _frame: FrameType | None) -> None:
    """Turn a signal into an exception, so that everything is cleaned up on the way out."""
    sys.exit(128 + number)
