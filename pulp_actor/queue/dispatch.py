"""Handing out work by an actor's name, and running immediate tasks on the spot."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from inspect import iscoroutinefunction, unwrap
from typing import Any
from uuid import UUID

import psycopg2
from dramatiq.errors import ActorNotFound
from dramatiq.message import Message
from peewee import DataError
from psycopg2.extras import Json

from pulp_actor import tracing
from pulp_actor.db import database, transaction
from pulp_actor.domains import DEFAULT_DOMAIN_ID, current_domain_id, domain_lock, domain_with, in_domain
from pulp_actor.logs import correlation_id
from pulp_actor.models.base import utcnow
from pulp_actor.queue.actors import platform_broker
from pulp_actor.queue.broker import TaskBroker
from pulp_actor.queue.context import CurrentTask, ImmediateTask, _current, current_task
from pulp_actor.queue.engine import SQL
from pulp_actor.queue.errors import UnknownActor, UnstorableResult
from pulp_actor.queue.failures import failure


@dataclass(frozen=True)
class Dispatched:
    """A task that was dispatched. ``state`` is ``waiting``, or final when it ran at once; then ``result`` or ``error``
    (``{"description": …, "traceback": …}``) is what came of it."""

    id: UUID
    state: str
    result: Any = None
    error: dict[str, Any] | None = None


def dispatch(
    actor: str, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None, *,
    exclusive: Iterable[str] = (), shared: Iterable[str] = (), immediate: bool = False,
    created_by: int | None = None, task_group: UUID | None = None, domain: UUID | None = None,
    priority: int | None = None, delay: float | None = None, diagnostics: Iterable[str] = (),
) -> Dispatched:
    """Make a task of an actor's name and arguments, in the caller's `pulp_actor.db.transaction` if there is one.

    Parameters:
        args, kwargs: the actor's arguments; must encode as JSON.
        exclusive, shared: names of the resources to lock; those the actor declares are added.
        immediate: run it here and now, inside the transaction, if its locks are free; else it is dispatched as usual.
        created_by, task_group: keys; taken from the current task where there is one and they are not given.
        domain: the key of the domain to work in; the current one when None.
        priority: smaller goes first; the actor's own when None.
        delay: seconds before it joins the line.
        diagnostics: what it shall record about itself.

    Raises:
        UnknownActor: no actor of that name is declared in this process.
    """
    broker = platform_broker()
    try:
        declared = broker.get_actor(actor)
    except ActorNotFound:
        raise UnknownActor(f"no actor is named {actor!r}") from None
    parent = current_task()
    domain = domain or current_domain_id()
    locked, sharing = set(map(str, exclusive)), set(map(str, shared))
    if domain != DEFAULT_DOMAIN_ID and domain_lock(domain) not in locked:
        sharing.add(domain_lock(domain))  # nothing of a domain runs while the domain itself is moved or deleted
    options: dict[str, Any] = {
        "exclusive": sorted(locked), "shared": sorted(sharing),
        "created_by": created_by if created_by is not None else parent.created_by,
        "cid": correlation_id.get() or parent.logging_cid,
        "parent": _text(parent.id), "task_group": _text(task_group or parent.group_id),
        "domain": str(domain), "diagnostics": list(diagnostics),
    }
    if trace := tracing.current():
        options["traceparent"] = trace
    if priority is not None:
        options["priority"] = priority
    message = declared.message_with_options(args=tuple(args), kwargs=dict(kwargs or {}), **options)
    if immediate and delay is None and not iscoroutinefunction(unwrap(declared.fn)):
        return _run_or_enqueue(broker, message, declared.fn)
    broker.enqueue(message, delay=None if delay is None else int(delay * 1000))
    return Dispatched(UUID(message.message_id), "waiting")


def _run_or_enqueue(broker: TaskBroker, message: Message, function: Callable[..., Any]) -> Dispatched:
    """Run an immediate task in this transaction, or dispatch it when somebody is before it.

    The resources' advisory locks keep everybody else out until the transaction ends, so the task needs no tickets, and
    a crash in the middle undoes it whole.
    """
    with transaction():
        for middleware in broker.middleware:
            middleware.before_enqueue(broker, message, None)
        exclusive, shared = message.options["exclusive"], message.options["shared"]
        (free,) = database.execute_sql(SQL.try_locks, (exclusive, shared)).fetchone()
        if not free:
            broker.enqueue(message)
            return Dispatched(UUID(message.message_id), "waiting")
        started_at = utcnow()
        context = ImmediateTask(UUID(message.message_id), message.options)
        state, result, error = _call(context, function, message)
        spec = broker.spec(message)
        database.execute_sql(SQL.record_immediate, (
            spec.id, spec.actor, spec.queue, spec.message, exclusive, shared, spec.created_by, spec.logging_cid,
            spec.parent_id, spec.group_id, spec.domain_id, state, _json(error), _json(result), started_at, started_at))
        _write_records(context, spec.id)
        return Dispatched(spec.id, state, result, error)


def _call(context: CurrentTask, function: Callable[..., Any], message: Message) -> tuple[str, Any, Any]:
    """(state, result, error) of an actor called in a savepoint of the current transaction."""
    token = _current.set(context)
    try:
        with (
            in_domain(domain_with(context.domain_id)), transaction(),
            tracing.span(f"task {message.actor_name}", messaging__message__id=message.message_id),
        ):
            result = function(*message.args, **message.kwargs)
            _check_storable(result)
            return "completed", result, None
    except Exception as error:
        context.created_resources.clear()
        return "failed", None, failure(error)
    finally:
        _current.reset(token)


def _check_storable(result: Any) -> None:
    """Raises UnstorableResult unless the result can be kept: else recording it would undo the caller's transaction."""
    try:
        database.execute_sql("SELECT %s::jsonb", (json.dumps(result),))
    except (TypeError, ValueError, DataError, psycopg2.DataError) as error:
        raise UnstorableResult(error) from None


def _write_records(context: CurrentTask, task_id: UUID) -> None:
    for href, prn in context.created_resources:
        database.execute_sql(SQL.add_created_resource, (task_id, href, prn))
    for report in context.reports.values():
        database.execute_sql(SQL.report_progress, (
            task_id, report.code, report.message, report.state, report.total, report.done, report.suffix))


def _json(value: Any) -> Json | None:
    return None if value is None else Json(value)


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)
