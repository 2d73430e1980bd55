"""Makes publications, with the files that publishing writes: indexes, lists, signatures. Must never know a type of content.

    with publishing(version, "recipe.recipe", pass_through=True) as draft:
        draft.add("cookbook.txt", lines)
    draft.publication

Files are written and signed first; the publication and all of its files are then made in one short transaction. A slow
signing script keeps nobody's locks waiting, and a task that dies on the way leaves no publication, not even half of one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from pulp_actor.db import transaction
from pulp_actor.errors import ValidationError
from pulp_actor.models import Content, ContentArtifact, Publication, PublishedMetadata, RepositoryVersion
from pulp_actor.paths import path_fault
from pulp_actor.security.policies import object_created
from pulp_actor.signing.services import get_service, sign_file, suffix_of
from pulp_actor.storage import TemporaryFile, get_storage
from pulp_actor.storage.artifacts import store_artifacts

METADATA_TYPE = "core.publishedmetadata"
#: The label by which a repository names the signing service that signs the metadata of its publications.
SIGNING_LABEL = "signing-service"


@contextmanager
def publishing(version: RepositoryVersion, type_: str, **columns: Any) -> Iterator[Draft]:
    """Make a publication of ``version``, which belongs to whoever asked for the task, when the block ends well. Its files
    have detached signatures beside them if the repository is labelled with a signing service. To be called outside of
    transactions.

    Parameters:
        columns: of `Publication`.

    Raises:
        SigningError: there is no such service, or it makes no good signature.
        StorageError: a file cannot be stored.
    """
    with ExitStack() as files:
        draft = Draft(version, files)
        yield draft
        draft.sign()
        draft.make(type_, columns)


class Draft:
    """A publication that is being made. ``publication`` is there when the block has ended."""

    publication: Publication

    def __init__(self, version: RepositoryVersion, files: ExitStack) -> None:
        self._version = version
        self._domain = version.repository.domain_id  # type: ignore[attr-defined]
        self._stack = files
        self._files: dict[str, TemporaryFile] = {}

    def add(self, relative_path: str, data: bytes | Iterable[bytes]) -> None:
        """Have ``data``, whole or in chunks, served at a path of the publication.

        Raises:
            ValidationError: the path leads out of the publication.
            StorageError: it cannot be written.
        """
        fault = path_fault(relative_path)
        if fault:
            raise ValidationError({"relative_path": [fault]})
        file = self._stack.enter_context(get_storage(self._domain).temporary())
        for chunk in (data,) if isinstance(data, bytes) else data:
            file.write(chunk)
        self._files[relative_path] = file

    def sign(self) -> None:
        """Put a signature beside each file, if the repository's label asks for it."""
        name = self._version.repository.pulp_labels.get(SIGNING_LABEL)
        if not name or not self._files:
            return
        service = get_service(name)
        for path, file in list(self._files.items()):
            self.add(f"{path}{suffix_of(service)}", sign_file(service, file.path, path))

    def make(self, type_: str, columns: dict[str, Any]) -> None:
        """Make the publication, complete."""
        with transaction():
            self.publication = Publication.create(
                domain=self._domain, type=type_, repository_version=self._version, complete=True, **columns)
            object_created(self.publication)
            artifacts = store_artifacts(list(self._files.values()), self._domain)
            for path, artifact in zip(self._files, artifacts, strict=True):
                content = Content.create(domain=self._domain, type=METADATA_TYPE)
                ContentArtifact.create(content=content, artifact=artifact, relative_path=path)
                PublishedMetadata.create(content=content, publication=self.publication, relative_path=path)
