"""Units of content, where their artifacts stand in them, and where those can be fetched from.

A content type is a model of its own that shares its unit's key:

    class FileContent(DetailContent):
        relative_path = TextField()
"""

from __future__ import annotations

from peewee import BigIntegerField, ForeignKeyField, Model, TextField, UUIDField
from playhouse.postgres_ext import DateTimeTZField

from pulp_actor.db import database
from pulp_actor.domains import current_domain_id
from pulp_actor.identifiers import uuid7
from pulp_actor.models.artifact import Artifact
from pulp_actor.models.base import DomainModel, JSONField, utcnow
from pulp_actor.models.remote import Remote


class Content(DomainModel):
    type = TextField()
    pulp_labels = JSONField(default=dict)
    upstream_id = UUIDField(null=True)
    timestamp_of_interest = DateTimeTZField(default=utcnow)


class DetailContent(Model):
    """Base of the tables of the content types. Its key is the unit's; its domain repeats the unit's, so that the
    type's natural key can be a unique index."""

    content = ForeignKeyField(Content, primary_key=True, on_delete="CASCADE", column_name="content_id")
    domain_id = UUIDField(default=current_domain_id)

    class Meta:
        database = database
        legacy_table_names = False


class ContentArtifact(Model):
    id = UUIDField(primary_key=True, default=uuid7)
    content = ForeignKeyField(Content, on_delete="CASCADE", backref="artifacts", index=False)
    artifact = ForeignKeyField(Artifact, null=True)
    relative_path = TextField()

    class Meta:
        database = database
        legacy_table_names = False


class RemoteArtifact(Model):
    id = UUIDField(primary_key=True, default=uuid7)
    content_artifact = ForeignKeyField(ContentArtifact, on_delete="CASCADE", index=False)
    remote = ForeignKeyField(Remote, on_delete="CASCADE")
    url = TextField()
    size = BigIntegerField(null=True)
    md5 = TextField(null=True)
    sha1 = TextField(null=True)
    sha224 = TextField(null=True)
    sha256 = TextField(null=True)
    sha384 = TextField(null=True)
    sha512 = TextField(null=True)
    failed_at = DateTimeTZField(null=True)

    class Meta:
        database = database
        legacy_table_names = False
