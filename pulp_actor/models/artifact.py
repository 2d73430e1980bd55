"""Artifacts (bytes stored once, named by their SHA-256) and the uploads that become artifacts."""

from __future__ import annotations

from peewee import BigIntegerField, ForeignKeyField, TextField, UUIDField
from playhouse.postgres_ext import DateTimeTZField

from pulp_actor.identifiers import uuid7
from pulp_actor.models.base import BaseModel, DomainModel, utcnow

#: Every digest an artifact may carry, weakest first.
DIGESTS = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")


class Artifact(DomainModel):
    """``file`` is the key in the domain's object store."""

    file = TextField()
    size = BigIntegerField()
    md5 = TextField(null=True)
    sha1 = TextField(null=True)
    sha224 = TextField(null=True)
    sha256 = TextField()
    sha384 = TextField(null=True)
    sha512 = TextField(null=True)
    timestamp_of_interest = DateTimeTZField(default=utcnow)


class Upload(DomainModel):
    """A file that arrives in chunks. ``size`` is the size of the whole in bytes."""

    size = BigIntegerField()


class UploadChunk(BaseModel):
    id = UUIDField(primary_key=True, default=uuid7)
    upload = ForeignKeyField(Upload, on_delete="CASCADE", backref="chunks", index=False)
    file = TextField()
    offset = BigIntegerField()
    size = BigIntegerField()
    pulp_created = None
    pulp_last_updated = None
