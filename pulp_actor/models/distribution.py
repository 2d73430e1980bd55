"""Distributions (what is served under which base path) and the guards that may stand before them."""

from __future__ import annotations

from peewee import BooleanField, ForeignKeyField, TextField
from playhouse.postgres_ext import DateTimeTZField

from pulp_actor.models.base import DomainModel, JSONField
from pulp_actor.models.publication import Publication
from pulp_actor.models.remote import Remote
from pulp_actor.models.repository import Repository, RepositoryVersion


class ContentGuard(DomainModel):
    type = TextField()
    name = TextField()
    description = TextField(null=True)
    details = JSONField(default=dict)


class Distribution(DomainModel):
    """Serves a publication, a repository version, or a repository's latest version (its latest publication if the type
    publishes); at most one of the three is set."""

    type = TextField()
    name = TextField()
    base_path = TextField()
    hidden = BooleanField(default=False)
    checkpoint = BooleanField(default=False)
    pulp_labels = JSONField(default=dict)
    content_guard = ForeignKeyField(ContentGuard, null=True, index=False)
    repository = ForeignKeyField(Repository, null=True, on_delete="SET NULL")
    repository_version = ForeignKeyField(RepositoryVersion, null=True, on_delete="SET NULL", index=False)
    publication = ForeignKeyField(Publication, null=True, on_delete="SET NULL")
    remote = ForeignKeyField(Remote, null=True, on_delete="SET NULL", index=False)
    details = JSONField(default=dict)
    no_content_change_since = DateTimeTZField(null=True)
