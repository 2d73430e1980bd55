"""Makes remotes, repositories and distributions here like the distributions there, and removes what has gone there.

Two steps, each in one transaction: before the syncs, remotes and repositories; after them, distributions of what has
arrived, and removal. So nobody is promised what is not there, and an upstream that vanishes in between leaves what was
served before.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pulp_actor.db import transaction
from pulp_actor.errors import ValidationError
from pulp_actor.identifiers import ResourceType, href, prn, registry
from pulp_actor.models import Distribution, Remote, Repository, UpstreamPulp, mutations
from pulp_actor.queue import current_task
from pulp_actor.replication.errors import ReplicationError
from pulp_actor.replication.hooks import Replicated, replicated_types
from pulp_actor.replication.upstream import NETWORK, Distributed
from pulp_actor.security.accounts import accounts
from pulp_actor.security.permissions import may, permission_name

#: The label of everything that a replication has made: the upstream's key.
LABEL = "UpstreamPulp"


@dataclass(frozen=True)
class Wanted:
    """What the second step needs to know of a distribution there: JSON-able, as it travels in a task's arguments."""

    type: str
    name: str
    base_path: str
    repository: str
    labels: dict[str, str | None]


@dataclass(frozen=True)
class Prepared:
    """A repository that is ready to be synced, and whether it has to be."""

    wanted: Wanted
    kind: Replicated
    remote: Remote
    repository: Repository
    changed: bool


def prepare(upstream: UpstreamPulp, distributed: Sequence[Distributed]) -> list[Prepared]:
    """Have a remote and a repository for every distribution there. Inside the caller's transaction.

    Raises:
        ReplicationError: something of ours has the name already, and the policy says to leave it alone.
    """
    return [_prepare_one(upstream, one) for one in distributed]


def _prepare_one(upstream: UpstreamPulp, one: Distributed) -> Prepared:
    labels = dict(one.labels) | {LABEL: str(upstream.id)}
    network = {name: getattr(upstream, name) for name in NETWORK}
    remote, moved = _ensure(upstream, registry.by_path(one.kind.remotes), one.name, network | {
        "url": one.kind.url(one.base_url), "policy": upstream.remote_policy, "pulp_labels": labels})
    repository, _ = _ensure(upstream, registry.by_path(one.kind.repositories), one.name, dict(one.kind.repository) | {
        "remote_id": str(remote.id), "pulp_labels": labels})
    known = (
        upstream.last_replication is not None and one.unchanged_since is not None
        and one.unchanged_since < upstream.last_replication and not moved and repository.latest_version().number > 0
    )
    wanted = Wanted(one.kind.type, one.name, one.base_path, str(repository.id), labels)
    return Prepared(wanted, one.kind, remote, repository, not known)


def finish(upstream: UpstreamPulp, wanted: Sequence[Wanted], failed: set[str], asked_at: datetime.datetime) -> None:
    """Distribute what has arrived, and remove what the upstream does not have any more.

    Parameters:
        failed: keys of the repositories whose sync did not end well.
        asked_at: when the upstream was asked.

    Raises:
        ReplicationError: a sync has failed; nothing is removed then.
    """
    kinds = {kind.type: kind for kind in replicated_types()}
    with transaction():
        if not failed and upstream.policy != "nodelete":
            _remove(upstream, Distribution, [kind.distributions for kind in kinds.values()], wanted)
        for one in wanted:
            if one.repository not in failed:
                _distribute(upstream, kinds[one.type], one)
        if not failed:
            if upstream.policy != "nodelete":
                _remove(upstream, Repository, [kind.repositories for kind in kinds.values()], wanted)
                _remove(upstream, Remote, [kind.remotes for kind in kinds.values()], wanted)
            UpstreamPulp.update(last_replication=asked_at).where(UpstreamPulp.id == upstream.id).execute()
    if failed:
        raise ReplicationError(f"{len(failed)} of {len(wanted)} repositories could not be synced; see their tasks")


def _distribute(upstream: UpstreamPulp, kind: Replicated, one: Wanted) -> None:
    try:
        _ensure(upstream, registry.by_path(kind.distributions), one.name, {
            "base_path": one.base_path, "repository_id": one.repository, "repository_version_id": None,
            "publication_id": None, "pulp_labels": one.labels})
    except ValidationError as error:
        raise ReplicationError(f"the distribution {one.name!r} cannot be had here: {error}") from None


def _ensure(upstream: UpstreamPulp, resource: ResourceType, name: str, data: dict[str, Any]) -> tuple[Any, bool]:
    """The object of this name, made or changed to fit; and whether it was. Raises ReplicationError."""
    model = resource.model
    domain = upstream.domain_id  # type: ignore[attr-defined]
    row = model.get_or_none((model.name == name) & (model.domain == domain))
    if row is None:
        row = mutations.create(resource, {"name": name, **data})
        current_task().add_created_resource(href(row), prn(row))
        return row, True
    mine = _is_made_by(upstream, row)
    if row.type != resource.type or (not mine and upstream.policy == "labeled"):
        raise ReplicationError(
            f"there is a {model.__name__.lower()} {name!r} here that this replication has not made")
    if not mine and not _asker_may("change", row):
        raise ReplicationError(
            f"there is a {model.__name__.lower()} {name!r} here that whoever asked for this replication may not change")
    changes = mutations.differences(row, data)
    if changes:
        row = mutations.update(resource, row.id, changes)
    return row, bool(changes.keys() - {"pulp_labels"})


def _remove(upstream: UpstreamPulp, model: Any, paths: Iterable[str], wanted: Sequence[Wanted]) -> None:
    """Delete the objects of some types that the upstream has none for: its own, and with the policy ``all`` every other one
    that whoever asked for the replication may delete."""
    types = [registry.by_path(path).type for path in paths]
    query = model.select().where(
        model.domain == upstream.domain_id, model.type.in_(types), model.name.not_in([one.name for one in wanted]))  # type: ignore[attr-defined]
    for row in query:
        if _is_made_by(upstream, row) or (upstream.policy == "all" and _asker_may("delete", row)):
            mutations.delete(registry.of(row), row.id)


def _is_made_by(upstream: UpstreamPulp, row: Any) -> bool:
    return bool(row.pulp_labels.get(LABEL) == str(upstream.id))


def _asker_may(verb: str, row: Any) -> bool:
    """Whether whoever asked for the replication, who may be anybody with an upstream of their own, may do this to an object
    that it has not made. The platform itself, for a schedule, may."""
    key = current_task().created_by
    if key is None:
        return True
    account, resource = accounts.find_by_key(key), registry.of(row)
    return account is not None and may(account, permission_name(resource, verb), resource, row.id)
