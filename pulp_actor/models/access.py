"""Who may do what: roles, their assignments and access policies; and the credentials that are not passwords."""

from __future__ import annotations

from peewee import BlobField, BooleanField, ForeignKeyField, Model, TextField
from playhouse.postgres_ext import ArrayField, DateTimeTZField

from pulp_actor.db import database
from pulp_actor.models.base import BaseModel, Domain, JSONField, utcnow
from pulp_actor.models.user import Group, User


class Role(BaseModel):
    """A named set of permissions. ``locked``: the platform's own, which nobody changes."""

    name = TextField(unique=True)
    description = TextField(null=True)
    permissions = ArrayField(TextField, default=list, index=False)
    locked = BooleanField(default=False)


class RoleAssignment(BaseModel):
    """A role that a user or a group has: on one object, in a domain, or (neither) everywhere."""

    role = ForeignKeyField(Role, on_delete="CASCADE", index=False)
    user = ForeignKeyField(User, null=True, on_delete="CASCADE", index=False)
    group = ForeignKeyField(Group, null=True, on_delete="CASCADE", index=False)
    domain = ForeignKeyField(Domain, null=True, on_delete="CASCADE", index=False)
    object_type = TextField(null=True)
    object_key = TextField(null=True)


class AccessPolicy(BaseModel):
    """How the endpoint called ``viewset_name`` decides."""

    viewset_name = TextField(unique=True)
    statements = JSONField(default=list)
    creation_hooks = JSONField(default=list)
    queryset_scoping = JSONField(default=dict)
    customized = BooleanField(default=False)


class AccessToken(BaseModel):
    """A personal access token; ``scope`` None: all that its user may do."""

    user = ForeignKeyField(User, on_delete="CASCADE", index=False)
    name = TextField()
    digest = BlobField()
    scope = ArrayField(TextField, null=True, index=False)
    expires = DateTimeTZField(null=True)
    last_used = DateTimeTZField(null=True)


class Session(Model):
    """A login that a cookie carries on."""

    digest = BlobField(primary_key=True)
    user = ForeignKeyField(User, on_delete="CASCADE", index=False)
    password_mark = BlobField()
    expires = DateTimeTZField()
    pulp_created = DateTimeTZField(default=utcnow)

    class Meta:
        database = database
        table_name = "login_session"
