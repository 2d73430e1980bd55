"""How a plugin describes what an upstream has: units and their artifacts, small and plain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class DeclaredArtifact:
    """One file of a unit.

    Attributes:
        url: where it can be fetched from.
        relative_path: where it stands in the unit.
        size: in bytes, or None if the upstream does not say.
        digests: name to lower-case hexadecimal digest, as far as the upstream says.
        headers: what the request for it carries, beside the remote's own headers; to the remote's own origin only.
        refetchable: whether anybody can ask for the URL again later; if not, it is not noted.
    """

    url: str
    relative_path: str
    size: int | None = None
    digests: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] | None = None
    refetchable: bool = True


@dataclass(slots=True)
class DeclaredContent:
    """One unit.

    Attributes:
        model: the type's table, a `DetailContent` with ``natural_key_fields``.
        fields: a value for each column of the table but the keys; those of the natural key among them.
        artifacts: its files.
        labels: the labels that the unit gets if it is made; one that is there keeps its own.
    """

    model: Any
    fields: Mapping[str, Any]
    artifacts: Sequence[DeclaredArtifact] = ()
    labels: Mapping[str, str | None] | None = None
