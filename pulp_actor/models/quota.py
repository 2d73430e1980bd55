"""How much a domain, or the latest version of a repository, may hold; what it holds is counted by the database (for a
domain) and by the making of versions (for a repository, see `pulp_actor.quotas`)."""

from __future__ import annotations

from peewee import BigIntegerField, ForeignKeyField, TextField

from pulp_actor.models.base import DomainModel
from pulp_actor.models.repository import Repository


class Quota(DomainModel):
    """Of a repository, or of the whole domain where there is none. A limit that is None is no limit."""

    name = TextField()
    repository = ForeignKeyField(Repository, null=True, on_delete="CASCADE", index=False)
    max_bytes = BigIntegerField(null=True)
    max_units = BigIntegerField(null=True)
    used_bytes = BigIntegerField(default=0)
    used_units = BigIntegerField(default=0)
