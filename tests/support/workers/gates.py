"""Gates: places where a worker can be made to wait, so that a fault can be injected at an exact step.

A gate is a row in ``lab_gate`` and an advisory lock that the test holds. Whoever comes to a closed gate asks for that
lock, and waits. Steps inside a transaction are met in a trigger on ``task``; those between transactions, in middleware.
"""

from __future__ import annotations

from typing import Any

import psycopg2
from dramatiq.broker import Broker, MessageProxy
from dramatiq.middleware import Middleware

#: Steps, in the order in which a task passes them.
STEPS = (
    "claiming",   # the claim is written, not committed
    "claimed",    # the claim is committed, the actor has not begun
    "ran",        # the actor has ended, nothing of it is written
    "ending",     # the end is written, not committed
    "ended",      # the end is committed, the worker has not gone on
)

SCHEMA = """
CREATE TABLE lab_gate (step text PRIMARY KEY, key bigint GENERATED ALWAYS AS IDENTITY (START WITH 7001));
CREATE SEQUENCE lab_clock;

-- What happened to each task, in order: `at` is drawn inside the critical section that made it happen.
CREATE TABLE lab_task (at bigint, task uuid, old text, new text, attempt integer, worker uuid, backend integer);
CREATE TABLE lab_ticket (
    task uuid, resource text, seq bigint PRIMARY KEY, shared boolean, taken bigint, granted bigint, released bigint);

CREATE FUNCTION lab_on_task() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    stop bigint;
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.state = NEW.state THEN
        RETURN NULL;
    END IF;
    INSERT INTO lab_task VALUES (
        nextval('lab_clock'), NEW.id, CASE WHEN TG_OP = 'UPDATE' THEN OLD.state END, NEW.state, NEW.attempt,
        NEW.worker_id, pg_backend_pid());
    SELECT key INTO stop FROM lab_gate WHERE step = CASE
        WHEN NEW.state = 'running' THEN 'claiming'
        WHEN OLD.state IN ('running', 'canceling') AND NEW.state <> 'canceling' THEN 'ending' END;
    IF stop IS NOT NULL THEN
        PERFORM pg_advisory_xact_lock_shared(stop);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER lab_task AFTER INSERT OR UPDATE ON task FOR EACH ROW EXECUTE FUNCTION lab_on_task();

CREATE FUNCTION lab_on_ticket() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO lab_ticket VALUES (
            NEW.task_id, NEW.resource, NEW.seq, NEW.shared, nextval('lab_clock'),
            CASE WHEN NEW.granted THEN currval('lab_clock') END, NULL);
    ELSIF TG_OP = 'UPDATE' THEN
        UPDATE lab_ticket SET granted = nextval('lab_clock') WHERE seq = NEW.seq;
    ELSE
        UPDATE lab_ticket SET released = nextval('lab_clock') WHERE seq = OLD.seq;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER lab_ticket AFTER INSERT OR UPDATE OR DELETE ON task_ticket
    FOR EACH ROW EXECUTE FUNCTION lab_on_ticket();
"""


class Gates(Middleware):
    """Stops a worker at the steps that lie between two transactions, if their gate is closed."""

    def __init__(self, url: str) -> None:
        self._url = url

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        self._pass("claimed")

    def after_process_message(
        self, broker: Broker, message: MessageProxy, *, result: Any = None, exception: BaseException | None = None
    ) -> None:
        self._pass("ran")

    def after_ack(self, broker: Broker, message: MessageProxy) -> None:
        self._pass("ended")

    after_nack = after_ack

    def _pass(self, step: str) -> None:
        conn = psycopg2.connect(self._url, application_name="lab gate")
        conn.autocommit = True
        try:
            with conn.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_lock_shared(key) FROM lab_gate WHERE step = %s", (step,))
        finally:
            conn.close()
