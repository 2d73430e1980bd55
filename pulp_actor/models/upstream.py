"""Other platforms whose distributions are had here, too. Secrets are encrypted."""

from __future__ import annotations

from peewee import BooleanField, DoubleField, IntegerField, TextField
from playhouse.postgres_ext import DateTimeTZField

from pulp_actor.models.base import DomainModel
from pulp_actor.models.encrypted import EncryptedTextField

#: The fields that are written but never read back.
UPSTREAM_SECRETS = ("client_key", "username", "password")


class UpstreamPulp(DomainModel):
    """``upstream_domain`` is the name of the domain there."""

    name = TextField()
    base_url = TextField()
    api_root = TextField()
    upstream_domain = TextField(null=True)
    ca_cert = TextField(null=True)
    client_cert = TextField(null=True)
    client_key = EncryptedTextField(null=True)
    username = EncryptedTextField(null=True)
    password = EncryptedTextField(null=True)
    tls_validation = BooleanField(default=True)
    max_retries = IntegerField(null=True)
    total_timeout = DoubleField(null=True)
    connect_timeout = DoubleField(null=True)
    sock_connect_timeout = DoubleField(null=True)
    sock_read_timeout = DoubleField(null=True)
    download_concurrency = IntegerField(null=True)
    remote_policy = TextField(default="immediate")
    q_select = TextField(null=True)
    policy = TextField(default="all")
    last_replication = DateTimeTZField(null=True)
