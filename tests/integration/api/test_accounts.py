"""Users are remembered while the process hears of changes, and forgotten when it hears of one."""

import threading

import pytest

from pulp_actor.db import connected
from pulp_actor.db.connection import database as pool
from pulp_actor.db.listen import ListenHub
from pulp_actor.models import User
from pulp_actor.security.accounts import Accounts
from tests.integration.api.conftest import counted_queries


@pytest.fixture
def hub(admin):
    hub = ListenHub(pool.url)
    yield hub
    hub.stop()


def test_a_user_is_read_once_until_one_changes(hub):
    accounts = Accounts()
    accounts.listen(hub)
    hub.start()
    assert hub.connected.wait(10)
    with connected(), counted_queries() as queries:
        assert accounts.find("admin").is_active
        assert accounts.find("admin").is_active
    assert len(queries) == 1
    heard = threading.Event()
    hub.subscribe("pulp_users_changed", lambda payload: heard.set())
    with connected():
        User.update(is_active=False).execute()
        assert heard.wait(10)
        assert not accounts.find("admin").is_active
        assert accounts.find("nobody") is None


def test_without_a_hub_every_request_reads(admin):
    accounts = Accounts()
    with connected(), counted_queries() as queries:
        accounts.find("admin")
        accounts.find("admin")
    assert len(queries) == 2


def test_a_hub_that_has_lost_its_connection_is_not_trusted(hub):
    accounts = Accounts()
    accounts.listen(hub)
    with connected(), counted_queries() as queries:
        accounts.find("admin")
        accounts.find("admin")
    assert len(queries) == 2
