"""Makes a unit of file content: from an artifact, or from whatever else a client names as the source of its bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg2.extras import Json

from pulp_actor.db import database, load_queries, transaction
from pulp_actor.errors import ValidationError
from pulp_actor.identifiers import ResourceType, uuid7
from pulp_actor.models import Artifact, Repository, mutations
from pulp_actor.paths import path_fault
from pulp_actor.plugins.file.models import FileContent
from pulp_actor.sync.store import keep_cleanup_out
from pulp_actor.sync.units import artifact_of, existing, with_bytes
from pulp_actor.versions import announce, new_version

SQL = load_queries("pulp_actor.plugins.file", "queries.sql")


def create_file_content(
    artifact: Artifact, relative_path: str, repository: Repository | None = None, overwrite: bool = True,
    pulp_labels: Mapping[str, str | None] | None = None,
) -> FileContent:
    """The unit with this path and these bytes, made unless it is there; added to ``repository`` as a new version.

    Raises:
        ValidationError: the path leads out of the repository.
        PathTaken: the repository has another file there, and ``overwrite`` is off.
    """
    fault = path_fault(relative_path)
    if fault:
        raise ValidationError({"relative_path": [fault]})
    with transaction():
        keep_cleanup_out()
        content = _find_or_insert(artifact, relative_path, dict(pulp_labels or {}))
    if repository is not None:
        with new_version(repository, overwrite=overwrite) as version:
            version.add([content.get_id()])
        announce(version.made)
    return content


def create_from(_resource: ResourceType, data: dict[str, Any]) -> FileContent:
    """Make a unit of validated data: a path, one source of bytes (see `sync.units`), and perhaps ``repository_id``,
    ``overwrite`` and ``pulp_labels``.

    Raises:
        ValidationError: a source or the repository has gone; else as `create_file_content`.
    """
    with transaction():
        keep_cleanup_out()
        artifact = artifact_of(data)
        repository = existing(Repository, data, "repository") if data.get("repository_id") else None
        return create_file_content(
            artifact, data["relative_path"], repository, data.get("overwrite") is not False, data.get("pulp_labels"))


def _find_or_insert(artifact: Artifact, relative_path: str, labels: dict[str, str | None]) -> FileContent:
    parameters = {
        "id": str(uuid7()), "entry": str(uuid7()), "domain": str(artifact.domain_id), "digest": artifact.sha256,  # type: ignore[attr-defined]
        "relative_path": relative_path, "artifact": str(artifact.id), "labels": Json(labels),
    }
    row = database.execute_sql(SQL.insert_unit, parameters).fetchone()
    if row is None:
        row = database.execute_sql(SQL.find_unit, parameters).fetchone()
        database.execute_sql(SQL.reuse_unit, parameters | {"id": row[0]})
    return FileContent.get_by_id(row[0])


mutations.register(FileContent, mutations.Rules(prepare=with_bytes, create=create_from))
