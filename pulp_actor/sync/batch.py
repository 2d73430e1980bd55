"""A batch of declared units on its way through the pipeline: what is known of each unit and of each of its artifacts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from pulp_actor.storage import TemporaryFile
from pulp_actor.sync.alternates import Alternate
from pulp_actor.sync.declared import DeclaredArtifact, DeclaredContent
from pulp_actor.sync.spool import MemoryFile

#: The digests by which artifacts are found, best first: SHA-256 names an artifact, the others are looked up after it.
LOOKUP_ORDER = ("sha256", "sha512", "sha384", "sha224", "sha1", "md5")


@dataclass(slots=True, eq=False)
class File:
    """One artifact of one unit.

    Attributes:
        entry: key of its content artifact, once that is there.
        artifact_id: key of the artifact whose bytes it is, once those are there.
        temporary: the downloaded bytes, until they are stored.
        fill: whether ``entry`` was there and lacks the artifact.
        locate: whether the remote's URL has to be noted.
        leader: another file with the same bytes, in this batch or one before it, that is downloaded for both.
        alternates: where else it can be had, in the order in which these places are asked.
    """

    declared: DeclaredArtifact
    entry: str | None = None
    artifact_id: str | None = None
    temporary: TemporaryFile | None = None
    fill: bool = False
    locate: bool = True
    leader: File | None = None
    alternates: Sequence[Alternate] = ()

    @property
    def lookup(self) -> tuple[str, str] | None:
        """(name, value) of the digest by which the artifact is found, or None if none is known."""
        for name in LOOKUP_ORDER:
            value = self.declared.digests.get(name)
            if value:
                return name, value.lower()
        return None

    @property
    def identity(self) -> tuple[str, str]:
        """Equal for files that have the same bytes as far as can be told."""
        return self.lookup or ("url", self.declared.url)


@dataclass(slots=True, eq=False)
class Unit:
    """One unit. ``content_id`` is None until it is known to be in the database; ``member``: whether the latest version of
    the repository has it."""

    declared: DeclaredContent
    files: list[File]
    content_id: str | None = None
    member: bool = False


@dataclass(slots=True, eq=False)
class Batch:
    """``to_fetch`` is what has to be downloaded for it, once that is known."""

    units: list[Unit] = field(default_factory=list)
    to_fetch: list[File] = field(default_factory=list)

    @classmethod
    def of(cls, declared: Iterable[DeclaredContent]) -> Batch:
        """A batch without repetitions."""
        units: dict[tuple[object, ...], Unit] = {}
        for content in declared:
            model = content.model
            key = (model._meta.table_name, *map(content.fields.__getitem__, model.natural_key_fields))
            if key not in units:
                units[key] = Unit(content, [File(artifact) for artifact in content.artifacts])
        return cls(list(units.values()))

    def files(self) -> Iterator[File]:
        for unit in self.units:
            yield from unit.files

    def without_bytes(self) -> list[File]:
        """The files whose bytes are not in the store, as far as is known."""
        return [
            file for unit in self.units for file in unit.files
            if file.artifact_id is None and (unit.content_id is None or file.fill)
        ]

    def write_out(self) -> None:
        """Make files of the downloads that are in memory."""
        for file in self.files():
            if isinstance(file.temporary, MemoryFile):
                file.temporary.write_out()

    def discard(self) -> None:
        """Remove the downloaded files that have not been stored."""
        for file in self.files():
            if file.temporary is not None:
                file.temporary.discard()
                file.temporary = None
