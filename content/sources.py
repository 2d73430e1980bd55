"""Where a file that has not been saved can be fetched from, and what becomes of it: the questions that `on_demand` asks the
database. All of it blocks."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from content.views import File
from pulp_actor.db import database, load_queries, transaction
from pulp_actor.models import Artifact, ContentArtifact, Remote
from pulp_actor.models.artifact import DIGESTS
from pulp_actor.settings import settings
from pulp_actor.storage import TemporaryFile, get_storage
from pulp_actor.storage.artifacts import store_artifact
from pulp_actor.sync.alternates import find_alternates, note_failure

sql = load_queries("content", "sources.sql")


@dataclass(frozen=True)
class Source:
    """A URL and what its bytes must be.

    Attributes:
        mark_failed: starts its cooldown; None: it has none. Blocks.
        cooling: it failed a moment ago.
        alternate: it is not where the file was declared, but an alternate content source.
    """

    remote: Remote
    url: str
    size: int | None
    digests: dict[str, str]
    mark_failed: Callable[[], object] | None = None
    cooling: bool = False
    alternate: bool = False


@dataclass(frozen=True)
class Wanted:
    """A file to be fetched.

    Attributes:
        key: names it among all processes of the platform.
        file: what is known of it.
        find_sources: where it may come from now, in the order in which to try. Blocks, as do the others.
        find_saved: the file with its bytes, if they have been saved meanwhile.
        save: makes a verified temporary file its bytes.
    """

    key: str
    file: File
    find_sources: Callable[[], list[Source]]
    find_saved: Callable[[], File | None]
    save: Callable[[File, TemporaryFile], File]


def find_sources(content_artifact_id: uuid.UUID | None, domain_id: uuid.UUID) -> list[Source]:
    """The sources of a content artifact: first alternate content sources that have its bytes, then the remotes that declared
    it; of either, those that failed lately last."""
    declared = _declared(content_artifact_id)
    return [*_alternates(declared, domain_id), *declared]


def _declared(content_artifact_id: uuid.UUID | None) -> list[Source]:
    parameters = {
        "content_artifact_id": str(content_artifact_id), "cooldown": settings.REMOTE_CONTENT_FETCH_FAILURE_COOLDOWN,
    }
    rows = database.execute_sql(sql.remote_artifacts, parameters).fetchall()
    remotes = _remotes(row[1] for row in rows)
    return [
        Source(
            remotes[uuid.UUID(str(remote_id))], url, size,
            {name: value for name, value in zip(DIGESTS, digests, strict=True) if value},
            partial(_mark_failed, key), cooling,
        )
        for key, remote_id, url, size, *digests, cooling in rows
    ]


def _alternates(declared: list[Source], domain_id: uuid.UUID) -> list[Source]:
    """Where else the bytes can be had. What they must be is for who declared them to say."""
    wanted = {digest: source for source in reversed(declared) for digest in source.digests.items()}
    found = find_alternates(domain_id, wanted) if wanted else {}
    places = {(one.remote_id, one.url): (wanted[digest], one) for digest, ones in found.items() for one in ones}
    remotes = _remotes(remote_id for remote_id, _ in places)
    return [
        Source(remotes[remote_id], url, source.size, source.digests, partial(note_failure, one), one.cooling, alternate=True)
        for (remote_id, url), (source, one) in places.items()
    ]


def _remotes(ids: Iterable[object]) -> dict[uuid.UUID, Remote]:
    wanted = list(ids)
    return {remote.id: remote for remote in Remote.select().where(Remote.id.in_(wanted))} if wanted else {}


def find_saved(file: File, *, checked: bool = False) -> File | None:
    """``file`` with its bytes, if they have been saved meanwhile; ``checked``: only if the store has them, too."""
    artifact = (
        Artifact.select().join(ContentArtifact, on=(ContentArtifact.artifact == Artifact.id))
        .where(ContentArtifact.id == file.content_artifact_id).first()
    )
    if artifact is None or (checked and not _is_whole(artifact)):
        return None
    return _with_bytes(file, artifact)


def _is_whole(artifact: Artifact) -> bool:
    try:
        return get_storage(artifact.domain_id).size(artifact.file) == artifact.size  # type: ignore[attr-defined]
    except FileNotFoundError:
        return False


def save(file: File, temporary: TemporaryFile) -> File:
    """Make a verified temporary file the bytes of ``file``. It is consumed."""
    with transaction():
        artifact = store_artifact(temporary, file.domain_id)
        database.execute_sql(sql.save_artifact, {"artifact_id": str(artifact.id), "id": str(file.content_artifact_id)})
    return _with_bytes(file, artifact)


def _mark_failed(remote_artifact_id: uuid.UUID) -> None:
    database.execute_sql(sql.mark_failed, {"id": str(remote_artifact_id)})


def _with_bytes(file: File, artifact: Artifact) -> File:
    return File(
        file.content_artifact_id, file.path, file.domain_id, artifact.file, artifact.size, artifact.sha256,
        artifact.pulp_created,
    )
