"""The content server beside a bare aiohttp handler and nginx, one process each, over loopback.

    python -m tests.bench.content_bench [--nginx PATH] [--rounds N] [--seconds S]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path

import psutil

from pulp_actor.db import configure, connected, database
from pulp_actor.db.migrate import migrate
from pulp_actor.security.encryption import keyring
from pulp_actor.settings import settings
from tests.bench.harness import Row, interleave, median, new_server, report
from tests.bench.http_load import load
from tests.support.content import Origin, Repo, artifact, distribute, fill, gated, remote
from tests.support.nginx import nginx as running_nginx
from tests.support.nginx import program as nginx_program
from tests.support.ports import free_port

SMALL, BIG = b"x" * 1024, os.urandom(20 * 1024 * 1024)

def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nginx", default=nginx_program(), help="nginx's binary; without it its rows are left out")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="length of each measurement")
    parser.add_argument("--units", type=int, default=1_000_000, help="units of the large version; 0: leave it out")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        settings.set(
            "bench", DATABASE_URL=stack.enter_context(new_server()), DATA_DIR=str(folder / "data"), CONTENT_ACCESS_LOG=False,
            CONTENT_BIND=f"127.0.0.1:{free_port()}",
        )
        configure(settings.DATABASE_URL)
        keyring.create()
        migrate()
        with connected():
            repo = Repo()
            repo.add({"small": SMALL, "big": BIG})
            distribute("repo", repository=repo.row)
        files = folder / "files"
        files.mkdir()
        (files / "small").write_bytes(SMALL)
        (files / "big").write_bytes(BIG)
        urls = start(stack, files, options.nginx)
        rows = throughput(urls, options.rounds, options.seconds)
        rows.append(first_byte(urls["ours"], options.rounds * 4))
        rows.append(slow_downloads(urls["ours"], int(urls["pid"])))
        if options.units:
            rows.append(uncached(urls["ours"], options.units, options.rounds))
            rows += listings(urls["ours"], options.rounds)
    report("content server", rows, "content")


def start(stack: ExitStack, files: Path, nginx: str | None) -> dict[str, str]:
    """Start the contenders; returns their URLs, and our process's id as ``pid``."""
    environment = {**os.environ, **settings.environment()}
    ours = stack.enter_context(process([sys.executable, "-m", "content.service"], settings.CONTENT_BIND, environment))
    urls = {"ours": f"http://{settings.CONTENT_BIND}/pulp/content/repo/", "pid": str(ours.pid)}
    port = free_port()
    command = [sys.executable, "-m", "tests.bench.bare_content", str(port), str(files)]
    stack.enter_context(process(command, f"127.0.0.1:{port}"))
    urls["bare"] = f"http://127.0.0.1:{port}/"
    if nginx:
        port = stack.enter_context(running_nginx(files.parent, f"root {files};", binary=nginx))
        urls["nginx"] = f"http://127.0.0.1:{port}/"
    for name in urls.keys() - {"pid"}:
        assert load_once(f"{urls[name]}big") == len(BIG), f"{name} does not serve the file"
    return urls


@contextmanager
def process(command: list[str], bind: str, environment: dict[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A process that listens at ``bind`` when the block begins and is stopped at its end."""
    host, _, port = bind.partition(":")
    started = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            try:
                socket.create_connection((host, int(port)), 1).close()
                break
            except OSError:
                if started.poll() is not None:
                    raise RuntimeError(f"{command} ended with {started.returncode}") from None
                time.sleep(0.1)
        yield started
    finally:
        started.terminate()
        started.wait(20)


def throughput(urls: dict[str, str], rounds: int, seconds: float) -> list[Row]:
    """Requests per second of small files and 404s, bytes per second of large files."""
    contenders = [name for name in ("ours", "bare", "nginx") if name in urls]

    def measure(path: str, connections: int, figure: str) -> dict[str, list[float]]:
        return interleave({
            f"{name} {path}": lambda url=urls[name] + path: getattr(load(url, connections, seconds), figure)  # type: ignore[misc]
            for name in contenders
        }, rounds)

    small, none, big = measure("small", 16, "rate"), measure("none", 16, "rate"), measure("big", 4, "throughput")
    rows = [
        _row("1 KiB file, 16 connections", small, "small", "bare", 0.8, "requests/s"),
        _row("404, 16 connections", none, "none", "bare", 0.7, "requests/s"),
    ]
    if "nginx" in urls:
        rows += [
            _row("1 KiB file, 16 connections", small, "small", "nginx", 0.25, "requests/s"),
            _row("20 MiB file, 4 connections", big, "big", "nginx", 0.9, "bytes/s"),
        ]
    else:
        rows.append(_row("20 MiB file, 4 connections", big, "big", "bare", 0.9, "bytes/s"))
    return rows


def _row(name: str, values: dict[str, list[float]], path: str, yardstick: str, share: float, unit: str) -> Row:
    mine, other = median(values[f"ours {path}"]), median(values[f"{yardstick} {path}"])
    return Row(name, mine, unit, yardstick, other, f"{share:.0%}", mine >= share * other, values[f"ours {path}"])


def first_byte(url: str, files: int) -> Row:
    """Milliseconds by which the first byte of a file comes later on demand than from the upstream itself."""
    data = os.urandom(500_000)

    async def measure() -> tuple[float, float]:
        async with Origin().serve() as origin:
            for number in range(2 * files):
                # The rest only comes when we let it, so that the first byte cannot have waited for the whole.
                origin.behaviour[f"f{number}"] = gated(data, asyncio.Event(), 200_000)
            with connected():
                upstream, repo = remote(origin.url), Repo()
                for number in range(files):
                    repo.add_remote(f"f{number}", data, upstream)
                distribute("lazy", repository=repo.row)
            mirrored, direct = [], []
            base = url.replace("/repo/", "/lazy/")
            for number in range(files):
                direct.append(await _time_to_first_byte(f"{origin.url}f{files + number}"))
                mirrored.append(await _time_to_first_byte(f"{base}f{number}"))
            return statistics.median(mirrored), statistics.median(direct)

    mirrored, direct = asyncio.run(measure())
    return Row(
        "first byte on demand", mirrored * 1000, "ms", "direct", direct * 1000, "+ 15 ms", mirrored - direct <= 0.015,
    )


async def _time_to_first_byte(url: str) -> float:
    host, _, path = url.removeprefix("http://").partition("/")
    name, _, port = host.partition(":")
    start = time.perf_counter()
    reader, writer = await asyncio.open_connection(name, int(port))
    writer.write(f"GET /{path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(1)
    taken = time.perf_counter() - start
    writer.close()
    return taken


def slow_downloads(url: str, pid: int) -> Row:
    """MiB by which 1,000 open downloads of slow clients make the server grow."""
    server = psutil.Process(pid)
    idle = server.memory_info().rss
    host, _, path = url.removeprefix("http://").partition("/")
    name, _, port = host.partition(":")
    with ExitStack() as stack:
        for _ in range(1000):
            client = stack.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect((name, int(port)))
            client.sendall(f"GET /{path}big HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            client.recv(1)
        grown = (server.memory_info().rss - idle) / 2**20
        start = time.perf_counter()
        load(f"{url}small", 1, 0.5)
        others = time.perf_counter() - start
    assert others < 2, "slow clients starve the others"
    return Row("memory of 1,000 slow downloads", grown, "MiB", "", None, "+ 100 MiB", grown <= 100)


def uncached(url: str, units: int, rounds: int) -> Row:
    """Milliseconds for a path that has not been asked for, in a version of many units and in one of 1,000."""
    with connected():
        stored = artifact(SMALL)
        for name, count in (("few", 1000), ("many", units)):
            repo = Repo()
            repo.add()
            fill(repo, count, stored)
            distribute(name, repository=repo.row)
        database.execute_sql("ANALYZE")
    numbers = iter(range(1, 1000))

    def measure(names: tuple[str, ...]) -> dict[str, float]:
        times: dict[str, list[float]] = {name: [] for name in names}
        for number in islice(numbers, 900 // rounds):
            for name in names:
                start = time.perf_counter()
                found = load_once(url.replace("/repo/", f"/{name}/") + f"d{number % 1000}/f{number}")
                times[name].append(time.perf_counter() - start)
                assert found == len(SMALL)
        return {name: median(values) * 1000 for name, values in times.items()}

    found = [measure(("few", "many")) for _ in range(rounds)]
    few, many = (median([each[name] for each in found]) for name in ("few", "many"))
    return Row(
        f"uncached path, {units:,} units", many, "ms", "1,000 units", few, "within 1.5 times", many <= 1.5 * few,
        [each["many"] for each in found])


def listings(url: str, rounds: int) -> list[Row]:
    """Milliseconds for the first page of a directory of 100,000 entries, and for a page in its middle."""
    with connected():
        repo = Repo()
        repo.add()
        fill(repo, 100_000, artifact(SMALL), flat=True)
        distribute("flat", repository=repo.row)
        database.execute_sql("ANALYZE")
    rows = []
    for name, query in (("first page", ""), ("a page in the middle", "?after=f5")):
        times = []
        for _ in range(rounds * 2):
            start = time.perf_counter()
            assert load_once(f"{url.replace('/repo/', '/flat/')}{query}") > 10_000
            times.append((time.perf_counter() - start) * 1000)
        rows.append(Row(f"directory of 100,000 entries, {name}", median(times), "ms", rounds=times))
    return rows


def load_once(url: str) -> int:
    """The size of the answer to one request."""
    host, _, path = url.removeprefix("http://").partition("/")
    name, _, port = host.partition(":")
    with socket.create_connection((name, int(port))) as connection:
        connection.sendall(f"GET /{path} HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
        answer = b""
        while chunk := connection.recv(1 << 16):
            answer += chunk
    return len(answer.partition(b"\r\n\r\n")[2])


if __name__ == "__main__":
    main()
