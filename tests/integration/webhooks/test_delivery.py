"""From the event to the receiver: nothing is told that did not happen, and nothing that happened is forgotten."""

from __future__ import annotations

import hashlib
import hmac
import json
import multiprocessing
import os
import signal

import pytest

from pulp_actor.db import transaction
from pulp_actor.db.connection import connect_raw
from pulp_actor.identifiers import uuid7
from pulp_actor.models import Domain, Repository, Webhook, WebhookDelivery
from pulp_actor.plugins.file.publishing import publish
from pulp_actor.queue.models import Task
from pulp_actor.security.encryption import keyring
from pulp_actor.settings import settings
from pulp_actor.webhooks.deliverer import OFFICE, SWEEP, Deliverer
from tests.integration.file.conftest import connection, make_repository
from tests.integration.transfer.conftest import hold
from tests.support.receiver import running_receiver
from tests.support.workers.waiting import eventually

__all__ = ["connection", "make_repository"]

EVENTS = ["task.finished", "repository_version.created", "publication.created"]


@pytest.fixture
def receiver():
    with running_receiver() as receiver:
        yield receiver


@pytest.fixture
def hook(connection, receiver):
    return Webhook.create(name="hook", url=receiver.url, secret="s3cret", events=EVENTS)


def deliver():
    return Deliverer().round()


def task(state="completed", **columns):
    return Task.create(id=uuid7(), actor="some.actor", message="{}", state=state, **columns)


def test_a_version_and_a_publication_are_told(hook, receiver, make_repository):
    version = hold(make_repository(name="told"), {"a": b"a"})
    publication = publish(version.id)
    assert {row.event for row in WebhookDelivery.select()} == set(EVENTS[1:])
    deliver()
    (said,) = receiver.told("repository_version.created")
    assert said["pulp_href"].endswith(f"/repositories/file/file/{version.repository_id}/versions/1/")
    assert (said["number"], said["repository_name"], said["content_summary"]["present"]) == (1, "told", {"file.file": 1})
    (said,) = receiver.told("publication.created")
    assert said["prn"] == f"prn:file.filepublication:{publication.id}"
    assert {row.state for row in WebhookDelivery.select()} == {"delivered"}


@pytest.mark.parametrize("state", ["completed", "failed", "canceled"])
def test_the_end_of_a_task_is_told_once(state, hook, receiver):
    row = task("running", error={"description": "too bad"} if state == "failed" else None)
    assert WebhookDelivery.select().count() == 0
    Task.update(state=state).where(Task.id == row.id).execute()
    Task.update(result={"more": 1}).where(Task.id == row.id).execute()
    Task.update(state=state).where(Task.id == row.id).execute()
    task("completed")
    deliver()
    said = [one for one in receiver.told("task.finished") if one["prn"] == f"prn:core.task:{row.id}"]
    assert len(said) == 1 and said[0]["state"] == state and said[0]["name"] == "some.actor"
    assert said[0]["error"] == ("too bad" if state == "failed" else None)
    assert len(receiver.requests) == 2


def test_what_is_rolled_back_is_not_told(hook):
    def undone():
        with transaction():
            task()
            assert WebhookDelivery.select().count() == 1
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        undone()
    assert WebhookDelivery.select().count() == 0


def test_a_webhook_is_told_of_its_domain_and_its_events_only(hook):
    other = Domain.create(name="other")
    Webhook.update(events=["task.finished"]).execute()
    task(domain_id=other.id)
    Repository.create(type="file.file", name="x")
    assert WebhookDelivery.select().count() == 0
    Webhook.update(is_active=False).execute()
    task()
    assert WebhookDelivery.select().count() == 0


def test_the_signature(hook, receiver):
    task()
    deliver()
    ((headers, body),) = receiver.requests
    parts = dict(part.split("=", 1) for part in headers["X-Pulp-Signature"].split(","))
    wanted = hmac.new(b"s3cret", parts["t"].encode() + b"." + body, hashlib.sha256).hexdigest()
    assert parts["v1"] == wanted
    assert headers["X-Pulp-Event"] == "task.finished" and headers["X-Pulp-Delivery"] == json.loads(body)["id"]


def test_a_receiver_that_fails_is_asked_again_and_then_given_up(hook, receiver):
    with settings.override(WEBHOOK_MAX_ATTEMPTS=3, WEBHOOK_RETRY_DELAY=0.0):
        receiver.status = 500
        task()
        deliver()
        row = WebhookDelivery.get()
        assert (row.state, row.attempts, row.last_status, row.last_error) == (
            "dead", 3, 500, "answered 500 Internal Server Error")
        assert len({json.loads(body)["id"] for _, body in receiver.requests}) == 1
        assert len(receiver.requests) == 3
        receiver.status = 204
        WebhookDelivery.update(state="waiting", attempts=0).execute()
        deliver()
        assert WebhookDelivery.get().state == "delivered"


def test_what_failed_waits_longer_each_time_and_does_not_hold_up_others(hook, receiver):
    gone = Webhook.create(name="gone", url="http://127.0.0.1:1/", events=["task.finished"])
    task()
    task()
    assert 5 < deliver() < 15
    assert len(receiver.requests) == 2
    waiting = WebhookDelivery.select().where(WebhookDelivery.webhook == gone.id)
    assert sorted(row.attempts for row in waiting) == [0, 1] and {row.state for row in waiting} == {"waiting"}
    assert "Connect call failed" in next(row.last_error for row in waiting if row.last_error)


@pytest.mark.parametrize("status", [301, 302, 307])
def test_redirects_are_not_followed(status, hook, receiver):
    receiver.status = status
    task()
    deliver()
    assert len(receiver.requests) == 1 and WebhookDelivery.get().last_status == status


def test_addresses_that_the_policy_refuses(hook, receiver):
    with settings.override(REMOTE_ADDRESSES="public"):
        task()
        deliver()
    assert receiver.requests == []
    assert "not a public address" in WebhookDelivery.get().last_error


def test_a_secret_that_no_key_opens(hook, receiver):
    keyring.path.unlink()
    keyring.forget()
    keyring.create()
    task()
    deliver()
    assert receiver.requests == [] and "it cannot be made" in WebhookDelivery.get().last_error


def test_one_delivers_at_a_time(hook, receiver, database):
    task()
    holder = connect_raw(database.url)
    with holder.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", (OFFICE,))
    assert deliver() == SWEEP and receiver.requests == []
    holder.close()
    # The server gives the lock back in its own time.
    eventually(lambda: deliver() and receiver.requests, 30, "the office to be free")
    assert len(receiver.requests) == 1


def _deliver_in_child(url, data_dir):
    from pulp_actor.db import configure

    settings.set("test", DATABASE_URL=url, DATA_DIR=data_dir)
    configure(url)
    deliver()


def test_a_deliverer_that_is_killed_before_it_could_note_the_answer(hook, receiver, database, data_dir):
    """The receiver is told again, under the same id, so that it can tell."""
    task()
    holder = connect_raw(database.url)
    holder.autocommit = False
    with holder.cursor() as cursor:
        cursor.execute("SELECT FROM webhook_delivery FOR UPDATE")
    child = multiprocessing.get_context("spawn").Process(target=_deliver_in_child, args=(database.url, str(data_dir)))
    child.start()
    eventually(lambda: receiver.requests, 30, "the receiver to be told")
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    # What it may have sent to the server already is undone with it.
    database.execute_sql(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
        "WHERE datname = current_database() AND wait_event_type = 'Lock'")
    holder.close()
    row = WebhookDelivery.get()
    assert (row.state, row.attempts, row.last_error) == ("waiting", 0, None)
    eventually(lambda: deliver() and len(receiver.requests) == 2, 30, "it to be told again")
    first, second = (json.loads(body) for _, body in receiver.requests)
    assert first == second and WebhookDelivery.get().state == "delivered"
