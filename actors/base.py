"""Making, changing and deleting objects of any type, as tasks: the rules are in `pulp_actor.models.mutations`.

These actors return nothing: a client that finds a result takes it for the whole object, and reads the object otherwise.
"""

from __future__ import annotations

from typing import Any

from pulp_actor.identifiers import href, prn, registry
from pulp_actor.models import mutations
from pulp_actor.queue import actor, current_task
from pulp_actor.signing import keys  # noqa: F401  (says how a key in a keyring is made)


@actor(name="pulpcore.app.tasks.base.general_create")
def general_create(resource: str, data: dict[str, Any]) -> None:
    """Make an object.

    Parameters:
        resource: the path of its resource type, ``distributions/file/file``.
        data: columns with JSON-able values.
    """
    row = mutations.create(registry.by_path(resource), data)
    current_task().add_created_resource(href(row), prn(row))


@actor(name="pulpcore.app.tasks.base.general_update", retry_on_loss=True)
def general_update(resource: str, key: str, data: dict[str, Any]) -> None:
    """Change an object. ``data`` holds only what changes."""
    mutations.update(registry.by_path(resource), key, data)


@actor(name="pulpcore.app.tasks.base.general_delete", retry_on_loss=True)
def general_delete(resource: str, key: str) -> None:
    """Delete an object; one that has gone already is no error."""
    mutations.delete(registry.by_path(resource), key)
