"""What all models share: the database, keys, timestamps and the domain."""

from __future__ import annotations

import datetime
from typing import Any

from peewee import BooleanField, ForeignKeyField, Model, TextField, UUIDField
from playhouse.postgres_ext import BinaryJSONField, DateTimeTZField

from pulp_actor.db import database
from pulp_actor.domains import current_domain_id
from pulp_actor.identifiers import uuid7
from pulp_actor.models.encrypted import EncryptedTextField


def utcnow() -> datetime.datetime:
    """The time now, in UTC, with its zone."""
    return datetime.datetime.now(datetime.UTC)


class JSONField(BinaryJSONField):
    """jsonb without the GIN index that peewee would make."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("index", False)
        super().__init__(*args, **kwargs)


class BaseModel(Model):
    """A row with a UUIDv7 key and the two timestamps that every Pulp object shows."""

    id = UUIDField(primary_key=True, default=uuid7)
    pulp_created = DateTimeTZField(default=utcnow)
    pulp_last_updated = DateTimeTZField(default=utcnow)

    class Meta:
        database = database
        legacy_table_names = False

    def touch(self) -> None:
        """Note that the object changes now."""
        self.pulp_last_updated = utcnow()


class Domain(BaseModel):
    name = TextField(unique=True)
    description = TextField(null=True)
    storage_class = TextField(default="local")
    storage_settings = EncryptedTextField(null=True)
    redirect_to_object_storage = BooleanField(default=True)
    hide_guarded_distributions = BooleanField(default=False)
    default_content_guard_id = UUIDField(null=True)
    pulp_labels = JSONField(default=dict)


class DomainModel(BaseModel):
    """A row that belongs to one domain: the one that it is made in."""

    domain = ForeignKeyField(Domain, default=current_domain_id, index=False)
