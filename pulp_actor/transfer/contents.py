"""What an archive says: which members there are, in which order, and what stands in those that are not bytes of artifacts.

    manifest.json                    which platform wrote it, and what it holds: `Manifest`
    artifacts/ab/cdef…               bytes, named by their SHA-256, each once
    repositories/0/units-000000.jsonl  units of the first repository's version, a JSON object a line: `unit_line`
    …                                a unit's artifacts come before it, or were there in an earlier archive
    end.json                         how much there was, and a digest over all members that are not named by one

Every unit of the version is listed, in an incremental archive too: only bytes are left out there. So an import makes
exactly the version that was exported, or fails. Must never know the database.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from pulp_actor.transfer.archive import Member, Source, Writer, read_members
from pulp_actor.transfer.errors import ArchiveRefused

KIND = "pulp-actor archive"
FORMAT = 1
MANIFEST, LAST = "manifest.json", "end.json"
#: Most bytes that a member other than an artifact may have.
TEXT_LIMIT = 64 * 1024 * 1024

_ARTIFACT = re.compile(r"artifacts/([0-9a-f]{2})/([0-9a-f]{62})")
_UNITS = re.compile(r"repositories/(\d{1,6})/units-(\d{6,9})\.jsonl")


@dataclass(frozen=True)
class ArchivedRepository:
    """A repository in an archive, and the one version of it that is there.

    Attributes:
        settings: its columns, for a platform that has to make it.
        version: the number that the version had.
        start: the number of the version that the archive builds on, whose artifacts it leaves out; None: none.
        units: how many units the version has.
    """

    name: str
    type: str
    prn: str
    version: int
    start: int | None
    units: int
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Manifest:
    """The first member."""

    repositories: tuple[ArchivedRepository, ...]
    components: Mapping[str, str]

    def as_bytes(self) -> bytes:
        return json.dumps({
            "kind": KIND, "format": FORMAT, "components": dict(self.components),
            "repositories": [asdict(one) for one in self.repositories],
        }, indent=1).encode() + b"\n"


def parse_manifest(data: bytes) -> Manifest:
    """Raises ArchiveRefused."""
    found = _json(data, MANIFEST)
    if not isinstance(found, dict) or found.get("kind") != KIND:
        raise ArchiveRefused("this is not an archive that a platform like this one has exported")
    if found.get("format") != FORMAT:
        raise ArchiveRefused(f"the archive is of format {found.get('format')!r}; this platform reads format {FORMAT}")
    repositories = found.get("repositories")
    if not isinstance(repositories, list) or not repositories:
        raise ArchiveRefused("the archive names no repositories")
    return Manifest(tuple(map(_repository, repositories)), found.get("components") or {})


def _repository(found: Any) -> ArchivedRepository:
    kinds = {
        "name": str, "type": str, "prn": str, "version": int, "start": int | None, "units": int, "settings": dict,
    }
    if not isinstance(found, dict) or any(
        name not in found or not isinstance(found[name], kind) for name, kind in kinds.items()
    ):
        raise ArchiveRefused("the archive's manifest describes a repository in a way that is not understood")
    return ArchivedRepository(**{name: found[name] for name in kinds})


def artifact_name(sha256: str) -> str:
    return f"artifacts/{sha256[:2]}/{sha256[2:]}"


class ContentsWriter:
    """Writes the members in their order."""

    def __init__(self, writer: Writer, manifest: Manifest) -> None:
        self._writer = writer
        self._seal = hashlib.sha256()
        self._parts: dict[int, int] = {}
        self.artifacts = self.units = 0
        self._text(MANIFEST, manifest.as_bytes())

    def add_artifact(self, sha256: str, size: int, data: Iterable[bytes]) -> None:
        """Raises ValueError if the data is not of this size."""
        self._writer.add(artifact_name(sha256), size, data)
        self.artifacts += 1

    def add_units(self, repository: int, lines: list[str]) -> None:
        """Some units of a repository, each one line of JSON."""
        part = self._parts[repository] = self._parts.get(repository, -1) + 1
        self._text(f"repositories/{repository}/units-{part:06}.jsonl", "".join(f"{line}\n" for line in lines).encode())
        self.units += len(lines)

    def close(self) -> None:
        facts = {"artifacts": self.artifacts, "units": self.units, "sha256": self._seal.hexdigest()}
        data = json.dumps(facts).encode() + b"\n"
        self._writer.add(LAST, len(data), (data,))
        self._writer.close()

    def _text(self, name: str, data: bytes) -> None:
        self._seal.update(f"{name}\n{len(data)}\n".encode() + data)
        self._writer.add(name, len(data), (data,))


@dataclass(frozen=True)
class ArchivedArtifact:
    """Bytes that must have a digest; ``member`` is to be read before the next part is asked for."""

    sha256: str
    member: Member


@dataclass(frozen=True)
class ArchivedUnits:
    """Some units of one repository."""

    repository: int
    units: list[Mapping[str, Any]]


class ContentsReader:
    """Reads an archive: first its ``manifest``, then its `parts`.

    Raises:
        ArchiveRefused: by every method; the archive is not what it should be.
    """

    def __init__(self, source: Source) -> None:
        self._members = read_members(source)
        self._seal = hashlib.sha256()
        first = next(self._members, None)
        if first is None or first.name != MANIFEST:
            raise ArchiveRefused("this is not an archive that a platform like this one has exported")
        self.manifest = parse_manifest(self._text(first))

    def parts(self) -> Iterator[ArchivedArtifact | ArchivedUnits]:
        """Everything between the manifest and the end. A name that comes again is refused by its order; of artifacts, which
        have none, by whoever stores them."""
        artifacts = units = 0
        last: tuple[int, int] = (0, -1)
        for member in self._members:
            if match := _ARTIFACT.fullmatch(member.name):
                artifacts += 1
                yield ArchivedArtifact(match[1] + match[2], member)
            elif match := _UNITS.fullmatch(member.name):
                last = self._next_part(last, (int(match[1]), int(match[2])), member.name)
                found = [_unit(line, member.name) for line in self._text(member).splitlines()]
                units += len(found)
                yield ArchivedUnits(last[0], found)
            elif member.name == LAST:
                self._check_end(member.read(TEXT_LIMIT), artifacts, units)
                return
            elif member.name == MANIFEST:
                raise ArchiveRefused("the archive holds a name twice: 'manifest.json'")
            else:
                raise ArchiveRefused(f"the archive holds something that does not belong there: {member.name[:200]!r}")
        raise ArchiveRefused("the archive is not complete: its last member is missing")

    def _next_part(self, last: tuple[int, int], this: tuple[int, int], name: str) -> tuple[int, int]:
        if this[0] >= len(self.manifest.repositories):
            raise ArchiveRefused(f"the archive holds units of a repository that its manifest does not name: {name}")
        if this <= last:
            raise ArchiveRefused(f"the archive holds a name twice, or out of order: {name!r}")
        if this != (last[0], last[1] + 1) and this[1] != 0:
            raise ArchiveRefused(f"the archive is not complete: something is missing before {name}")
        return this

    def _check_end(self, data: bytes, artifacts: int, units: int) -> None:
        wanted = {"artifacts": artifacts, "units": units, "sha256": self._seal.hexdigest()}
        if _json(data, LAST) != wanted:
            raise ArchiveRefused("the archive is damaged: its last member does not fit what came before it")
        if next(self._members, None) is not None:
            raise ArchiveRefused("the archive holds something behind its last member")

    def _text(self, member: Member) -> bytes:
        data = member.read(TEXT_LIMIT)
        self._seal.update(f"{member.name}\n{len(data)}\n".encode() + data)
        return data


def _unit(line: bytes, name: str) -> Mapping[str, Any]:
    """One unit: ``{"type": …, "fields": {…}, "labels": {…}, "artifacts": [{"path": …, "sha256": …}, …]}``."""
    found = _json(line, name)
    if (
        not isinstance(found, dict) or not isinstance(found.get("type"), str) or not isinstance(found.get("fields"), dict)
        or not isinstance(found.get("labels"), dict) or not isinstance(found.get("artifacts"), list)
        or not all(_is_entry(one) for one in found["artifacts"])
    ):
        raise ArchiveRefused(f"{name} holds a unit that is not understood")
    return found


def _is_entry(found: Any) -> bool:
    return (
        isinstance(found, dict) and isinstance(found.get("path"), str) and isinstance(found.get("sha256"), str)
        and re.fullmatch("[0-9a-f]{64}", found["sha256"]) is not None
    )


def _json(data: bytes, name: str) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise ArchiveRefused(f"{name} is damaged: it is not JSON") from None
