"""Domains: each team's objects in a namespace and a store of their own."""

from __future__ import annotations

import json
from typing import Any

from peewee import JOIN, Select

from api.call import Answer, Call
from api.core.common import columns, family_filters, labelling, orderings
from api.endpoints import Endpoint, Key, Operation
from api.filters import text_filters
from api.operations import GENERAL_DELETE, action, creating, listing, reading, updating_in_task
from api.schemas.base import ObjectSchema, WireSchema, refuse
from api.schemas.common import AsyncOperation
from api.schemas.fields import Boolean, Choice, Json, Labels, Row, Text
from api.schemas.references import Reference, find_object, show_prn
from pulp_actor.domains import DEFAULT_DOMAIN, DEFAULT_DOMAIN_ID, DomainKey, current_domain, domain_lock, in_domain
from pulp_actor.errors import ConfigurationError, NotFound
from pulp_actor.identifiers import href_of, registry
from pulp_actor.models import ContentGuard, Domain
from pulp_actor.models.resources import DOMAIN
from pulp_actor.security.encryption import Unreadable, keyring
from pulp_actor.settings import settings
from pulp_actor.storage.domain_rules import check_deletion
from pulp_actor.storage.options import merged_settings, shown_settings
from pulp_actor.storage.stores import make_storage

MOVE = "pulp_actor.tasks.domains.move"

#: What clients call a class of store, and what it is called here. The first name of a class is the one that is shown.
STORAGE_CLASSES = {
    "pulpcore.app.models.storage.FileSystem": "local", "storages.backends.s3boto3.S3Boto3Storage": "s3",
    "storages.backends.s3.S3Storage": "s3", "storages.backends.azure_storage.AzureStorage": "azure",
}
_SHOWN = {kind: name for name, kind in reversed(STORAGE_CLASSES.items())}
_ORDER = (
    "pulpcore.app.models.storage.FileSystem", "storages.backends.s3boto3.S3Boto3Storage",
    "storages.backends.s3.S3Storage", "storages.backends.azure_storage.AzureStorage",
)


def _storage_class() -> Choice:
    return Choice(
        _ORDER, enum="StorageClassEnum", required=True, help="The class of its store.",
        show=_shown_class)


class StoreSettings(Json):
    """Settings of a store: shown without its secrets, and with ``hidden_fields``, which says which of these are set. What
    has been shown can be sent back; a secret that is not named stays as it is."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(type="object", required=True, show=_shown_settings, **kwargs)

    def stored(self, name: str, value: Any) -> tuple[str, Any]:
        return name, json.dumps(value)


def _shown_settings(row: Row) -> dict[str, Any]:
    if str(row["id"]) == str(DEFAULT_DOMAIN_ID):
        return shown_settings({name: value for name, value in settings.STORAGE.items() if name != "class"})
    try:
        return shown_settings(_held_settings(row["storage_settings"]))
    except Unreadable:
        return {"hidden_fields": [], "unreadable": "These were written under a key that is not in the keyring."}


def _held_settings(token: Any) -> dict[str, Any]:
    return json.loads(keyring.decrypt(bytes(token))) if token else {}


def _shown_class(row: Row) -> str:
    kind: str = row["storage_class"]
    if str(row["id"]) == str(DEFAULT_DOMAIN_ID):
        kind = settings.STORAGE.get("class", "local")
    return _SHOWN.get(kind, kind)


class OwnGuard(Reference):
    """A guard of the domain that it stands in, which is not the domain that the request was made in."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(ContentGuard, null=True, show=self._show, **kwargs)

    @staticmethod
    def _show(row: Row) -> str | None:
        if row["default_content_guard_id"] is None:
            return None
        with in_domain(DomainKey(row["id"], row["name"])):
            return href_of(registry.get(ContentGuard, row["guard_type"]), row["default_content_guard_id"])

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        return value  # `DomainSchema.check` knows the domain


class DomainSchema(ObjectSchema):
    wire_name = "Domain"
    model = Domain

    name = Text(required=True, max_length=50, pattern=r"^[-a-zA-Z0-9_]+$", help="A name that no other domain has.")
    description = Text(null=True, help="Whose it is.")
    pulp_labels = Labels(help="Labels of the domain.")
    storage_class = _storage_class()
    storage_settings = StoreSettings(help="Settings of its store.")
    redirect_to_object_storage = Boolean(default=True, help="Whether content is redirected to the store.")
    hide_guarded_distributions = Boolean(default=False, help="Whether guarded distributions are left out of lists.")
    default_content_guard = OwnGuard(help="What guards a new distribution whose maker does not say.")
    default_content_guard_prn = Text(
        read_only=True, show=show_prn(ContentGuard, "default_content_guard_id", "guard_type"))

    def check(self, data: dict[str, Any], current: Any) -> None:
        if not settings.DOMAIN_ENABLED:
            raise refuse("non_field_errors", "Domains are switched off on this server.")
        if "storage_class" in data:
            data["storage_class"] = STORAGE_CLASSES[data["storage_class"]]
        if current is not None and current.id == DEFAULT_DOMAIN_ID:
            _as_described(data)
        elif "storage_settings" in data:
            held = json.loads(current.storage_settings or "{}") if current is not None else {}
            data["storage_settings"] = merged_settings(held, data["storage_settings"])
        if data.get("default_content_guard") is not None:
            data["default_content_guard"] = _own_guard(data["default_content_guard"], current)


def _as_described(data: dict[str, Any]) -> None:
    """The default domain shows the store that a setting describes; sent back as it was shown, that is no change."""
    kind = settings.STORAGE.get("class", "local")
    shown = _shown_settings({"id": DEFAULT_DOMAIN_ID})
    if data.get("storage_class") == kind:
        del data["storage_class"]
    if data.get("storage_settings") == shown:
        del data["storage_settings"]


def _own_guard(text: Any, domain: Any) -> Any:
    if domain is None:
        raise refuse("default_content_guard", "A new domain has no guards yet.")
    try:
        with in_domain(DomainKey(domain.id, domain.name)):
            return find_object(text, ContentGuard)
    except NotFound as error:
        raise refuse("default_content_guard", f"{str(error)[:1].upper()}{str(error)[1:]}.") from None


class DomainMigration(WireSchema):
    """Moves a domain's artifacts to another store."""

    wire_name = "DomainBackendMigrator"
    storage_class = _storage_class()
    storage_settings = Json(type="object", required=True, help="Settings of the new store, all of them.")


def domain_rows() -> Select:
    return Domain.select(*columns(Domain), ContentGuard.type.alias("guard_type")).join(
        ContentGuard, JOIN.LEFT_OUTER, on=Domain.default_content_guard_id == ContentGuard.id)


def _delete(call: Call) -> Answer:
    """In the default domain: the task that deletes a domain cannot be one of its own."""
    row = call.instance
    check_deletion(row)
    with in_domain(DEFAULT_DOMAIN):
        return call.accepted(GENERAL_DELETE, {"resource": DOMAIN.path, "key": str(row.id)}, exclusive=[row], immediate=True)


def _migrate(call: Call) -> Answer:
    data = call.read()
    domain = current_domain()
    if domain == DEFAULT_DOMAIN:
        raise refuse("non_field_errors", "The setting STORAGE describes the store of the default domain.")
    kind = STORAGE_CLASSES[data["storage_class"]]
    given = merged_settings({}, data["storage_settings"])
    try:
        make_storage(domain.id, kind, given)
    except ConfigurationError as error:
        raise refuse("storage_settings", str(error).removeprefix("STORAGE: ")) from None
    kwargs = {"storage_class": kind, "storage_settings": given}
    return call.accepted(MOVE, kwargs, exclusive=[domain_lock(domain.id)])


def domain_endpoint() -> Endpoint:
    order = orderings(Domain, (
        "description", "hide_guarded_distributions", "name", "pulp_labels", "redirect_to_object_storage",
        "storage_class"), storage_settings=Domain.storage_class)
    return Endpoint(
        path="domains", tag="Domains", schema=DomainSchema, rows=domain_rows, resource=DOMAIN,
        keys=[Key("pulp_id", Domain.id)], filters=family_filters(Domain, None, text_filters("name", Domain.name), order),
        operations=[
            listing(), creating(), reading(), *updating_in_task(), *labelling(),
            Operation("delete", "DELETE", _delete, on_item=True, responses={202: AsyncOperation}),
            action("migrate", _migrate, DomainMigration, on_item=False, help="Move the domain to another store, in a task."),
        ],
    )
