"""Domains: each team's objects in a namespace and a store of their own."""

from __future__ import annotations

from typing import Any

from peewee import Select

from api.call import Answer, Call
from api.core.common import columns, family_filters, labelling, orderings
from api.core.roles import not_available
from api.endpoints import Endpoint, Key, Operation
from api.filters import text_filters
from api.operations import action, listing, reading
from api.schemas.base import ObjectSchema, WireSchema, refuse
from api.schemas.common import AsyncOperation
from api.schemas.fields import Boolean, Choice, Json, Labels, Row, Text
from api.schemas.references import Reference
from pulp_actor.models import ContentGuard, Domain
from pulp_actor.models.resources import DOMAIN
from pulp_actor.settings import settings

#: What clients call a class of store, and what it is called here. The first name of a class is the one that is shown.
STORAGE_CLASSES = {
    "pulpcore.app.models.storage.FileSystem": "local", "storages.backends.s3.S3Storage": "s3",
    "storages.backends.s3boto3.S3Boto3Storage": "s3", "storages.backends.azure_storage.AzureStorage": "azure",
}
_SHOWN = {kind: name for name, kind in reversed(STORAGE_CLASSES.items())}
_ORDER = (
    "pulpcore.app.models.storage.FileSystem", "storages.backends.s3boto3.S3Boto3Storage",
    "storages.backends.s3.S3Storage", "storages.backends.azure_storage.AzureStorage",
)


def _storage_class() -> Choice:
    return Choice(
        _ORDER, enum="StorageClassEnum", required=True, help="The class of its store.",
        show=lambda row: _SHOWN.get(row["storage_class"], row["storage_class"]))


def _no_settings(row: Row) -> dict[str, Any]:
    """A store's settings hold its credentials: they are written and never shown."""
    return {}


class DomainSchema(ObjectSchema):
    wire_name = "Domain"
    model = Domain

    name = Text(required=True, max_length=50, pattern=r"^[-a-zA-Z0-9_]+$", help="A name that no other domain has.")
    description = Text(null=True, help="Whose it is.")
    pulp_labels = Labels(help="Labels of the domain.")
    storage_class = _storage_class()
    storage_settings = Json(type="object", required=True, show=_no_settings, help="Settings of its store.")
    redirect_to_object_storage = Boolean(default=True, help="Whether content is redirected to the store.")
    hide_guarded_distributions = Boolean(default=False, help="Whether guarded distributions are left out of lists.")
    default_content_guard = Reference(ContentGuard, null=True, show=lambda row: None)
    default_content_guard_prn = Text(read_only=True, show=lambda row: None)


class DomainMigration(WireSchema):
    """Moves a domain's artifacts to another store."""

    wire_name = "DomainBackendMigrator"
    storage_class = _storage_class()
    storage_settings = Json(type="object", required=True, help="Settings of the new store.")


def domain_rows() -> Select:
    return Domain.select(*columns(Domain, without=["storage_settings"]))


def _refuse(call: Call) -> Answer:
    """Changing domains is refused while they are switched off, and is not offered where they are on."""
    if not settings.DOMAIN_ENABLED:
        raise refuse("non_field_errors", "Domains are switched off on this server.")
    return not_available(call)


def domain_endpoint() -> Endpoint:
    order = orderings(Domain, (
        "description", "hide_guarded_distributions", "name", "pulp_labels", "redirect_to_object_storage",
        "storage_class"), storage_settings=Domain.storage_class)
    change: dict[str, Any] = {
        "on_item": True, "request": WireSchema, "responses": {200: "object", 202: AsyncOperation},
    }
    return Endpoint(
        path="domains", tag="Domains", schema=DomainSchema, rows=domain_rows, resource=DOMAIN,
        keys=[Key("pulp_id", Domain.id)], filters=family_filters(Domain, None, text_filters("name", Domain.name), order),
        operations=[
            listing(), reading(), *labelling(),
            Operation("create", "POST", _refuse, request=WireSchema, responses={201: "object"}),
            Operation("update", "PUT", _refuse, **change),
            Operation("partial_update", "PATCH", _refuse, partial=True, **change),
            Operation("delete", "DELETE", _refuse, on_item=True, responses={202: AsyncOperation}),
            action("migrate", _refuse, DomainMigration, on_item=False),
        ],
    )
