"""`transaction()`: hooks run once, at the right moment, and savepoints take theirs with them."""

import pytest

from pulp_actor.db import database as db
from pulp_actor.db import transaction
from pulp_actor.db.connection import after_commit, before_commit, in_transaction

pytestmark = pytest.mark.usefixtures("database")


def test_items_are_collected_and_written_once_as_the_transaction_ends():
    seen = []
    write = seen.append

    with transaction():
        before_commit(write, 1)
        with transaction():
            before_commit(write, 2)
        assert seen == []
        assert in_transaction()
    assert seen == [[1, 2]]
    assert not in_transaction()


def fail_in_a_savepoint(written, announced):
    with transaction():
        before_commit(written.append, "lost")
        after_commit(lambda: announced.append("lost"))
        raise ZeroDivisionError


def create_table_then(hook):
    with transaction():
        db.execute_sql("CREATE TABLE never (id int)")
        before_commit(hook, None)


def test_a_rolled_back_savepoint_takes_its_hooks_with_it():
    written, announced = [], []

    with transaction():
        before_commit(written.append, "kept")
        with pytest.raises(ZeroDivisionError):
            fail_in_a_savepoint(written, announced)
        after_commit(lambda: announced.append("kept"))
        assert announced == []
    assert written == [["kept"]]
    assert announced == ["kept"]


def test_a_failing_hook_rolls_everything_back():
    def refuse(_items):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        create_table_then(refuse)
    with transaction():
        assert db.execute_sql("SELECT to_regclass('never')").fetchone() == (None,)


def test_a_connection_that_the_server_closed_is_not_handed_out_again():
    with transaction():
        (pid,) = db.execute_sql("SELECT pg_backend_pid()").fetchone()
    from pulp_actor.db.connection import connect_raw

    admin = connect_raw()
    with admin.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
    admin.close()

    with transaction():
        (other,) = db.execute_sql("SELECT pg_backend_pid()").fetchone()
    assert other != pid
