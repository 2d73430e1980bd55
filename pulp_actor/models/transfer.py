"""Exporters and importers, and what they have done. ``details`` holds what only one type of them has."""

from __future__ import annotations

from peewee import ForeignKeyField, TextField, UUIDField

from pulp_actor.models.base import BaseModel, DomainModel, JSONField

PULP, FILESYSTEM = "core.pulp", "core.filesystem"


class Exporter(DomainModel):
    """``path`` is the folder it writes into."""

    type = TextField()
    name = TextField()
    path = TextField()
    details = JSONField(default=dict)
    last_export_id = UUIDField(null=True)


class Export(BaseModel):
    """``exported`` lists what was exported: ``[{"repository": key, "repository_type": …, "version": number, "publication":
    key or null, "publication_type": …}, …]``."""

    exporter = ForeignKeyField(Exporter, on_delete="CASCADE", index=False)
    type = TextField()
    task_id = UUIDField(null=True)
    params = JSONField(default=dict)
    exported = JSONField(default=list)
    output = JSONField(default=dict)


class Importer(DomainModel):
    type = TextField(default=PULP)
    name = TextField()
    details = JSONField(default=dict)


class Import(BaseModel):
    importer = ForeignKeyField(Importer, on_delete="CASCADE", index=False)
    task_id = UUIDField(null=True)
    params = JSONField(default=dict)

    class Meta:
        table_name = "archive_import"
