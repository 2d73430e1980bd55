"""The table of files. A unit is a path and the digest of what stands there."""

from __future__ import annotations

from peewee import TextField

from pulp_actor.models import DetailContent


class FileContent(DetailContent):
    """``digest`` is the SHA-256 of the unit's one artifact."""

    type = "file.file"
    natural_key_fields = ("digest", "relative_path")
    repo_key_fields = ("relative_path",)

    digest = TextField()
    relative_path = TextField()
