"""Looking at the queue: which tasks there are, why one does not run, and what the whole is busy with.

Everything here reads, in one statement per question, and returns plain dataclasses; it knows nothing of terminals, HTTP
or hrefs. Times are the database's, ages are reckoned by its clock: every answer brings the time at which it was true.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from peewee import JOIN, fn

from pulp_actor.db import connected, database, load_queries, transaction
from pulp_actor.errors import NotFound
from pulp_actor.queue.models import FINAL_STATES, CreatedResource, ProgressReport, Task, Worker

SQL = load_queries("pulp_actor.queue", "inspect.sql")

#: How deep a chain of blockers is drawn; what there is below it is counted, and its causes are listed.
MAX_DEPTH = 8
#: How many tasks ahead in one line are drawn.
MAX_WIDTH = 3
#: How many tasks of a tree are followed to what they wait for.
MAX_FOLLOWED = 40


@dataclass(frozen=True)
class TaskInfo:
    """A task in a line. ``since`` is when it came into its state; ``worker`` is the name of its worker."""

    id: UUID
    state: str
    actor: str
    queue: str
    worker: str | None
    blockers: int
    created: datetime
    unblocked: datetime | None
    started: datetime | None
    finished: datetime | None
    eta: datetime | None

    @property
    def phase(self) -> str:
        """The state, with ``waiting`` told apart: ``ready`` (for a worker), ``blocked`` or ``delayed``."""
        if self.state != "waiting":
            return self.state
        if self.eta is not None:
            return "delayed"
        return "blocked" if self.blockers else "ready"

    @property
    def since(self) -> datetime:
        if self.state in FINAL_STATES:
            return self.finished or self.created
        if self.state == "waiting":
            return self.unblocked or self.created
        return self.started or self.created


@dataclass(frozen=True)
class Ticket:
    """A lock that a task holds or waits for."""

    task: UUID
    resource: str
    shared: bool
    granted: bool
    seq: int


@dataclass
class Wait:
    """A lock that a task waits for: how many hold it, and how many are to have it first. ``held_by`` and ``next_in_line``
    are those worth telling: the ones that wait for something else too, and the first of the others."""

    resource: str
    shared: bool
    holders: int
    ahead: int
    held_by: list[Blocker] = field(default_factory=list)
    next_in_line: list[Blocker] = field(default_factory=list)


@dataclass
class Blocker:
    """A task that another waits for, with what it waits for itself. ``repeated``: it stands further up in the tree too,
    and its waits only there. ``cut``: it has waits that were not followed, the tree being large enough."""

    task: TaskInfo
    shared: bool
    waits: list[Wait] = field(default_factory=list)
    repeated: bool = False
    cut: bool = False


@dataclass
class Explanation:
    """Why a task does not run.

    Attributes:
        task: the task that was asked about.
        now: when this was true.
        waits: the locks that it lacks.
        blocking: how many tasks must end, or get out of its way, before it starts.
        causes: those of them that nothing blocks: what it all waits for in the end.
        messages_before: for a ready task: messages that go before its own; None if it has no message.
        workers: workers that are online, and how many of them are busy.
    """

    task: TaskInfo
    now: datetime
    waits: list[Wait]
    blocking: int
    causes: list[TaskInfo]
    messages_before: int | None = None
    workers: tuple[int, int] = (0, 0)


def explain(task_id: UUID, *, depth: int = MAX_DEPTH, width: int = MAX_WIDTH) -> Explanation:
    """What a task waits for, transitively.

    Raises:
        NotFound: there is no such task.
    """
    with transaction():
        database.execute_sql(SQL.index_plans)
        rows = database.execute_sql(SQL.why, {"task": str(task_id)}).fetchall()
        if not rows:
            raise NotFound(f"there is no task {task_id}")
        lines = _Lines(rows)
        task = lines.tasks[task_id]
        position = database.execute_sql(SQL.queue_position, (str(task_id),)).fetchone()
        staff = database.execute_sql(SQL.staff).fetchone()
    drawing = _Drawing(lines, depth, width)
    others = [other for key, other in lines.tasks.items() if key != task_id]
    return Explanation(
        task=task, now=rows[0][11], waits=drawing.waits_of(task_id, 0), blocking=len(others),
        causes=sorted((other for other in others if not other.blockers), key=lambda other: other.since),
        messages_before=position[0] if position else None, workers=staff)


class _Lines:
    """The tasks and tickets of one answer to the query ``why``, by task and by resource."""

    def __init__(self, rows: Iterable[Sequence[Any]]) -> None:
        self.tasks: dict[UUID, TaskInfo] = {}
        self.tickets: dict[UUID, list[Ticket]] = {}
        self.holders: dict[str, list[Ticket]] = {}
        self.waiting: dict[str, list[Ticket]] = {}
        for row in rows:
            key, state, actor, worker, blockers, eta, created, unblocked, started, finished, queue, _now = row[:12]
            if key not in self.tasks:
                self.tasks[key] = TaskInfo(
                    key, state, actor, queue, worker, blockers, created, unblocked, started, finished, eta)
                self.tickets[key] = []
            if row[12] is not None:
                self._add(Ticket(key, *row[12:16]))

    def _add(self, ticket: Ticket) -> None:
        self.tickets[ticket.task].append(ticket)
        by_resource = self.holders if ticket.granted else self.waiting
        by_resource.setdefault(ticket.resource, []).append(ticket)

    def waits_of(self, task: UUID) -> list[Ticket]:
        return [ticket for ticket in self.tickets[task] if not ticket.granted]

    def ahead_of(self, mine: Ticket) -> list[Ticket]:
        """The tickets that wait before ``mine`` and that it must let go first, first in line first."""
        ahead = [ticket for ticket in self.waiting.get(mine.resource, ()) if ticket.seq < mine.seq]
        if not mine.shared:
            return ahead
        # A shared ticket does not wait for its own company, only for what is before and with the last exclusive one.
        last_exclusive = max((ticket.seq for ticket in ahead if not ticket.shared), default=0)
        return [ticket for ticket in ahead if ticket.seq <= last_exclusive]

    def held_against(self, mine: Ticket) -> list[Ticket]:
        """The tickets of those that hold what ``mine`` waits for; all of them conflict, directly or through the line."""
        return self.holders.get(mine.resource, [])


class _Drawing:
    """Turns lines into a tree in which every task is followed once."""

    def __init__(self, lines: _Lines, depth: int, width: int) -> None:
        self._lines = lines
        self._depth = depth
        self._width = width
        self._followed: set[UUID] = set()

    def waits_of(self, task: UUID, depth: int, *, skip: str = "") -> list[Wait]:
        """The waits of a task, but for that on resource ``skip``, which is being told already."""
        self._followed.add(task)
        return [self._wait(ticket, depth) for ticket in self._lines.waits_of(task) if ticket.resource != skip]

    def _wait(self, mine: Ticket, depth: int) -> Wait:
        holders, ahead = self._lines.held_against(mine), self._lines.ahead_of(mine)
        wait = Wait(mine.resource, mine.shared, len(holders), len(ahead))
        wait.held_by = [self._blocker(ticket, depth) for ticket in self._choose(holders)]
        wait.next_in_line = [self._blocker(ticket, depth) for ticket in self._choose(ahead)]
        return wait

    def _choose(self, tickets: list[Ticket]) -> list[Ticket]:
        """The few of some tickets that are drawn: those whose tasks wait for something else too, then the first."""
        entangled = [
            ticket for ticket in tickets
            if any(other.resource != ticket.resource for other in self._lines.waits_of(ticket.task))][:self._width]
        drawn = {ticket.seq for ticket in (entangled + tickets)[:self._width + len(entangled)]}
        return [ticket for ticket in tickets if ticket.seq in drawn]

    def _blocker(self, ticket: Ticket, depth: int) -> Blocker:
        blocker = Blocker(self._lines.tasks[ticket.task], ticket.shared)
        waits = [other for other in self._lines.waits_of(ticket.task) if other.resource != ticket.resource]
        if not waits:
            return blocker
        if ticket.task in self._followed:
            blocker.repeated = True
        elif depth >= self._depth or len(self._followed) >= MAX_FOLLOWED:
            blocker.cut = True
        else:
            blocker.waits = self.waits_of(ticket.task, depth + 1, skip=ticket.resource)
        return blocker


@dataclass(frozen=True)
class TaskRow:
    """A line of the list of tasks. ``ran`` is how long it ran, or has been running."""

    task: TaskInfo
    locks: int
    retries: int
    error: str | None
    now: datetime

    @property
    def ran(self) -> timedelta | None:
        return (self.task.finished or self.now) - self.task.started if self.task.started else None


def list_tasks(
    *, states: Sequence[str] = (), actor: str = "", resource: str = "", worker: str = "", limit: int = 20
) -> list[TaskRow]:
    """The newest tasks that match.

    Parameters:
        states: any of these; all when empty.
        actor, resource, worker: text that the actor's name, the name of a lock, or the worker's name or id contains.
    """
    query: Any = (
        Task.select(
            Task.id, Task.state, Task.actor, Task.queue, fn.COALESCE(Worker.name, Task.worker_id.cast("text")),
            Task.blockers, Task.pulp_created, Task.unblocked_at, Task.started_at, Task.finished_at, Task.eta,
            fn.cardinality(Task.exclusive) + fn.cardinality(Task.shared), Task.retries,
            Task.error["description"], fn.clock_timestamp())
        .join(Worker, JOIN.LEFT_OUTER, on=(Worker.id == Task.worker_id))
        .order_by(Task.pulp_created.desc(), Task.id.desc()).limit(limit))
    if states:
        query = query.where(Task.state.in_(list(states)))
    if actor:
        query = query.where(fn.strpos(Task.actor, actor) > 0)
    if worker:
        query = query.where((fn.strpos(Worker.name, worker) > 0) | (Task.worker_id.cast("text") == worker))
    if resource:
        locks = fn.array_to_string(Task.exclusive, "\n"), fn.array_to_string(Task.shared, "\n")
        query = query.where((fn.strpos(locks[0], resource) > 0) | (fn.strpos(locks[1], resource) > 0))
    with connected():
        return [TaskRow(TaskInfo(*row[:11]), *row[11:]) for row in query.tuples()]


@dataclass(frozen=True)
class TaskDetails:
    """All that is known of a task. ``locks``: (resource, shared, held, tasks that wait before it) while unfinished."""

    task: TaskInfo
    now: datetime
    columns: dict[str, Any]
    locks: list[tuple[str, bool, bool, int]]
    progress: list[dict[str, Any]]
    created_resources: list[str]
    children: list[UUID]
    profile_artifacts: dict[str, UUID]


#: Columns of a task that `details` passes on as they are. The message is not among them: it holds the arguments.
_COLUMNS = (
    "exclusive", "shared", "priority", "attempt", "retries", "retry_on_loss", "immediate", "created_by",
    "logging_cid", "parent_id", "group_id", "diagnostics", "error", "result")


def details(task_id: UUID) -> TaskDetails:
    """Everything about one task but its arguments, which are secret.

    Raises:
        NotFound: there is no such task.
    """
    with connected():
        rows: Any = (
            Task.select(Task, Worker.name.alias("worker"), fn.clock_timestamp().alias("now"))
            .join(Worker, JOIN.LEFT_OUTER, on=(Worker.id == Task.worker_id)).where(Task.id == task_id).dicts())
        row: Any = rows.first()
        if row is None:
            raise NotFound(f"there is no task {task_id}")
        task = TaskInfo(
            row["id"], row["state"], row["actor"], row["queue"], row["worker"] or _text(row["worker_id"]),
            row["blockers"], row["pulp_created"], row["unblocked_at"], row["started_at"], row["finished_at"], row["eta"])
        return TaskDetails(
            task=task, now=row["now"], columns={name: row[name] for name in _COLUMNS},
            locks=database.execute_sql(SQL.tickets_of, (str(task_id),)).fetchall(),
            progress=_progress(task_id),
            created_resources=_column(
                CreatedResource.select(CreatedResource.href).where(CreatedResource.task == task_id)
                .order_by(CreatedResource.id)),
            children=_column(Task.select(Task.id).where(Task.parent_id == task_id).order_by(Task.seq)),
            profile_artifacts=profile_artifacts(task_id))


def _progress(task_id: UUID) -> list[dict[str, Any]]:
    report = ProgressReport
    query: Any = report.select(
        report.code, report.message, report.state, report.total, report.done, report.suffix)
    return list(query.where(report.task == task_id).order_by(report.id).dicts())


def _column(query: Any) -> list[Any]:
    return [value for (value,) in query.tuples()]


def profile_artifacts(task_id: UUID) -> dict[str, UUID]:
    """What a task recorded about itself on request: name → key of the artifact."""
    with connected():
        return dict(database.execute_sql(SQL.profile_artifacts, (str(task_id),)).fetchall())


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
