"""Repositories, their versions, and which unit is in which version."""

from __future__ import annotations

from peewee import BigIntegerField, BooleanField, ForeignKeyField, IntegerField, Model, TextField

from pulp_actor.db import database
from pulp_actor.models.base import BaseModel, DomainModel, JSONField
from pulp_actor.models.content import Content
from pulp_actor.models.remote import Remote


class Repository(DomainModel):
    """``details`` holds what only this type of repository has; its API schema says what that is."""

    type = TextField()
    name = TextField()
    description = TextField(null=True)
    pulp_labels = JSONField(default=dict)
    next_version = IntegerField(default=1)
    retain_repo_versions = IntegerField(null=True)
    retain_checkpoints = IntegerField(null=True)
    user_hidden = BooleanField(default=False)
    remote = ForeignKeyField(Remote, null=True, on_delete="SET NULL")
    details = JSONField(default=dict)

    def latest_version(self) -> RepositoryVersion:
        """The highest complete version. There always is one: version 0 is empty and made with the repository."""
        return (
            RepositoryVersion.select()
            .where(RepositoryVersion.repository == self.id, RepositoryVersion.complete)
            .order_by(RepositoryVersion.number.desc())
            .get()
        )


class RepositoryVersion(BaseModel):
    repository = ForeignKeyField(Repository, on_delete="CASCADE", backref="versions", index=False)
    number = IntegerField()
    complete = BooleanField(default=False)
    base_version = ForeignKeyField("self", null=True, on_delete="SET NULL", index=False)
    info = JSONField(default=dict)
    content_summary = JSONField(default=dict)


class RepositoryContent(Model):
    """One stay of a unit in a repository: in version n when ``version_added <= n < version_removed``."""

    id = BigIntegerField(primary_key=True)
    repository = ForeignKeyField(Repository, on_delete="CASCADE", index=False)
    content = ForeignKeyField(Content)
    version_added = IntegerField()
    version_removed = IntegerField(null=True)

    class Meta:
        database = database
        legacy_table_names = False
