"""Actors that change what is in a repository, of any type."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from pulp_actor.errors import NotFound
from pulp_actor.models import Repository, RepositoryContent, RepositoryVersion
from pulp_actor.queue import actor
from pulp_actor.sync.repair import Found, repair
from pulp_actor.versions import announce, new_version, version_content, version_facts
from pulp_actor.versions import delete_version as delete_one_version

#: Stands alone in ``remove_content_units`` for all units.
EVERYTHING = "*"


@actor(name="pulpcore.app.tasks.repository.add_and_remove", immediate=True)
def add_and_remove(
    repository_pk: str, add_content_units: Sequence[str], remove_content_units: Sequence[str],
    base_version_pk: str | None = None, overwrite: bool = True,
) -> dict[str, Any] | None:
    """Make a version from another: without some units, with some others. What is in both lists is added.

    Parameters:
        add_content_units, remove_content_units: keys; ``["*"]`` removes everything.
        base_version_pk: the version to start from; None: the latest.
        overwrite: whether a unit may take the place of one with the same key.

    Returns:
        the version's facts, or None if nothing changed.
    """
    repository = _repository(repository_pk)
    base = None if base_version_pk is None else _version(base_version_pk)
    with new_version(repository, base, overwrite=overwrite) as version:
        if EVERYTHING in remove_content_units:
            version.remove_all()
        else:
            version.remove(remove_content_units)
        version.add(add_content_units)
    announce(version.made)
    return None if version.made is None else version_facts(version.made)


@actor(name="pulp_actor.tasks.repository.copy", immediate=True)
def copy_content(
    source_version_pk: str, repository_pk: str, content_units: Sequence[str] | None = None, overwrite: bool = True,
) -> dict[str, Any] | None:
    """Make a version of a repository with what a version of another one holds, too; nothing but rows is copied.

    Parameters:
        content_units: keys of the only units that are copied; those that the version does not hold are not. None: all.
        overwrite: whether a unit may take the place of one with the same key.

    Returns:
        the version's facts, or None if nothing changed.
    """
    source, repository = _version(source_version_pk), _repository(repository_pk)
    query = RepositoryContent.select(RepositoryContent.content).where(version_content(source))
    if content_units is not None:
        query = query.where(RepositoryContent.content.in_(list(content_units)))
    with new_version(repository, overwrite=overwrite) as version:
        version.add(key for (key,) in query.tuples().iterator())
    announce(version.made)
    return None if version.made is None else version_facts(version.made)


@actor(name="pulpcore.app.tasks.repository.delete_version")
def delete_version(version_pk: str) -> None:
    """Delete a version; one that has gone already is no error."""
    version = RepositoryVersion.get_or_none(RepositoryVersion.id == uuid.UUID(version_pk))
    if version is not None:
        delete_one_version(version)


@actor(name="pulpcore.app.tasks.repository.repair_version", retry_on_loss=True)
def repair_version(version_pk: str, verify_checksums: bool = True) -> dict[str, Any] | None:
    """Look for missing and damaged files of a version, and fetch them again where a remote has them.

    Returns what was found, as `pulp_actor.sync.repair.Found` says, if something could not be repaired; else None, because a
    client shows a result in place of the task.
    """
    return _unrepaired(repair(_version(version_pk), verify_checksums=verify_checksums))


@actor(name="pulpcore.app.tasks.repository.repair_all_artifacts", retry_on_loss=True)
def repair_all_artifacts(verify_checksums: bool = True) -> dict[str, Any] | None:
    """As `repair_version`, for every file of the domain."""
    return _unrepaired(repair(None, verify_checksums=verify_checksums))


def _unrepaired(found: Found) -> dict[str, Any] | None:
    return asdict(found) if found.unrepaired else None


def _repository(key: str) -> Repository:
    repository = Repository.get_or_none(Repository.id == uuid.UUID(key))
    if repository is None:
        raise NotFound(f"there is no repository {key} any more")
    return repository


def _version(key: str) -> RepositoryVersion:
    version = RepositoryVersion.get_or_none(RepositoryVersion.id == uuid.UUID(key))
    if version is None:
        raise NotFound(f"there is no repository version {key} any more")
    return version
