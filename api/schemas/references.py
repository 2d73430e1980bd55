"""Fields that point at other objects: read from an href or a PRN, resolved to a row, shown as an href."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from marshmallow import ValidationError
from peewee import IntegerField, Model

from api.schemas.fields import Row, Show, WireField
from pulp_actor.domains import of_current_domain
from pulp_actor.errors import NotFound
from pulp_actor.identifiers import Reference as ParsedReference
from pulp_actor.identifiers import ResourceType, href_of, parse_reference, prn_of, registry, version_href
from pulp_actor.models import Content, DetailContent, Repository, RepositoryVersion
from pulp_actor.models.resources import REPOSITORY_VERSION
from pulp_actor.security.accounts import current_account
from pulp_actor.security.permissions import visible


def show_href(model: type[Model], key: str, type_: str | None = None) -> Show:
    """A function from row to href: of ``model``, its key in column ``key`` and its type in column ``type_``."""
    def show(row: Row) -> str | None:
        value = row[key]
        return None if value is None else href_of(registry.get(model, row[type_] if type_ else None), value)
    return show


def show_version_href(prefix: str) -> Show:
    """A function from row to the href of the version in columns ``<prefix>_{number,repository_id,repository_type}``."""
    number, repository, type_ = f"{prefix}_number", f"{prefix}_repository_id", f"{prefix}_repository_type"

    def show(row: Row) -> str | None:
        return None if row[number] is None else version_href(row[type_], row[repository], row[number])
    return show


class Href(WireField):
    """The href of the row itself, or what ``show`` makes."""

    openapi_type = {"type": "string", "format": "uri"}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(read_only=True, **kwargs)


def parse(text: str) -> ParsedReference:
    """`parse_reference`, for references whose key could be one of its type's only. Raises NotFound."""
    parsed = parse_reference(text)
    by_number = isinstance(parsed.resource.model._meta.primary_key, IntegerField)
    if by_number != parsed.key.isdigit():
        raise NotFound(f"{text} does not end in a key of its type")
    return parsed


def find_version(parsed: ParsedReference, text: str) -> RepositoryVersion:
    """The complete version that a reference leads to. Raises NotFound."""
    versions = RepositoryVersion.select(RepositoryVersion, Repository).join(Repository)
    query = of_current_domain(versions).where(RepositoryVersion.complete)
    if parsed.version is not None and parsed.resource.model is Repository:
        query = query.where(
            RepositoryVersion.repository == parsed.key, RepositoryVersion.number == parsed.version,
            Repository.type == parsed.resource.type,
        )
    elif parsed.resource.model is RepositoryVersion:
        query = query.where(RepositoryVersion.id == parsed.key)
    else:
        raise NotFound(f"{text} is not a repository version")
    version = query.where(*seen(REPOSITORY_VERSION, RepositoryVersion.id)).first()
    if version is None:
        raise NotFound(f"there is no repository version {text}")
    return version


def seen(resource: ResourceType, column: Any) -> list[Any]:
    """The condition that an object, by its key in ``column``, can be seen by the user of the request, if it needs one."""
    condition = visible(current_account.get(), [resource], column)
    return [] if condition is None else [condition]


def find_object(text: Any, kind: type[Model], types: Sequence[str] = ()) -> Model:
    """The row of ``kind`` that an href or PRN leads to, in the current domain; with ``types``, of one of these types only.

    Raises:
        NotFound: it is no reference, leads to another kind of object, into another domain, to nothing, or to what the user
            may not see.
    """
    if not isinstance(text, str):
        raise NotFound("a reference is an href or a PRN, as text")
    parsed = parse(text)
    if kind is RepositoryVersion:
        return find_version(parsed, text)
    if parsed.version is not None or not _fits(parsed, kind, types):
        raise NotFound(f"{text} leads to another kind of object than is needed here")
    model = parsed.resource.model
    column = model._meta.primary_key
    query = of_current_domain(model.select().where(column == parsed.key, *seen(parsed.resource, column)))
    row = query.first()
    type_ = parsed.resource.type
    if row is None or (type_ is not None and getattr(row, "type", type_) != type_):
        raise NotFound(f"there is no object {text}")
    return row


def _fits(parsed: ParsedReference, model: type[Model], types: Sequence[str]) -> bool:
    if types and parsed.resource.type not in types:
        return False
    if model is Content:
        return issubclass(parsed.resource.model, Content | DetailContent)
    return parsed.resource.model is model


class Reference(WireField):
    """An object of ``model``; with ``types``, of one of these types. Loads to the model row, stores its key.

    Shows the href from the columns ``<name>_id`` and, where the model holds several types, ``<name>_type``.
    """

    openapi_type = {"type": "string", "format": "uri"}

    def __init__(self, model: type[Model], *, types: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.model, self.types = model, tuple(types)

    def shower(self, name: str) -> Show:
        if self.declared_show is not None:
            return self.declared_show
        if self.model is RepositoryVersion:
            return show_version_href(name)
        return show_href(self.model, f"{name}_id", f"{name}_type" if "type" in self.model._meta.fields else None)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Model:
        try:
            return find_object(value, self.model, self.types)
        except NotFound as error:
            raise ValidationError(f"{str(error)[0].upper()}{str(error)[1:]}.") from None

    def stored(self, name: str, value: Any) -> tuple[str, Any]:
        return self.stored_column(name), str(value.get_id())

    def stored_column(self, name: str) -> str:
        return self.column or f"{name}_id"


class References(WireField):
    """A list of objects of ``model``. Loads to model rows."""

    openapi_type = {"type": "array", "items": {"type": "string", "format": "uri"}}
    default_error_messages = {"invalid": "A list of hrefs or PRNs is needed here."}

    def __init__(
        self, model: type[Model], *, types: Sequence[str] = (), items: dict[str, Any] | None = None, **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model, self.types = model, tuple(types)
        self.openapi_type = self.openapi_type if items is None else {"type": "array", "items": items}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Model]:
        if not isinstance(value, list):
            raise self.make_error("invalid")
        found, errors = [], []
        for text in value:
            try:
                found.append(find_object(text, self.model, self.types))
            except NotFound as error:
                errors.append(f"{error}")
        if errors:
            raise ValidationError(errors)
        return found

    def stored(self, name: str, value: Any) -> tuple[str, Any]:
        return self.column or name, [str(row.get_id()) for row in value]


def show_prn(model: type[Model], key: str, type_: str | None = None) -> Show:
    """A function from row to PRN, as `show_href` is to href."""
    def show(row: Row) -> str | None:
        value = row[key]
        return None if value is None else prn_of(registry.get(model, row[type_] if type_ else None), value)
    return show
