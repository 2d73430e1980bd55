"""Remotes: where content is mirrored from, and how to get at it. Secrets are encrypted."""

from __future__ import annotations

from peewee import BooleanField, DoubleField, IntegerField, TextField

from pulp_actor.models.base import DomainModel, JSONField
from pulp_actor.models.encrypted import EncryptedTextField

#: The fields that are written but never read back; ``hidden_fields`` says whether they are set.
SECRET_FIELDS = ("client_key", "proxy_username", "proxy_password", "username", "password")


class Remote(DomainModel):
    type = TextField()
    name = TextField()
    url = TextField()
    policy = TextField(default="immediate")
    pulp_labels = JSONField(default=dict)
    ca_cert = TextField(null=True)
    client_cert = TextField(null=True)
    client_key = EncryptedTextField(null=True)
    username = EncryptedTextField(null=True)
    password = EncryptedTextField(null=True)
    proxy_username = EncryptedTextField(null=True)
    proxy_password = EncryptedTextField(null=True)
    proxy_url = TextField(null=True)
    tls_validation = BooleanField(default=True)
    headers = JSONField(null=True)
    max_retries = IntegerField(null=True)
    total_timeout = DoubleField(null=True)
    connect_timeout = DoubleField(null=True)
    sock_connect_timeout = DoubleField(null=True)
    sock_read_timeout = DoubleField(null=True)
    download_concurrency = IntegerField(null=True)
    rate_limit = IntegerField(null=True)
    details = JSONField(default=dict)
