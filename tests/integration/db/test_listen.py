"""The LISTEN hub hears, and assumes the worst after its connection was lost."""

import queue

import pytest

from pulp_actor.db.connection import connect_raw
from pulp_actor.db.listen import ListenHub
from pulp_actor.db.remembered import Remembered


@pytest.fixture
def hub(database):
    hub = ListenHub(application_name="hub under test")
    hub.start()
    yield hub
    hub.stop()


def notify(channel, payload):
    conn = connect_raw()
    with conn.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", (channel, payload))
    conn.close()


def heard_until(heard, wanted):
    while (payload := heard.get(timeout=10)) != wanted:
        assert payload is None


def test_a_late_subscriber_is_heard(hub):
    assert hub.connected.wait(10)
    heard = queue.Queue()
    hub.subscribe("a-channel", heard.put)
    # Until LISTEN has reached the server a notification may pass unheard; say it until it is not.
    for _ in range(50):
        notify("a-channel", "hello")
        try:
            assert heard.get(timeout=0.2) == "hello"
            return
        except queue.Empty:
            continue
    pytest.fail("nothing was heard")


def test_a_lost_connection_is_reported_and_replaced(database):
    heard = queue.Queue()
    hub = ListenHub(application_name="hub to be killed")
    hub.subscribe("news", heard.put)
    hub.start()
    try:
        assert heard.get(timeout=10) is None
        admin = connect_raw()
        with admin.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                           " WHERE application_name = 'hub to be killed' AND datname = current_database()")
        admin.close()
        assert heard.get(timeout=10) is None, "a subscriber must be told that it may have missed something"
        notify("news", "fresh")
        heard_until(heard, "fresh")
    finally:
        hub.stop()


def test_what_is_remembered_is_not_relied_on_once_the_hub_has_stopped(hub):
    answers = iter(("first", "second"))
    memory = Remembered("pulp_test", lambda _key: next(answers))
    memory.listen(hub)
    assert hub.connected.wait(10)
    hub.stop()
    assert memory.get("key") == "first"
    assert memory.get("key") == "second"


def test_a_callback_that_fails_keeps_nobody_from_hearing(database):
    heard = queue.Queue()
    hub = ListenHub()

    def fail(payload):
        raise ValueError(payload)

    for callback in (fail, heard.put):
        hub.subscribe("news", callback)
    hub.start()
    try:
        assert heard.get(timeout=10) is None
        for word in ("first", "second"):
            notify("news", word)
            assert heard.get(timeout=10) == word
    finally:
        hub.stop()
