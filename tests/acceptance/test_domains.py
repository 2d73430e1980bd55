"""Two teams on one installation: with the ``pulp`` command, the generated clients and real processes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import psycopg2
import pytest
import requests

from pulp_actor.cli.client import TaskFailed
from tests.support import s3
from tests.support.clients import Clients, calls, kept_promises
from tests.support.origin import make_files, sha256
from tests.support.platform import RunningPlatform, running_platform
from tests.support.workers.waiting import eventually

pytestmark = pytest.mark.slow

LOCAL, S3 = "pulpcore.app.models.storage.FileSystem", "storages.backends.s3boto3.S3Boto3Storage"
TEAM = "/pulp/team/api/v3/"


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPlatform]:
    """A platform with domains, and one beside the default one: ``team``."""
    with running_platform(tmp_path_factory.mktemp("domains"), DOMAIN_ENABLED="true") as platform:
        place = platform.directory / "team's files"
        made = platform.pulp("domain", "create", "--name", "team", "--storage-class", LOCAL,
                             "--storage-settings", json.dumps({"location": str(place)}))
        assert made["name"] == "team" and made["storage_settings"]["location"] == str(place)
        yield platform


@pytest.fixture
def clients(request: pytest.FixtureRequest, platform: RunningPlatform) -> Iterator[Clients]:
    yield from kept_promises(request, platform)


def mirror(platform: RunningPlatform, name: str, url: str, *options: str) -> dict[str, Any]:
    """Mirror and serve a directory of files in the domain ``team``, with the ``pulp`` command; returns the distribution."""
    def pulp(*arguments: str) -> Any:
        return platform.pulp("--domain", "team", "file", *arguments)

    pulp("remote", "create", "--name", name, "--url", url, *options)
    pulp("repository", "create", "--name", name, "--remote", name)
    pulp("repository", "sync", "--repository", name)
    publication = pulp("publication", "create", "--repository", name)
    return pulp("distribution", "create", "--name", name, "--base-path", name, "--publication", publication["pulp_href"])


def check_downloads(platform: RunningPlatform, name: str, files: dict[str, bytes]) -> None:
    for path, data in files.items():
        assert platform.served_digest(f"team/{name}/{path}") == sha256(data)


def test_a_team_mirrors_and_serves_in_its_domain_and_nobody_else_sees_it(platform, origin):
    files = make_files(5, "team")
    distribution = mirror(platform, "ours", origin.publish("team", files))
    assert distribution["pulp_href"].startswith(f"{TEAM}distributions/file/file/")
    assert distribution["base_url"] == platform.content_url("team/ours/")
    check_downloads(platform, "ours", files)
    for kind in ("repository", "remote", "publication", "distribution"):
        assert "ours" not in json.dumps(platform.pulp("file", kind, "list"))
    assert requests.get(platform.content_url("default/ours/"), timeout=30).status_code == 404
    assert requests.get(platform.content_url("ours/"), timeout=30).status_code == 404
    assert {task["pulp_href"].startswith(TEAM) for task in platform.pulp("--domain", "team", "task", "list")} == {True}
    assert any((platform.directory / "team's files").rglob("*/artifact/*/*"))
    refused = platform.pulp("domain", "destroy", "--name", "team", fails=True)
    assert "not empty" in refused


def test_files_on_demand_are_kept_in_the_domains_own_store(platform, origin):
    files = make_files(3, "lazy")
    before = len(platform.client.get(f"{TEAM}artifacts/")["results"])
    mirror(platform, "lazy", origin.publish("lazy", files), "--policy", "on_demand")
    check_downloads(platform, "lazy", files)

    def kept() -> set[str]:
        return {one["sha256"] for one in platform.client.get(f"{TEAM}artifacts/")["results"]}

    # What a client has got to the end is saved a moment later.
    eventually(lambda: {sha256(data) for data in files.values()} <= kept(), 20)
    assert len(kept()) >= before + len(files)


@calls(*[f"DomainsApi.{name}" for name in (
    "create", "read", "list", "partial_update", "update", "set_label", "unset_label", "delete")])
def test_a_domain_is_made_changed_and_deleted_by_the_generated_client(clients, tmp_path):
    api = clients.DomainsApi
    body = {"name": "of-clients", "storage_class": LOCAL, "storage_settings": {"location": str(tmp_path)}}
    made = clients.made(api, api.create(body))
    assert [one.pulp_href for one in api.list(name="of-clients").results] == [made.pulp_href]
    clients.settled(api.partial_update(made.pulp_href, {"description": "changed"}))
    assert api.read(made.pulp_href).description == "changed"
    clients.settled(api.update(made.pulp_href, {**body, "description": "changed again"}))
    assert api.read(made.pulp_href).description == "changed again"
    api.set_label(made.pulp_href, {"key": "team", "value": "a"})
    assert [one.name for one in api.list(pulp_label_select="team=a").results] == ["of-clients"]
    api.unset_label(made.pulp_href, {"key": "team"})
    assert api.list(pulp_label_select="team=a").count == 0
    clients.settled(api.delete(made.pulp_href))
    assert api.list(name="of-clients").count == 0


def test_the_generated_clients_follow_hrefs_of_a_domain(clients, platform):
    repositories = clients.RepositoriesFileApi
    made = platform.client.create(f"{TEAM}repositories/file/file/", {"name": "generated"})
    assert repositories.read(made["pulp_href"]).name == "generated"
    clients.settled(repositories.partial_update(made["pulp_href"], {"description": "changed"}))
    assert repositories.read(made["pulp_href"]).description == "changed"
    # Its own paths name no domain: they lead into the default one, where it makes and lists as ever.
    own = repositories.create({"name": "generated"})
    assert own.pulp_href.startswith("/pulp/default/api/v3/")
    assert [one.pulp_href for one in repositories.list(name="generated").results] == [own.pulp_href]


def test_a_domain_moves_to_s3_while_it_is_served(platform, origin, tmp_path):
    if s3.available() is None:
        assert not os.environ.get("CI"), "CI has the S3 server"
        pytest.skip("the S3 server is not installed")
    files = make_files(8, "moving")
    mirror(platform, "moving", origin.publish("moving", files))
    with s3.s3_server(tmp_path / "s3") as storage:
        given = {name: value for name, value in storage.items() if name != "class"}
        done = platform.client.run(f"{TEAM}domains/migrate/", {"storage_class": S3, "storage_settings": given})
        assert done["result"]["files"] >= len(files)
        check_downloads(platform, "moving", files)
        more = make_files(4, "more")
        mirror(platform, "more", origin.publish("more", more))
        check_downloads(platform, "more", more)
        shown = platform.pulp("domain", "show", "--name", "team")
        assert shown["storage_class"].endswith("S3Boto3Storage")
        assert s3.SECRET not in json.dumps(shown)
        # Back again, so that the other tests find the store that they expect.
        platform.client.run(f"{TEAM}domains/migrate/", {
            "storage_class": LOCAL, "storage_settings": {"location": str(platform.directory / "team's files")}})
    check_downloads(platform, "more", more)


#: Planted wherever a secret is taken; nothing may say it again.
MARK = "PLANTED"


def test_no_secret_shows_anywhere(platform, origin):
    """Secrets go in by every way there is, and into requests and tasks that fail; then everything is searched for them."""
    said: list[str] = []
    platform.session.hooks["response"] = [lambda answer, *_, **__: said.append(f"{answer.headers} {answer.text}")]

    def send(method: str, path: str, body: Any) -> dict[str, Any]:
        answer = platform.session.request(method, platform.url(path), json=body, timeout=30)
        if answer.status_code != 202:
            return answer.json()
        task = answer.json()["task"]
        with suppress(TaskFailed):
            platform.client.wait(task)
        return platform.session.get(platform.url(task), timeout=30).json()

    secrets = {
        name: f"{MARK} {name}" for name in ("username", "password", "proxy_username", "proxy_password", "client_key")}
    remotes, repositories = f"{TEAM}remotes/file/file/", f"{TEAM}repositories/file/file/"
    repository = send("POST", repositories, {"name": "secrets"})
    for number, broken in enumerate((
        {"url": f"{origin.url}/nothing/PULP_MANIFEST"},
        {"url": "http://127.0.0.1:9/PULP_MANIFEST", "proxy_url": "http://127.0.0.1:9"},
        {"url": f"{origin.url}/x", "client_cert": "no certificate", "ca_cert": "nor this"},
    )):
        remote = send("POST", remotes, {"name": f"secret-{number}", **secrets, **broken, "max_retries": 0})
        failed = send("POST", f"{repository['pulp_href']}sync/", {"remote": remote["pulp_href"]})
        assert failed["state"] == "failed"
        send("PATCH", remote["pulp_href"], {"password": f"{MARK} another", "rate_limit": 7})
    send("POST", remotes, {"name": "refused", "url": 5, **secrets})
    store = {
        "bucket_name": "b", "endpoint_url": "http://127.0.0.1:9", "access_key": f"{MARK}key", "secret_key": f"{MARK}secret",
    }
    send("POST", "domains/", {"name": "cloud", "storage_class": S3, "storage_settings": store})
    send("POST", "domains/", {"name": "refused", "storage_class": S3, "storage_settings": store | {"wrong": f"{MARK}x"}})
    impatient = {"retry_config": {"max_retries": 0}}
    moved = send("POST", f"{TEAM}domains/migrate/", {"storage_class": S3, "storage_settings": store | impatient})
    assert moved["state"] == "failed"
    send("POST", "users/", {"username": "marked", "password": f"{MARK} password of a user"})
    requests.get(platform.url("tasks/"), auth=("marked", f"{MARK} wrong password"), timeout=30)
    for path in (remotes, "domains/", f"{TEAM}tasks/", "tasks/", "users/"):
        platform.session.get(platform.url(path), timeout=30)

    logs = {path.name: path.read_text(errors="replace") for path in (platform.data_dir / "logs").iterdir()}
    found = [f"{name}: {line}" for name, text in logs.items() for line in text.splitlines() if MARK in line]
    found += [text[:300] for text in said if MARK in text]
    found += [table for table, text in _every_row(platform) if MARK in text]
    assert found == []


def _every_row(platform: RunningPlatform) -> Iterator[tuple[str, str]]:
    """Every row of every table, as text."""
    conn = psycopg2.connect(platform.facts.database_url)
    try:
        cursor = conn.cursor()
        cursor.execute("SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('public', 'dramatiq')")
        for schema, table in cursor.fetchall():
            cursor.execute(f'SELECT one::text FROM "{schema}"."{table}" AS one')
            for (text,) in cursor.fetchall():
                yield f"{schema}.{table}", text
                for part in text.split('"'):
                    if part.startswith("\\\\x"):  # bytes are written in hexadecimal
                        yield f"{schema}.{table}", bytes.fromhex(part[3:]).decode(errors="replace")
    finally:
        conn.close()
