"""How distributions of files cache another server. Imported by the content server."""

from __future__ import annotations

from urllib.parse import quote, urljoin
from uuid import UUID

from content.hooks import PullThrough, pull_through
from pulp_actor.models import Artifact, Remote
from pulp_actor.plugins.file.content import create_file_content


def url_of(remote: Remote, path: str) -> str:
    """The files of a remote lie beside its manifest, at which its URL points."""
    return urljoin(remote.url, quote(path))


def keep(artifact: Artifact, path: str) -> UUID:
    """The key of the unit with this path and these bytes."""
    return UUID(str(create_file_content(artifact, path).get_id()))


pull_through("file.file", PullThrough(url=url_of, keep=keep))
