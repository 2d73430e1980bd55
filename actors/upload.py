"""Turns finished chunked uploads into artifacts."""

from __future__ import annotations

from pulp_actor.errors import NotFound
from pulp_actor.identifiers import href, prn
from pulp_actor.models import Upload
from pulp_actor.queue import actor, current_task
from pulp_actor.security.policies import object_created
from pulp_actor.storage.uploads import assemble


@actor(name="pulpcore.app.tasks.upload.commit")
def commit(upload_pk: str, sha256: str) -> None:
    """Make an artifact of an upload whose whole has this digest."""
    upload = Upload.get_or_none(Upload.id == upload_pk)
    if upload is None:
        raise NotFound(f"there is no upload {upload_pk}")
    artifact = assemble(upload, sha256, object_created)
    current_task().add_created_resource(href(artifact), prn(artifact))
