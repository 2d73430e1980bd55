"""An upgrade without downtime: the previous release's services on the schema of this one, beside this one's API."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from pulp_actor.cli.client import Client
from pulp_actor.db import connected
from pulp_actor.models import User
from pulp_actor.security.passwords import hash_password
from pulp_actor.settings import settings
from tests.support.origin import Origin, make_files, sha256
from tests.support.services import MODULES, free_port, running_service
from tests.support.workers.waiting import eventually

ROOT = Path(__file__).parents[3]
#: The commit whose code counts as the previous release.
PREVIOUS = "fa42e0b"


@pytest.fixture(scope="module")
def previous(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The previous release's source tree."""
    done = subprocess.run(
        ["git", "-C", str(ROOT), "archive", PREVIOUS, "pulp_actor", "actors", "api", "content"], capture_output=True,
        check=False)
    assert done.returncode == 0, f"the history must reach back to {PREVIOUS}: {done.stderr.decode()}"
    folder = tmp_path_factory.mktemp("previous")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


@contextmanager
def previous_service(kind: str, tree: Path, directory: Path, **more: str) -> Iterator[None]:
    """A service of the previous release. It is told only settings that it knows."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PULP_")} | {
        "PYTHONPATH": str(tree), "PULP_DATABASE_URL": settings.DATABASE_URL, "PULP_DATA_DIR": settings.DATA_DIR,
        **{f"PULP_{name}": value for name, value in more.items()}}
    log = directory / f"previous-{kind}.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", MODULES[kind]], cwd=tree, env=environment, stdout=output, stderr=output)
    try:
        yield
        assert process.poll() is None, log.read_text()
    finally:
        process.terminate()
        process.wait(60)


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=10).status_code == 200
    except requests.ConnectionError:
        return False


def mirror(client: Client, name: str, url: str) -> None:
    remote = client.create("remotes/file/file/", {"name": name, "url": url, "username": "u", "password": "secret"})
    repository = client.create("repositories/file/file/", {"name": name, "remote": remote["pulp_href"]})
    client.run(f"{repository['pulp_href']}sync/", {})
    client.run("publications/file/file/", {"repository": repository["pulp_href"]})
    client.create("distributions/file/file/", {"name": name, "base_path": name, "repository": repository["pulp_href"]})


def test_the_previous_release_works_on_the_new_schema(
    previous: Path, database: Any, tmp_path: Path, origin: Origin
) -> None:
    with connected():
        User.create(username="admin", password=hash_password("secret"), is_superuser=True, is_staff=True)
    old_api, old_content = free_port(), free_port()
    made = make_files(10, "upgrade")
    with (
        previous_service("worker", previous, tmp_path, WORKERS="1"),
        previous_service("api", previous, tmp_path, API_BIND=f"127.0.0.1:{old_api}"),
        previous_service("content", previous, tmp_path, CONTENT_BIND=f"127.0.0.1:{old_content}"),
        running_service("api", tmp_path) as new_api, running_service("content", tmp_path) as new_content,
    ):
        for url in (f"http://127.0.0.1:{old_api}", new_api.url):
            eventually(lambda url=url: answers(f"{url}/pulp/api/v3/status/"), 100, url)
        for url in (f"http://127.0.0.1:{old_content}", new_content.url):
            eventually(lambda url=url: answers(f"{url}/pulp/content/"), 100, url)
        for name, api in (("by-old", f"http://127.0.0.1:{old_api}"), ("by-new", new_api.url)):
            client = Client(api, "admin", "secret")
            mirror(client, name, origin.publish(name, made))
            for content in (f"http://127.0.0.1:{old_content}", new_content.url):
                for path, data in made.items():
                    got = requests.get(f"{content}/pulp/content/{name}/{path}", timeout=20)
                    assert sha256(got.content) == sha256(data), (api, content, path)
            client.close()
