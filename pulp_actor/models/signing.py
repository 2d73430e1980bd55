"""Signing services: scripts that sign what is published, and the keys by which their signatures are checked."""

from __future__ import annotations

from peewee import TextField

from pulp_actor.models.base import BaseModel


class SigningService(BaseModel):
    """``klass`` says what it makes; ``home`` is where the script finds its keys."""

    name = TextField(unique=True)
    klass = TextField(column_name="class")
    script = TextField()
    pubkey_fingerprint = TextField()
    public_key = TextField()
    backend = TextField(default="gpg")
    home = TextField(null=True)
