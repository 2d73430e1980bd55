"""Webhooks, and the outbox of what they are told. The rows of the outbox are written by triggers, in the transaction of the
event itself."""

from __future__ import annotations

from peewee import BooleanField, ForeignKeyField, IntegerField, TextField
from playhouse.postgres_ext import DateTimeTZField

from pulp_actor.models.base import BaseModel, DomainModel, JSONField, utcnow
from pulp_actor.models.encrypted import EncryptedTextField

#: What there is to be told of.
EVENTS = ("task.finished", "repository_version.created", "publication.created")
WAITING, DELIVERED, DEAD = "waiting", "delivered", "dead"


class Webhook(DomainModel):
    """Is told of ``events`` of its domain."""

    name = TextField()
    url = TextField()
    secret = EncryptedTextField(null=True)
    events = JSONField(default=list)
    is_active = BooleanField(default=True)


class WebhookDelivery(BaseModel):
    """One event for one webhook."""

    webhook = ForeignKeyField(Webhook, on_delete="CASCADE", index=False)
    event = TextField()
    facts = JSONField()
    state = TextField(default=WAITING)
    attempts = IntegerField(default=0)
    next_attempt = DateTimeTZField(default=utcnow)
    last_status = IntegerField(null=True)
    last_error = TextField(null=True)
    delivered_at = DateTimeTZField(null=True)
