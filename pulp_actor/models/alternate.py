"""Alternate content sources: other places where the bytes of files can be had, and which files each of them has."""

from __future__ import annotations

from peewee import BigIntegerField, CompositeKey, ForeignKeyField, Model, TextField
from playhouse.postgres_ext import DateTimeTZField

from pulp_actor.db import database
from pulp_actor.models.base import DomainModel, JSONField
from pulp_actor.models.remote import Remote


class AlternateContentSource(DomainModel):
    """``paths`` lie below the remote's URL; where there is none, that URL itself is looked at."""

    type = TextField()
    name = TextField()
    remote = ForeignKeyField(Remote)
    paths = JSONField(default=list)
    last_refreshed = DateTimeTZField(null=True)


class AlternateContentFile(Model):
    """``digest`` names its algorithm: ``sha256:…``."""

    digest = TextField()
    source = ForeignKeyField(AlternateContentSource, on_delete="CASCADE", index=False)
    path = TextField()
    url = TextField()
    size = BigIntegerField(null=True)
    failed_at = DateTimeTZField(null=True)

    class Meta:
        database = database
        legacy_table_names = False
        primary_key = CompositeKey("digest", "source", "path")
