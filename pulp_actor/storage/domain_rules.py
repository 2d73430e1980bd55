"""What a domain asks beyond its columns: a name that leads to it, a store that can work, and that nothing is in it when it
goes. The default domain stays as it is; the setting ``STORAGE`` describes its store."""

from __future__ import annotations

import json
from typing import Any

from pulp_actor.domains import DEFAULT_DOMAIN_ID
from pulp_actor.errors import ConfigurationError, ValidationError
from pulp_actor.identifiers import uuid7
from pulp_actor.models.artifact import Artifact
from pulp_actor.models.base import Domain, DomainModel
from pulp_actor.models.mutations import Rules, register
from pulp_actor.queue.models import FINAL_STATES, Task, TaskGroup
from pulp_actor.storage.options import same_place
from pulp_actor.storage.stores import make_storage

#: Names that paths have for something else.
RESERVED = frozenset((
    "admin", "api", "assets", "auth", "console", "content", "docs", "livez", "login", "logout", "media", "metrics", "pulp",
    "readyz", "redoc", "static", "status", "swagger", "token", "ui", "v3", "webserver",
))


def check_domain(data: dict[str, Any], current: Domain | None) -> None:
    """Raises ValidationError if ``data`` cannot be stored in ``current`` (None: in a new domain)."""
    if str(data.get("name", "")).lower() in RESERVED:
        raise ValidationError({"name": ["Paths have this name for something else."]})
    if current is not None and current.id == DEFAULT_DOMAIN_ID:
        for field in ("name", "storage_class", "storage_settings"):
            if field in data and data[field] != getattr(current, field):
                why = "The default domain keeps its name." if field == "name" else (
                    "The setting STORAGE describes the store of the default domain.")
                raise ValidationError({field: [why]})
        return
    if {"storage_class", "storage_settings"} & data.keys():
        _check_store(data, current)


def _check_store(data: dict[str, Any], current: Domain | None) -> None:
    kind = data.get("storage_class", current.storage_class if current else "local")
    given = json.loads(data.get("storage_settings", current.storage_settings if current else None) or "{}")
    try:
        make_storage(current.id if current else uuid7(), kind, given)
    except ConfigurationError as error:
        raise ValidationError({"storage_settings": [str(error).removeprefix("STORAGE: ")]}) from None
    if current is None or not Artifact.select().where(Artifact.domain == current.id).exists():
        return
    held = json.loads(current.storage_settings or "{}")
    if kind != current.storage_class or not same_place(kind, held, given):
        field = "storage_class" if kind != current.storage_class else "storage_settings"
        raise ValidationError({field: ["The domain has files in its store: move it to another one with migrate/."]})


def check_deletion(domain: Domain) -> None:
    """Raises ValidationError unless a domain may be deleted: all that is left of it then is the record of its tasks."""
    if domain.id == DEFAULT_DOMAIN_ID:
        raise ValidationError({"non_field_errors": ["The default domain cannot be deleted."]})
    found = [model._meta.table_name.replace("_", " ") for model in _models() if _has_rows(model, domain)]
    if Task.select().where(Task.domain_id == domain.id, Task.state.not_in(list(FINAL_STATES))).exists():
        found.append("unfinished task")
    if found:
        raise ValidationError({"non_field_errors": [f"The domain is not empty. In it is at least one: {', '.join(found)}."]})


def _models() -> list[Any]:
    """Every model whose rows belong to a domain, the plugins' too."""
    return sorted(DomainModel.__subclasses__(), key=lambda model: model._meta.table_name)


def _has_rows(model: Any, domain: Domain) -> bool:
    return model.select().where(model.domain == domain.id).exists()


def _deleting(domain: Domain) -> None:
    """Nothing is in it: the records of its tasks go with it."""
    check_deletion(domain)
    Task.delete().where(Task.domain_id == domain.id).execute()
    TaskGroup.delete().where(TaskGroup.domain_id == domain.id).execute()


register(Domain, Rules(unique=("name",), check=check_domain, deleting=_deleting))
