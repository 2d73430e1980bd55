"""Reads membership: which units are in a version. Knows nothing of how versions are made."""

from __future__ import annotations

from typing import Any

from peewee import Expression

from pulp_actor.identifiers import registry
from pulp_actor.models import DetailContent, RepositoryContent, RepositoryVersion


def version_content(version: RepositoryVersion) -> Expression:
    """The clause that selects a version's rows of `RepositoryContent`:

        Content.select().join(RepositoryContent).where(version_content(version))
    """
    return (
        (RepositoryContent.repository == version.repository_id)  # type: ignore[attr-defined]
        & (RepositoryContent.version_added <= version.number)
        & (RepositoryContent.version_removed.is_null() | (RepositoryContent.version_removed > version.number))
    )


def detail_models() -> dict[str, Any]:
    """The model of each type of content, by type: ``{"file.file": FileContent}``."""
    return {
        resource.type: resource.model
        for resource in registry
        if resource.type is not None and isinstance(resource.model, type) and issubclass(resource.model, DetailContent)
    }
