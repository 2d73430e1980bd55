"""Publications: a repository version made ready for clients, with the metadata files that were written for it."""

from __future__ import annotations

from peewee import BooleanField, ForeignKeyField, Model, TextField, UUIDField

from pulp_actor.db import database
from pulp_actor.identifiers import uuid7
from pulp_actor.models.base import DomainModel, JSONField
from pulp_actor.models.content import Content, ContentArtifact
from pulp_actor.models.repository import RepositoryVersion


class Publication(DomainModel):
    type = TextField()
    repository_version = ForeignKeyField(RepositoryVersion, on_delete="CASCADE", index=False)
    complete = BooleanField(default=False)
    pass_through = BooleanField(default=False)
    checkpoint = BooleanField(default=False)
    details = JSONField(default=dict)


class PublishedArtifact(Model):
    id = UUIDField(primary_key=True, default=uuid7)
    publication = ForeignKeyField(Publication, on_delete="CASCADE", index=False)
    content_artifact = ForeignKeyField(ContentArtifact, on_delete="CASCADE")
    relative_path = TextField()

    class Meta:
        database = database
        legacy_table_names = False


class PublishedMetadata(Model):
    """A unit of type ``core.publishedmetadata``."""

    content = ForeignKeyField(Content, primary_key=True, on_delete="CASCADE")
    publication = ForeignKeyField(Publication, on_delete="CASCADE", index=False)
    relative_path = TextField()

    class Meta:
        database = database
        legacy_table_names = False
