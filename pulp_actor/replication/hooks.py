"""What a plugin says about a type of distribution that can be replicated:

    replicates(Replicated(
        type="file.file", distributions="distributions/file/file", remotes="remotes/file/file",
        repositories="repositories/file/file", url=lambda base_url: f"{base_url}PULP_MANIFEST",
        sync="pulp_file.app.tasks.synchronizing.synchronize",
    ))
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Replicated:
    """One type.

    Attributes:
        type: of distributions, remotes and repositories alike.
        distributions, remotes, repositories: paths of the resource types, here and there.
        url: what a remote's URL is for a distribution that is served at a base URL there.
        sync: name of the actor that syncs; called with ``remote_pk``, ``repository_pk`` and ``sync_options``.
        sync_options: further arguments.
        repository: columns of the repositories that are made.
    """

    type: str
    distributions: str
    remotes: str
    repositories: str
    url: Callable[[str], str]
    sync: str
    sync_options: Mapping[str, Any] = field(default_factory=dict)
    repository: Mapping[str, Any] = field(default_factory=dict)


_types: dict[str, Replicated] = {}


def replicates(kind: Replicated) -> None:
    """Have distributions of a type replicated."""
    _types[kind.type] = kind


def replicated_types() -> list[Replicated]:
    """Every type that can be replicated. Plugins' actors must be loaded."""
    return sorted(_types.values(), key=lambda kind: kind.type)
