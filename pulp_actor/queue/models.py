"""peewee models of the task engine's tables, for everyone who reads them. Workers and dispatchers never write through
these: what changes a task is a function in ``functions.sql``."""

from __future__ import annotations

from peewee import (
    BigIntegerField,
    BooleanField,
    CompositeKey,
    DoubleField,
    ForeignKeyField,
    IntegerField,
    Model,
    TextField,
    UUIDField,
)
from playhouse.postgres_ext import ArrayField, BinaryJSONField, DateTimeTZField

from pulp_actor.db import database
from pulp_actor.identifiers import uuid7

#: States in which a task has ended.
FINAL_STATES = frozenset({"completed", "failed", "canceled", "skipped"})
#: Every state a task can be in; see docs/state-machine.md.
STATES = ("waiting", "running", "canceling", *sorted(FINAL_STATES))


class _Model(Model):
    class Meta:
        database = database
        legacy_table_names = False


class TaskGroup(_Model):
    id = UUIDField(primary_key=True, default=uuid7)
    domain_id = UUIDField()
    description = TextField(default="")
    all_tasks_dispatched = BooleanField(default=False)
    pulp_created = DateTimeTZField()
    pulp_last_updated = DateTimeTZField()


class Worker(_Model):
    """A process that holds a lease: a worker, an API process or a content process."""

    id = UUIDField(primary_key=True)
    kind = TextField()
    name = TextField()
    host = TextField()
    pid = IntegerField()
    versions = BinaryJSONField(index=False)
    lease_pid = IntegerField(null=True)
    beat = BigIntegerField(default=0)
    last_heartbeat = DateTimeTZField()
    gone_at = DateTimeTZField(null=True)
    pulp_created = DateTimeTZField()
    pulp_last_updated = DateTimeTZField()


class Task(_Model):
    id = UUIDField(primary_key=True)
    seq = BigIntegerField()
    domain_id = UUIDField()
    state = TextField()
    actor = TextField()
    queue = TextField()
    message = TextField()
    exclusive = ArrayField(TextField, index=False)
    shared = ArrayField(TextField, index=False)
    blockers = IntegerField()
    priority = IntegerField()
    fair_key = TextField(null=True)
    eta = DateTimeTZField(null=True)
    attempt = IntegerField()
    worker_id = UUIDField(null=True)
    retries = IntegerField()
    retry_on_loss = BooleanField()
    immediate = BooleanField()
    created_by = IntegerField(null=True)
    logging_cid = TextField()
    parent_id = UUIDField(null=True)
    group_id = UUIDField(null=True)
    diagnostics = ArrayField(TextField, index=False)
    error = BinaryJSONField(null=True, index=False)
    result = BinaryJSONField(null=True, index=False)
    pulp_created = DateTimeTZField()
    pulp_last_updated = DateTimeTZField()
    unblocked_at = DateTimeTZField(null=True)
    started_at = DateTimeTZField(null=True)
    finished_at = DateTimeTZField(null=True)


class Ticket(_Model):
    """A lock of an unfinished task: held when ``granted``, else waiting its turn by ``seq``."""

    task = ForeignKeyField(Task, on_delete="CASCADE", index=False)
    resource = TextField()
    seq = BigIntegerField()
    shared = BooleanField()
    granted = BooleanField()

    class Meta:
        table_name = "task_ticket"
        primary_key = CompositeKey("task", "resource")


class ProgressReport(_Model):
    id = BigIntegerField(primary_key=True)
    task = ForeignKeyField(Task, on_delete="CASCADE", index=False)
    code = TextField()
    message = TextField()
    state = TextField()
    total = BigIntegerField(null=True)
    done = BigIntegerField()
    suffix = TextField(null=True)


class CreatedResource(_Model):
    id = BigIntegerField(primary_key=True)
    task = ForeignKeyField(Task, on_delete="CASCADE", index=False)
    href = TextField()
    prn = TextField()


class TaskSchedule(_Model):
    """Work that is dispatched every ``interval_seconds``, or as ``cron`` says; neither: once, at ``next_dispatch``."""

    id = UUIDField(primary_key=True, default=uuid7)
    name = TextField(unique=True)
    actor = TextField()
    kwargs = BinaryJSONField(index=False)
    exclusive = ArrayField(TextField, index=False)
    shared = ArrayField(TextField, index=False)
    interval_seconds = DoubleField(null=True)
    cron = TextField(null=True)
    next_dispatch = DateTimeTZField(null=True)
    last_task_id = UUIDField(null=True)
    pulp_created = DateTimeTZField()
    pulp_last_updated = DateTimeTZField()


class ProfileArtifact(_Model):
    task = ForeignKeyField(Task, on_delete="CASCADE", index=False)
    name = TextField()
    artifact_id = UUIDField()

    class Meta:
        primary_key = CompositeKey("task", "name")
