"""The lock graph: which resources tasks wait for, who holds each, and who stands in line for it, in order.

Where `inspect` explains one task, this is the picture of the whole. It shows the resources most waited for and the ends of
their lines, so that it stays small with 20,000 tasks waiting; what it leaves out it counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from pulp_actor.db import connected, database, load_queries
from pulp_actor.queue.inspect import TaskInfo

_SQL = load_queries("pulp_actor.queue", "lockgraph.sql")

#: How many resources are shown, and how many holders and waiting tasks of each.
MAX_RESOURCES, MAX_HOLDERS, MAX_WAITING = 12, 4, 6


@dataclass(frozen=True)
class Contended:
    """A resource that tasks wait for: how many hold it, and how many wait."""

    name: str
    holders: int
    waiting: int


@dataclass(frozen=True)
class Edge:
    """A task holds a resource (``granted``), or waits for it as number ``place`` of its line, from 1."""

    task: UUID
    resource: str
    shared: bool
    granted: bool
    place: int


@dataclass(frozen=True)
class LockGraph:
    """``resources`` begin with the one most waited for; ``contended`` is how many there are in all."""

    resources: list[Contended]
    contended: int
    tasks: list[TaskInfo]
    edges: list[Edge]


def lock_graph(domain: UUID | None = None) -> LockGraph:
    """The graph as it is now; of the tasks of one domain, if one is given."""
    limits = {"resources": MAX_RESOURCES, "holders": MAX_HOLDERS, "waiting": MAX_WAITING}
    with connected():
        rows = database.execute_sql(_SQL.graph, limits | {"domain": domain and str(domain)}).fetchall()
    resources: dict[str, Contended] = {}
    tasks: dict[UUID, TaskInfo] = {}
    edges = []
    for name, holders, waiting, shared, granted, place, *task in rows:
        resources.setdefault(name, Contended(name, holders, waiting))
        info = TaskInfo(*task[:11])
        tasks.setdefault(info.id, info)
        edges.append(Edge(info.id, name, shared, granted, place))
    return LockGraph(list(resources.values()), rows[0][-1] if rows else 0, list(tasks.values()), edges)
