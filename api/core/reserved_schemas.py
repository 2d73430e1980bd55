"""What the objects look like that other features store; see `api.core.reserved`."""

from __future__ import annotations

from typing import Any

from api.schemas.base import WireSchema
from api.schemas.fields import Boolean, Choice, DateTime, Integer, Number, Secret, Text
from api.schemas.hidden import HiddenFields


def uri(**options: Any) -> Text:
    """An href that is not resolved here."""
    return Text(format="uri", **options)


class Named(WireSchema):
    """The fields that every object shows."""

    pulp_href = Text(format="uri", read_only=True)
    prn = Text(read_only=True)
    pulp_created = DateTime(read_only=True)
    pulp_last_updated = DateTime(read_only=True)


class Login(WireSchema):
    wire_name = "Login"
    pulp_href = Text(format="uri", read_only=True)
    prn = Text(read_only=True)
    username = Text(read_only=True)


class LoginUpdate(WireSchema):
    wire_name = "LoginUpdate"
    username = Text(max_length=150)
    old_password = Secret()
    new_password = Secret()
    first_name = Text(blank=True, max_length=150)
    last_name = Text(blank=True, max_length=150)
    email = Text(blank=True, format="email")


class UpstreamPulp(Named):
    wire_name = "UpstreamPulp"
    name = Text(required=True)
    base_url = Text(required=True)
    api_root = Text(required=True)
    domain = Text(null=True)
    ca_cert = Text(null=True, strip=False)
    client_cert = Text(null=True, strip=False)
    client_key = Secret(null=True)
    tls_validation = Boolean()
    username = Secret(null=True)
    password = Secret(null=True)
    download_concurrency = Integer(null=True, minimum=1)
    max_retries = Integer(null=True)
    total_timeout = Number(null=True, minimum=0.0)
    connect_timeout = Number(null=True, minimum=0.0)
    sock_connect_timeout = Number(null=True, minimum=0.0)
    sock_read_timeout = Number(null=True, minimum=0.0)
    remote_policy = Choice(("immediate", "on_demand", "streamed"), enum="RemotePolicyEnum")
    hidden_fields = HiddenFields()
    q_select = Text(null=True, blank=True)
    last_replication = DateTime(read_only=True)
    policy = Choice(("all", "labeled", "nodelete"), enum="Policy357Enum")


class Replicate(WireSchema):
    wire_name = "UpstreamPulpReplicate"
    q_select = Text(null=True, blank=True)


class SigningService(Named):
    wire_name = "SigningService"
    name = Text(required=True)
    public_key = Text(required=True)
    pubkey_fingerprint = Text(required=True)
    script = Text(required=True)
