"""Makes a unit of content with one artifact, of any type whose own columns are its natural key.

A column that the data does not name is taken from the artifact: one named like a digest holds that digest, and
``digest`` holds the SHA-256.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pulp_actor.db import transaction
from pulp_actor.domains import current_domain_id
from pulp_actor.errors import ValidationError
from pulp_actor.identifiers import ResourceType
from pulp_actor.models.artifact import Artifact
from pulp_actor.models.base import utcnow
from pulp_actor.models.content import Content, ContentArtifact, DetailContent


def own_columns(model: type[DetailContent]) -> list[str]:
    """The columns that only this type of content has; they are its natural key, within a domain."""
    return [field.name for field in model._meta.sorted_fields if field.name not in ("content", "domain_id")]


def make_unit(resource: ResourceType, data: Mapping[str, Any]) -> DetailContent:
    """The unit with this artifact and these columns; made if there is none, given its bytes and touched if there is.

    Parameters:
        data: ``artifact_id``, ``relative_path``, perhaps ``pulp_labels``, and columns of the type.

    Raises:
        ValidationError: the artifact has gone.
    """
    model = resource.model
    artifact = Artifact.get_or_none(Artifact.id == data.get("artifact_id"))
    if artifact is None:
        raise ValidationError({"artifact": ["There is no such artifact any more."]})
    columns = {name: _value(name, artifact, data) for name in own_columns(model)}
    with transaction():
        unit = _find(model, columns)
        if unit is None:
            unit = _insert(resource, columns, artifact, data)
        else:
            _complete(unit, artifact, data)
    return unit


def _value(name: str, artifact: Artifact, data: Mapping[str, Any]) -> Any:
    if name in data:
        return data[name]
    return artifact.sha256 if name == "digest" else getattr(artifact, name)


def _find(model: type[DetailContent], columns: Mapping[str, Any]) -> DetailContent | None:
    query = model.select().where(model.domain_id == current_domain_id())
    for name, value in columns.items():
        query = query.where(getattr(model, name) == value)
    return query.first()


def _insert(
    resource: ResourceType, columns: Mapping[str, Any], artifact: Artifact, data: Mapping[str, Any],
) -> DetailContent:
    model: type[DetailContent] = resource.model
    content = Content.create(type=resource.type, pulp_labels=data.get("pulp_labels") or {})
    row = {"content": content.id, "domain_id": current_domain_id(), **columns}
    if not list(model.insert(**row).on_conflict_ignore().returning(model.content).execute()):
        # Somebody else made the same unit meanwhile; theirs it is.
        content.delete_instance()
        unit = _find(model, columns)
        assert unit is not None
        _complete(unit, artifact, data)
        return unit
    ContentArtifact.create(content=content.id, artifact=artifact.id, relative_path=data["relative_path"])
    unit = model.get_by_id(content.id)
    return unit


def _complete(unit: DetailContent, artifact: Artifact, data: Mapping[str, Any]) -> None:
    """Note that somebody wants the unit, and give it its bytes if it did without them until now."""
    key = unit.get_id()
    Content.update(timestamp_of_interest=utcnow()).where(Content.id == key).execute()
    ContentArtifact.update(artifact=artifact.id).where(
        ContentArtifact.content == key, ContentArtifact.artifact.is_null()).execute()
