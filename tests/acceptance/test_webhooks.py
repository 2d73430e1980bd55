"""A webhook is told of what a real platform does, and can be told again."""

from __future__ import annotations

import pytest
import requests

from tests.support.receiver import running_receiver
from tests.support.workers.waiting import eventually


@pytest.fixture
def receiver():
    with running_receiver() as receiver:
        yield receiver


def test_what_a_platform_does_is_told(platform, receiver):
    client = platform.client
    hook = client.create("webhooks/", {
        "name": "told", "url": receiver.url, "secret": "s3cret", "events": ["task.finished", "repository_version.created"]})
    assert hook["hidden_fields"] == [{"name": "secret", "is_set": True}] and "secret" not in hook
    repository = client.create("repositories/file/file/", {"name": "told-of"})
    answer = platform.session.post(
        platform.url("content/file/files/"), data={"relative_path": "a", "repository": repository["pulp_href"]},
        files={"file": b"told"}, timeout=30)
    task = client.wait(answer.json()["task"])
    version = client.get(repository["pulp_href"])["latest_version_href"]

    def told():
        done = [one for one in receiver.told("task.finished") if one["pulp_href"] == task["pulp_href"]]
        made = [one for one in receiver.told("repository_version.created") if one["pulp_href"] == version]
        return done and made

    eventually(told, 30, "the webhook to be told")
    client.update(hook["pulp_href"], {"is_active": False})
    deliveries = f"{hook['pulp_href']}deliveries/"
    eventually(lambda: client.find(deliveries, state="waiting") is None, 30, "everything to be delivered")
    delivered = client.find(deliveries, event="repository_version.created")
    before = len(receiver.requests)
    client.request("POST", f"{delivered['pulp_href']}redeliver/")
    eventually(lambda: len(receiver.requests) > before, 30, "it to be told again")
    client.request("DELETE", hook["pulp_href"])


@pytest.mark.parametrize("change", [
    {"url": "ftp://x"}, {"url": "x"}, {"url": "http://me:pw@x/"}, {"events": []}, {"events": ["task.started"]}, {"name": ""},
])
def test_webhooks_that_are_refused(change, platform):
    body = {"name": "bad", "url": "http://x/", "events": ["task.finished"]} | change
    answer = platform.session.post(platform.url("webhooks/"), json=body, timeout=30)
    assert answer.status_code == 400 and list(answer.json()) == list(change)


def test_webhooks_need_credentials(platform):
    assert requests.get(platform.url("webhooks/"), timeout=30).status_code == 401
