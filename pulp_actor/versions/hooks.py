"""Tells the task, and the types of repository that want to know, of a version that was made.

A plugin registers what its type does with each new version, such as publishing it:

    on_new_version("file.file", publish_if_asked)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from functools import partial

from pulp_actor.db.connection import after_commit, in_transaction
from pulp_actor.identifiers import prn_of, version_href
from pulp_actor.models import RepositoryVersion
from pulp_actor.models.resources import REPOSITORY_VERSION
from pulp_actor.queue import current_task

Hook = Callable[[RepositoryVersion], None]

_hooks: dict[str, list[Hook]] = defaultdict(list)


def on_new_version(type_: str, hook: Hook) -> Hook:
    """Call ``hook`` with each new version of a repository of a type, in the task that made it, after it was committed."""
    if hook not in _hooks[type_]:
        _hooks[type_].append(hook)
    return hook


def announce(version: RepositoryVersion | None) -> None:
    """Note a new version among what the current task made, and call the hooks of its type once it has been committed; None
    is no news."""
    if version is None:
        return
    repository = version.repository
    href = version_href(repository.type, repository.id, version.number)
    current_task().add_created_resource(href, prn_of(REPOSITORY_VERSION, version.id))
    for hook in _hooks.get(repository.type, ()):
        if in_transaction():
            after_commit(partial(hook, version))
        else:
            hook(version)
