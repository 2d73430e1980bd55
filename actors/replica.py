"""Replication as a group of tasks: ask the upstream and prepare, sync every repository, then distribute and remove.

The first task and the last hold the upstream's lock alone, the syncs between them share it: so the last starts when every
sync has ended, and two replications never overlap.
"""

from __future__ import annotations

import datetime
from dataclasses import asdict
from typing import Any
from uuid import UUID

from pulp_actor.db import transaction
from pulp_actor.domains import domain_resource
from pulp_actor.errors import NotFound
from pulp_actor.identifiers import prn
from pulp_actor.models import UpstreamPulp
from pulp_actor.models.base import utcnow
from pulp_actor.queue import actor, current_task, dispatch
from pulp_actor.queue.groups import finish_group
from pulp_actor.queue.models import Task
from pulp_actor.replication.hooks import replicated_types
from pulp_actor.replication.plan import Prepared, Wanted, finish, prepare
from pulp_actor.replication.upstream import read_distributions

FINALIZE = "pulpcore.app.tasks.replica.finalize_replication"


@actor(name="pulpcore.app.tasks.replica.replicate_distributions")
def replicate_distributions(server_pk: str, q_select: str | None = None) -> None:
    """Ask an upstream for its distributions, prepare what is needed here, and dispatch the syncs and the end.

    Parameters:
        q_select: which distributions; None: those that the upstream object selects.
    """
    task = current_task()
    try:
        upstream, asked_at = _upstream(server_pk), utcnow()
        with task.progress("replicate.reading", "Reading the Upstream's Distributions") as progress:
            found = read_distributions(upstream, replicated_types(), q_select or upstream.q_select)
            progress.increment(len(found))
        with transaction():
            prepared = prepare(upstream, found)
            syncs = {str(one.repository.id): str(_sync(upstream, one)) for one in prepared if one.changed}
            dispatch(FINALIZE, kwargs={
                "server_pk": server_pk, "wanted": [asdict(one.wanted) for one in prepared], "syncs": syncs,
                "asked_at": asked_at.isoformat(),
            }, exclusive=[prn(upstream), domain_resource("collection:distribution")])
    finally:
        if task.group_id is not None:
            finish_group(task.group_id)


def _sync(upstream: UpstreamPulp, one: Prepared) -> UUID:
    kwargs = {"remote_pk": str(one.remote.id), "repository_pk": str(one.repository.id), **one.kind.sync_options}
    return dispatch(
        one.kind.sync, kwargs=kwargs, exclusive=[prn(one.repository)], shared=[prn(one.remote), prn(upstream)]).id


@actor(name=FINALIZE)
def finalize_replication(
    server_pk: str, wanted: list[dict[str, Any]], syncs: dict[str, str], asked_at: str,
) -> None:
    """Distribute what has been synced, and remove what has gone upstream.

    Parameters:
        wanted: what the upstream has.
        syncs: key of each repository that was synced -> its task.
    """
    done = {str(task.id) for task in Task.select(Task.id).where(
        Task.id.in_(list(syncs.values())), Task.state == "completed")}
    failed = {repository for repository, task in syncs.items() if task not in done}
    finish(
        _upstream(server_pk), [Wanted(**one) for one in wanted], failed, datetime.datetime.fromisoformat(asked_at))


def _upstream(key: str) -> UpstreamPulp:
    upstream = UpstreamPulp.get_or_none(UpstreamPulp.id == UUID(key))
    if upstream is None:
        raise NotFound(f"there is no upstream {key} any more")
    return upstream
