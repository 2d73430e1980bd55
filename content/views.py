"""What the content server knows of a path: plain values without behaviour, made by `lookup`, kept by `cache`."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Guard:
    """A content guard as a checker sees it. ``parts``: the guards of which a composite one consists."""

    id: uuid.UUID
    type: str
    details: dict[str, Any]
    parts: tuple[Guard, ...] = ()


@dataclass(frozen=True, slots=True)
class View:
    """What is served below a base path: a publication, a version's content (``pass_through``), both, or nothing yet."""

    distribution_id: uuid.UUID
    type: str
    base_path: str
    domain_id: uuid.UUID
    domain: str
    guard: Guard | None
    checkpoint: bool
    remote_id: uuid.UUID | None
    into_repository_id: uuid.UUID | None
    publication_id: uuid.UUID | None
    pass_through: bool
    repository_id: uuid.UUID | None
    number: int | None
    #: Publications that were served until lately, the last first, each with the time at which another took its place.
    superseded: tuple[tuple[View, datetime], ...] = ()


@dataclass(frozen=True, slots=True)
class File:
    """A file that a path means. ``key``, ``size``, ``sha256`` and ``created`` are None until its bytes have been saved.
    ``content_artifact_id`` is None for a file that nobody has seen yet."""

    content_artifact_id: uuid.UUID | None
    path: str
    domain_id: uuid.UUID
    key: str | None
    size: int | None
    sha256: str | None
    created: datetime | None
    #: What the server computes once about a file and keeps as long as the file is remembered.
    memo: dict[str, Any] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a path means. With no view there is no distribution; with a view and neither file nor directory, nothing there.

    ``path`` is what follows the base path. ``redirect``: go there instead, a path below the base path.
    """

    view: View | None
    path: str = ""
    file: File | None = None
    directory: bool = False
    redirect: str | None = None


NOTHING = Resolution(None)
