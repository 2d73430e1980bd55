"""The API under load: detail reads beside a bare handler under the same gunicorn; lists, searches and a change by the time
they take an idle server. All take turns, round by round; the figures are medians of the rounds.

    python -m tests.bench.api_bench [--rounds 3] [--units 100000]
"""

from __future__ import annotations

import base64
import http.client
import itertools
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import click

from tests.bench.harness import Row, interleave, median, new_server, report
from tests.support.ports import free_port

CONNECTIONS = 4
SECONDS = 2.0
AUTH = {"Authorization": "Basic " + base64.b64encode(b"admin:secret").decode()}


@contextmanager
def service(module: str, url: str, data_dir: str, path: str) -> Iterator[int]:
    """A service on a free port of loopback; yields the port once ``path`` answers."""
    port = free_port()
    environment = os.environ | {
        "PULP_DATABASE_URL": url, "PULP_DATA_DIR": data_dir, "PULP_API_BIND": f"127.0.0.1:{port}",
        "PULP_LOG_LEVEL": "WARNING",
    }
    process = subprocess.Popen([sys.executable, "-m", module], env=environment)
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and process.poll() is None:
            try:
                get(port, path)
                break
            except OSError:
                time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(30)


def get(port: int, path: str, connection: http.client.HTTPConnection | None = None) -> bytes:
    """One GET; raises OSError unless it is answered with 200."""
    return ask(connection or http.client.HTTPConnection("127.0.0.1", port, timeout=30), "GET", path, 200)


def ask(connection: http.client.HTTPConnection, method: str, path: str, status: int, body: Any = None) -> bytes:
    """One request; raises OSError unless it is answered with ``status``."""
    content = None if body is None else json.dumps(body)
    connection.request(method, path, content, AUTH | {"Content-Type": "application/json"})
    response = connection.getresponse()
    answer = response.read()
    if response.status != status:
        raise OSError(f"{path}: {response.status} {answer[:200]!r}")
    return answer


def rate(port: int, path: str) -> float:
    """Requests per second over some keep-alive connections."""
    counts = [0] * CONNECTIONS
    stop = threading.Event()

    def loop(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        while not stop.is_set():
            get(port, path, connection)
            counts[number] += 1

    threads = [threading.Thread(target=loop, args=(number,)) for number in range(CONNECTIONS)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    stop.wait(SECONDS)
    stop.set()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.monotonic() - began)


def milliseconds(port: int, path: str, number: int = 15) -> float:
    """Median time of one request on an idle server, the client's share included."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    times = []
    for _ in range(number):
        began = time.monotonic()
        get(port, path, connection)
        times.append((time.monotonic() - began) * 1000)
    return median(times)


_values = itertools.count(1)


def change(port: int, path: str, number: int = 15) -> float:
    """Median milliseconds from a PATCH to the end of its task, as a client sees it: the task is read until it has ended."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    times = []
    for _ in range(number):
        began = time.monotonic()
        task = json.loads(ask(connection, "PATCH", path, 202, {"pulp_labels": {"turn": str(next(_values))}}))["task"]
        while json.loads(ask(connection, "GET", task, 200))["state"] != "completed":
            pass
        times.append((time.monotonic() - began) * 1000)
    return median(times)


def fill(units: int) -> dict[str, Any]:
    """An admin, 100 repositories, 100 tasks, and one repository with ``units`` files. Returns what to ask for."""
    from pulp_actor.db import database, transaction
    from pulp_actor.identifiers import registry, version_href
    from pulp_actor.models import Repository, User
    from pulp_actor.models.mutations import create
    from pulp_actor.security.passwords import hash_password

    with transaction():
        User.create(username="admin", password=hash_password("secret"), is_superuser=True)
        resource = registry.by_path("repositories/file/file")
        repositories = [create(resource, {"name": f"repository-{number}"}) for number in range(100)]
        repository: Repository = repositories[0]  # type: ignore[assignment]
        distribution = create(
            registry.by_path("distributions/file/file"), {"name": "bench", "base_path": "bench"})
        database.execute_sql(
            "INSERT INTO content (id, type) SELECT gen_random_uuid(), 'file.file' FROM generate_series(1, %s)", (units,))
        database.execute_sql(
            "INSERT INTO file_content (content_id, domain_id, relative_path, digest) SELECT id, domain_id,"
            " 'folder/file-' || row_number() OVER (), encode(sha256(id::text::bytea), 'hex') FROM content")
        database.execute_sql(
            "INSERT INTO content_artifact (id, content_id, relative_path)"
            " SELECT gen_random_uuid(), content_id, relative_path FROM file_content")
        database.execute_sql(
            "INSERT INTO repository_version (id, repository_id, number, complete, content_summary) VALUES"
            " (gen_random_uuid(), %s, 1, true, jsonb_build_object('present', jsonb_build_object('file.file', %s::int)))",
            (repository.id, units))
        database.execute_sql(
            "INSERT INTO repository_content (repository_id, content_id, version_added) SELECT %s, id, 1 FROM content",
            (repository.id,))
        database.execute_sql(
            "INSERT INTO task (id, actor, message, state, finished_at, started_at) SELECT gen_random_uuid(),"
            " 'pulpcore.app.tasks.orphan.orphan_cleanup', '{}', 'completed', now(), now() FROM generate_series(1, 1000)")
        (digest,) = database.execute_sql("SELECT digest FROM file_content OFFSET %s LIMIT 1", (units // 2,)).fetchone()
    with transaction():
        database.execute_sql("ANALYZE")
    return {
        "repository": repository.id, "version": version_href("file.file", repository.id, 1), "digest": digest,
        "path": f"folder/file-{units // 2}", "distribution": distribution.get_id(),
    }


def measure(port: int, bare: int, facts: dict[str, Any], rounds: int, units: int) -> list[Row]:
    root = "/pulp/api/v3"
    detail, files = f"{root}/repositories/file/file/{facts['repository']}/", f"{root}/content/file/files/"
    distribution = f"{root}/distributions/file/file/{facts['distribution']}/"
    goals: dict[str, tuple[Callable[[], float], float | None]] = {
        "list of 100 tasks": (lambda: milliseconds(port, f"{root}/tasks/?limit=100"), 15),
        "list of 100 repositories": (lambda: milliseconds(port, f"{root}/repositories/file/file/?limit=100"), 15),
        f"{units:,} units by name": (lambda: milliseconds(port, f"{files}?relative_path={facts['path']}"), 20),
        f"{units:,} units by digest": (lambda: milliseconds(port, f"{files}?sha256={facts['digest']}"), 20),
        f"{units:,} units by repository version, first page": (
            lambda: milliseconds(port, f"{files}?repository_version={facts['version']}&limit=10"), 20),
        "change of a distribution, its task ended and read": (lambda: change(port, distribution), None),
    }
    values = interleave({
        "bare": lambda: rate(bare, f"/bare/{facts['repository']}/"), "api": lambda: rate(port, detail),
        "bare, one at a time": lambda: milliseconds(bare, f"/bare/{facts['repository']}/"),
        **{name: run for name, (run, _) in goals.items()},
    }, rounds)
    own, yard, alone = (median(values[name]) for name in ("api", "bare", "bare, one at a time"))
    rows = [Row("detail reads", own, "/s", "bare Falcon + peewee", yard, "≥ 60 % of it", own >= 0.6 * yard, values["api"])]
    for name, (_, goal) in goals.items():
        took = median(values[name])
        said, reached = ("", None) if goal is None else (f"≤ {goal:g} ms", took <= goal)
        rows.append(Row(name, took, "ms", "one bare read", alone, said, reached, values[name]))
    return rows


@click.command()
@click.option("--rounds", default=3)
@click.option("--units", default=100_000)
def main(rounds: int, units: int) -> None:
    from pulp_actor.bootstrap import bootstrap
    from pulp_actor.db.migrate import migrate
    from pulp_actor.security.encryption import keyring
    from pulp_actor.settings import settings

    with ExitStack() as stack:
        url = stack.enter_context(new_server())
        data_dir = stack.enter_context(tempfile.TemporaryDirectory())
        settings.set("benchmark", DATABASE_URL=url, DATA_DIR=data_dir, LOG_LEVEL="WARNING")
        keyring.create()
        bootstrap(check_schema=False)
        migrate()
        facts = fill(units)
        start: Callable[..., int] = lambda *words: stack.enter_context(service(words[0], url, data_dir, words[1]))  # noqa: E731
        port = start("api.service", "/pulp/api/v3/livez/")
        bare = start("tests.bench.bare_api", f"/bare/{facts['repository']}/")
        report("API", measure(port, bare, facts, rounds, units), "api")


if __name__ == "__main__":
    main()
