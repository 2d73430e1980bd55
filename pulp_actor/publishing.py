"""Makes publications, and gives them the files that publishing writes: indexes, lists, signatures. Must never know a type of
content."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pulp_actor.db import transaction
from pulp_actor.errors import ValidationError
from pulp_actor.models import Artifact, Content, ContentArtifact, Publication, PublishedMetadata, RepositoryVersion
from pulp_actor.paths import path_fault
from pulp_actor.security.policies import object_created
from pulp_actor.signing.services import get_service, sign, suffix_of
from pulp_actor.storage import get_storage
from pulp_actor.storage.artifacts import store_artifact

METADATA_TYPE = "core.publishedmetadata"


def new_publication(version: RepositoryVersion, type_: str, **columns: Any) -> Publication:
    """A new publication of ``version``, which belongs to whoever asked for the task; ``columns``: of `Publication`."""
    with transaction():
        publication = Publication.create(
            domain=version.repository.domain_id, type=type_, repository_version=version, **columns)  # type: ignore[attr-defined]
        object_created(publication)
    return publication


#: The label by which a repository names the signing service that signs the metadata of its publications.
SIGNING_LABEL = "signing-service"


def sign_metadata(publication: Publication) -> None:
    """Put a detached signature beside each file that publishing wrote, if the repository is labelled with a signing service.
    Call it last.

    Raises:
        SigningError: there is no such service, or it makes no good signature.
    """
    name = publication.repository_version.repository.pulp_labels.get(SIGNING_LABEL)
    if not name:
        return
    service = get_service(name)
    storage = get_storage(publication.domain_id)  # type: ignore[attr-defined]
    written: Any = (
        ContentArtifact.select(ContentArtifact.relative_path, Artifact.file).join(Artifact).switch(ContentArtifact)
        .join(PublishedMetadata, on=PublishedMetadata.content == ContentArtifact.content)
        .where(PublishedMetadata.publication == publication.id)
    )
    for path, file in list(written.tuples()):
        data = b"".join(storage.open(file))
        add_metadata(publication, f"{path}{suffix_of(service)}", sign(service, path, data))


def add_metadata(publication: Publication, relative_path: str, data: bytes | Iterable[bytes]) -> None:
    """Store ``data``, whole or in chunks, and have it served at ``relative_path`` of ``publication``.

    Raises:
        ValidationError: the path leads out of the publication.
        StorageError: it cannot be stored.
    """
    fault = path_fault(relative_path)
    if fault:
        raise ValidationError({"relative_path": [fault]})
    domain_id = publication.domain_id  # type: ignore[attr-defined]
    with get_storage(domain_id).temporary() as file, transaction():
        for chunk in (data,) if isinstance(data, bytes) else data:
            file.write(chunk)
        artifact = store_artifact(file, domain_id)
        content = Content.create(domain=domain_id, type=METADATA_TYPE)
        ContentArtifact.create(content=content, artifact=artifact, relative_path=relative_path)
        PublishedMetadata.create(content=content, publication=publication, relative_path=relative_path)
