"""Users and groups. Their keys are integers, as clients expect in ``/users/1/``."""

from __future__ import annotations

from peewee import BooleanField, CompositeKey, ForeignKeyField, IdentityField, Model, TextField
from playhouse.postgres_ext import DateTimeTZField

from pulp_actor.db import database
from pulp_actor.models.base import utcnow


class User(Model):
    id = IdentityField()
    username = TextField(unique=True)
    password = TextField(default="")
    first_name = TextField(default="")
    last_name = TextField(default="")
    email = TextField(default="")
    is_staff = BooleanField(default=False)
    is_active = BooleanField(default=True)
    is_superuser = BooleanField(default=False)
    date_joined = DateTimeTZField(default=utcnow)
    last_login = DateTimeTZField(null=True)

    class Meta:
        database = database
        table_name = "app_user"


class Group(Model):
    id = IdentityField()
    name = TextField(unique=True)

    class Meta:
        database = database
        table_name = "user_group"


class GroupMember(Model):
    group = ForeignKeyField(Group, on_delete="CASCADE", index=False)
    user = ForeignKeyField(User, on_delete="CASCADE")

    class Meta:
        database = database
        table_name = "user_group_member"
        primary_key = CompositeKey("group", "user")
