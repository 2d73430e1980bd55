"""Other platforms that are replicated here, and how they are told to be."""

from __future__ import annotations

from marshmallow import ValidationError as MarshmallowError
from peewee import Select

from api.call import Answer, Call
from api.core.common import columns, family_filters, orderings
from api.core.roles import role_operations
from api.endpoints import Endpoint, Key
from api.filters import text_filters, time_filters
from api.operations import action, creating, deleting, listing, reading, updating
from api.schemas.base import ObjectSchema, WireSchema
from api.schemas.common import TaskGroupOperation
from api.schemas.fields import INDEXED_LIMIT, Boolean, Choice, DateTime, Integer, Number, Secret, Text
from api.schemas.hidden import HiddenFields, are_set
from api.schemas.texts import http_url
from pulp_actor.db import transaction
from pulp_actor.identifiers import href_of
from pulp_actor.models import UpstreamPulp
from pulp_actor.models.resources import TASK_GROUP, UPSTREAM_PULP
from pulp_actor.models.upstream import UPSTREAM_SECRETS
from pulp_actor.queue.groups import new_group

REPLICATE = "pulpcore.app.tasks.replica.replicate_distributions"


def _check_segment(text: str) -> None:
    if any(not (c.isalnum() or c in "-_.") for c in text):
        raise MarshmallowError("The name of a domain has letters, digits, - and _ only.")


class UpstreamPulpSchema(ObjectSchema):
    wire_name = "UpstreamPulp"
    model = UpstreamPulp

    name = Text(required=True, limit=INDEXED_LIMIT, help="A name that no other upstream has.")
    base_url = Text(required=True, validate=[http_url(query=False)], help="Scheme and host of the API there.")
    api_root = Text(required=True, help="The path of the API there: /pulp/.")
    domain = Text(null=True, column="upstream_domain", validate=[_check_segment], help="The domain there.")
    ca_cert = Text(null=True, strip=False, help="PEM of the certificates that the server is checked against.")
    client_cert = Text(null=True, strip=False, help="PEM of the certificate that is shown to the server.")
    client_key = Secret(null=True, help="PEM of the private key that belongs to client_cert.")
    tls_validation = Boolean(help="Whether the server's certificate is checked.")
    username = Secret(null=True, help="User name at the API there.")
    password = Secret(null=True, help="Password at the API there.")
    download_concurrency = Integer(null=True, minimum=1, help="How many downloads of a sync run at once.")
    max_retries = Integer(null=True, help="How often a download is tried again.")
    total_timeout = Number(null=True, minimum=0.0, help="Seconds for a whole download.")
    connect_timeout = Number(null=True, minimum=0.0, help="Seconds to get a connection.")
    sock_connect_timeout = Number(null=True, minimum=0.0, help="Seconds to make a new one.")
    sock_read_timeout = Number(null=True, minimum=0.0, help="Seconds between two pieces of a download.")
    remote_policy = Choice(
        ("immediate", "on_demand", "streamed"), enum="RemotePolicyEnum", help="When the files of remotes are downloaded.")
    hidden_fields = HiddenFields(*UPSTREAM_SECRETS)
    q_select = Text(null=True, blank=True, help="Which distributions there, in the language of q; null: all.")
    last_replication = DateTime(read_only=True, help="When the last replication that ended well began.")
    policy = Choice(
        ("all", "labeled", "nodelete"), enum="Policy357Enum",
        help="What is removed when it has gone upstream: anything, what replication made, or nothing.")


class Replicate(WireSchema):
    wire_name = "UpstreamPulpReplicate"
    q_select = Text(null=True, blank=True, help="Which distributions there, this time.")


def _rows() -> Select:
    return UpstreamPulp.select(
        *columns(UpstreamPulp, without=UPSTREAM_SECRETS), *are_set(UpstreamPulp, UPSTREAM_SECRETS))


def _replicate(call: Call) -> Answer:
    upstream = call.instance
    data = call.read()
    with transaction():
        group = new_group(f"Replication of {upstream.name}")
        call.dispatch(
            REPLICATE, {"server_pk": str(upstream.id), "q_select": data.get("q_select")}, exclusive=[upstream],
            task_group=group)
    return Answer(202, {"task_group": href_of(TASK_GROUP, group)})


def upstream_pulp_endpoint() -> Endpoint:
    order = orderings(UpstreamPulp, (
        "api_root", "base_url", "ca_cert", "client_cert", "connect_timeout", "download_concurrency",
        "last_replication", "max_retries", "name", "policy", "q_select", "remote_policy", "sock_connect_timeout",
        "sock_read_timeout", "tls_validation", "total_timeout",
    ), domain=UpstreamPulp.upstream_domain, **{name: getattr(UpstreamPulp, name).is_null() for name in UPSTREAM_SECRETS})
    return Endpoint(
        path=UPSTREAM_PULP.path, tag="Upstream-Pulps", schema=UpstreamPulpSchema, resource=UPSTREAM_PULP, rows=_rows,
        keys=[Key("pulp_id", UpstreamPulp.id)],
        filters=family_filters(UpstreamPulp, None, [
            *text_filters("name", UpstreamPulp.name), *text_filters("base_url", UpstreamPulp.base_url),
            *time_filters("last_replication", UpstreamPulp.last_replication)], order),
        operations=[
            listing(), creating(), reading(), *updating(), deleting(), *role_operations(),
            action("replicate", _replicate, Replicate, responses={202: TaskGroupOperation}),
        ],
    )
