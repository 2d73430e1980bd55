"""Webhooks, what they were told, and telling them again. Ours alone: no part of the contract."""

from __future__ import annotations

from typing import Any

from peewee import Select

from api.call import Answer, Call
from api.core.common import columns, family_filters, newest_first, orderings
from api.endpoints import Endpoint, Key
from api.filters import FilterSet, choice_filters, text_filters
from api.operations import action, creating, deleting, listing, reading, updating
from api.schemas.base import ObjectSchema, refuse
from api.schemas.fields import INDEXED_LIMIT, Boolean, DateTime, Integer, Json, ListOf, Row, Secret, Text
from api.schemas.hidden import HiddenFields, are_set
from api.schemas.texts import http_url
from pulp_actor.db import database, transaction
from pulp_actor.identifiers import href_of, prn_of
from pulp_actor.models import Webhook, WebhookDelivery
from pulp_actor.models.base import utcnow
from pulp_actor.models.resources import WEBHOOK, WEBHOOK_DELIVERY
from pulp_actor.models.webhook import DEAD, DELIVERED, EVENTS, WAITING
from pulp_actor.webhooks.deliverer import CHANNEL


class WebhookSchema(ObjectSchema):
    wire_name = "actor.Webhook"
    model = Webhook

    name = Text(required=True, limit=INDEXED_LIMIT, help="A name that no other webhook has.")
    url = Text(required=True, validate=[http_url()], help="Where it is told: by POST, with JSON.")
    secret = Secret(null=True, help="Signs what is sent, in the header X-Pulp-Signature.")
    events = ListOf(Text(), required=True, help=f"What it is told of: {', '.join(EVENTS)}.")
    is_active = Boolean(default=True, help="Whether it is told of anything new.")
    hidden_fields = HiddenFields("secret")

    def check(self, data: dict[str, Any], current: Any) -> None:
        unknown = [name for name in data.get("events", ()) if name not in EVENTS]
        if unknown or data.get("events") == []:
            raise refuse("events", f"One or more of these are needed: {', '.join(EVENTS)}.")


def _delivery_href(row: Row) -> str:
    return f"{href_of(WEBHOOK, row['webhook_id'])}deliveries/{row['id']}/"


class DeliverySchema(ObjectSchema):
    """One event for one webhook, and what came of it."""

    wire_name = "actor.WebhookDelivery"
    model = WebhookDelivery

    pulp_href = Text(format="uri", read_only=True, show=_delivery_href)
    prn = Text(read_only=True, show=lambda row: prn_of(WEBHOOK_DELIVERY, row["id"]))
    event = Text(read_only=True, help="What it tells of.")
    facts = Json(type="object", read_only=True, help="What happened.")
    state = Text(read_only=True, help="waiting, delivered or dead.")
    attempts = Integer(read_only=True, help="How often it has been sent.")
    next_attempt = DateTime(read_only=True, help="When it is sent next, while it waits.")
    last_status = Integer(read_only=True, null=True, help="The HTTP status of the last answer.")
    last_error = Text(read_only=True, null=True, help="What went wrong the last time.")
    delivered_at = DateTime(read_only=True, null=True)


def _rows() -> Select:
    return Webhook.select(*columns(Webhook, without=("secret",)), *are_set(Webhook, ("secret",)))


def _redeliver(call: Call) -> Answer:
    """Send a delivery again, whatever has become of it."""
    key = call.row()["id"]
    with transaction():
        WebhookDelivery.update(
            state=WAITING, attempts=0, next_attempt=utcnow(), pulp_last_updated=utcnow(),
        ).where(WebhookDelivery.id == key).execute()
        database.execute_sql("SELECT pg_notify(%s, '')", (CHANNEL,))
    return Answer(200, call.endpoint.wire.show(call.row()))


def webhook_endpoints() -> list[Endpoint]:
    return [
        Endpoint(
            path=WEBHOOK.path, tag="Webhooks", component="actor", schema=WebhookSchema, resource=WEBHOOK, rows=_rows,
            keys=[Key("pulp_id", Webhook.id)],
            filters=family_filters(
                Webhook, None, text_filters("name", Webhook.name), orderings(Webhook, ("name", "url", "is_active"))),
            operations=[listing(), creating(), reading(), *updating(), deleting()],
        ),
        Endpoint(
            path=f"{WEBHOOK.path}/{{webhook_pk}}/deliveries", tag="Webhooks: Deliveries", component="actor",
            schema=DeliverySchema, resource=WEBHOOK_DELIVERY, rows=WebhookDelivery.select, listed=False, owner=WEBHOOK,
            keys=[Key("webhook_pk", WebhookDelivery.webhook), Key("pulp_id", WebhookDelivery.id)],
            filters=FilterSet([
                *choice_filters("state", WebhookDelivery.state, [WAITING, DELIVERED, DEAD]),
                *choice_filters("event", WebhookDelivery.event, list(EVENTS)),
            ], orderings(WebhookDelivery, ("attempts", "next_attempt")), newest_first(WebhookDelivery)),
            operations=[
                listing(), reading(), deleting(),
                action("redeliver", _redeliver, responses={200: "object"}, help="Send it again."),
            ],
        ),
    ]
