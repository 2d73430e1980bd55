"""Moving a domain to another object store."""

from __future__ import annotations

from typing import Any

import pulp_actor.storage.domain_rules  # noqa: F401  (what a change of a domain has to obey)
from pulp_actor.domains import current_domain
from pulp_actor.queue import actor, current_task, dispatch
from pulp_actor.storage.moving import Move, remove_from

REMOVE = "pulp_actor.tasks.domains.remove_old_files"

#: Seconds for which the files stay in the old store: downloads that began there may end.
KEPT = 60.0


@actor(name="pulp_actor.tasks.domains.move", retry_on_loss=True)
def move(storage_class: str, storage_settings: dict[str, Any]) -> dict[str, int]:
    """Move the task's domain to another store. Whoever dispatches it locks the domain exclusively.

    Parameters:
        storage_class: ``local``, ``s3`` or ``azure``.
        storage_settings: the store's settings, with its secrets.

    Returns ``{"files": …}``, how many are in the new store.
    """
    domain = current_domain()
    found = Move(domain.id, storage_class, storage_settings)
    moved = 0
    with current_task().progress("domain.move", "Copying files", total=found.count()) as progress:
        for one in found.copy():
            moved += one
            progress.increment(one)
    before = found.switch()
    if not found.in_place:
        dispatch(REMOVE, kwargs=before, delay=KEPT)
    return {"files": moved}


@actor(name=REMOVE, retry_on_loss=True)
def remove_old_files(storage_class: str, storage_settings: dict[str, Any]) -> dict[str, int]:
    """Delete the domain's files from a store that it has left. Returns ``{"files": …}``."""
    removed = 0
    with current_task().progress("domain.remove-old", "Deleting files") as progress:
        for one in remove_from(current_domain().id, storage_class, storage_settings):
            removed += one
            progress.increment(one)
    return {"files": removed}
