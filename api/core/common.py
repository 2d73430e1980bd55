"""What the families share: their endpoints, filters, orderings, label actions, and the query for the columns of a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from peewee import Model, Select

from api.call import Answer, Call
from api.endpoints import Endpoint, Key, Operation
from api.filters import Filter, FilterSet, choice_filters, custom, identity_filters, key_of, label_filter
from api.operations import action, listing
from api.schemas.base import ObjectSchema
from api.schemas.common import SetLabel, UnsetLabel
from pulp_actor.db import transaction
from pulp_actor.identifiers import ResourceType, registry
from pulp_actor.models import Content, DetailContent


def columns(model: type[Model], *, without: Sequence[str] = ()) -> list[Any]:
    """The columns of a model, in its table's words, but for some fields."""
    return [field for field in model._meta.sorted_fields if field.name not in without]


def orderings(model: type[Model], names: Sequence[str], **special: Any) -> dict[str, Any]:
    """Name in ``ordering`` -> column, for fields of ``model`` and the names that every object can be ordered by."""
    found = {name: getattr(model, name) for name in names}
    key = model._meta.primary_key
    found |= {"pk": key, "pulp_id": key}
    for name in ("pulp_created", "pulp_last_updated"):
        if name in model._meta.fields:
            found[name] = getattr(model, name)
    if "type" in model._meta.fields:
        found["pulp_type"] = model.type  # type: ignore[attr-defined]
    return found | special


def newest_first(model: type[Model]) -> list[Any]:
    """The order of a list whose request names none."""
    key: Any = model._meta.primary_key
    return [model.pulp_created.desc(), key.desc()]  # type: ignore[attr-defined]


def family_filters(model: type[Model], type_: str | None, filters: Sequence[Filter], order: dict[str, Any]) -> FilterSet:
    """Filters of a family's list: of one type, or (``type_`` None) of all types, with ``pulp_type``."""
    found = [*identity_filters(model._meta.primary_key, model), *filters]
    if "pulp_labels" in model._meta.fields:
        found.append(label_filter(model.pulp_labels))  # type: ignore[attr-defined]
    if type_ is None and "type" in model._meta.fields:
        found += _type_filters(model)
    return FilterSet(found, order, newest_first(model))


@dataclass(frozen=True)
class Family:
    """Types of object that share a table. Each has an endpoint of its own, and there is a list over all of them.

    Attributes:
        path, tag, component: of the list over all types.
        schema: what an object of any type looks like; a type's schema derives from it.
        rows: makes the query for all rows of a type; None: of every type.
        filters: makes what a type's list can be filtered and ordered by; None: the list over all types.
        operations: makes what every type offers, with the type's own operations behind it.
    """

    path: str
    tag: str
    schema: type[ObjectSchema]
    rows: Callable[[str | None], Select]
    filters: Callable[[str | None], FilterSet]
    operations: Callable[..., list[Operation]]
    component: str = "core"

    def of_type(
        self, resource: ResourceType, schema: type[ObjectSchema], *, tag: str, operations: Sequence[Operation] = (),
        **options: Any,
    ) -> Endpoint:
        """The endpoint of one type, with ``operations`` of its own; ``options`` take the place of what follows from the
        family, as attributes of `Endpoint`."""
        return replace(Endpoint(
            path=resource.path, tag=tag, component=resource.component, schema=schema, resource=resource,
            rows=partial(self.rows, resource.type), keys=[Key("pulp_id", resource.model.id)],
            filters=self.filters(resource.type), operations=self.operations(*operations),
        ), **options)

    def of_all(self) -> Endpoint:
        """The list over objects of all types."""
        return Endpoint(
            path=self.path, tag=self.tag, component=self.component, schema=self.schema, rows=partial(self.rows, None),
            filters=self.filters(None), operations=[listing()])


def unit_filters(condition: Callable[[list[str]], Any]) -> list[Filter]:
    """``content`` and ``content__in``: rows by units of content, given by hrefs or PRNs; ``condition`` takes their keys."""
    def having(texts: list[str]) -> Any:
        return condition([key_of(text, Content, DetailContent) for text in texts])

    return [custom("content", lambda text: having([text])), custom("content__in", having, many=True)]


def _type_filters(model: type[Model]) -> list[Filter]:
    types = sorted(resource.type for resource in registry.of_model(model) if resource.type)
    return choice_filters("pulp_type", model.type, types)  # type: ignore[attr-defined]


def _set_label(call: Call) -> Answer:
    data = call.read()
    with transaction():
        row = _locked(call)
        row.pulp_labels[data["key"]] = data["value"]
        _save_labels(row)
    return Answer(min(call.operation.responses), {"key": data["key"], "value": data["value"]})


def _unset_label(call: Call) -> Answer:
    data = call.read()
    with transaction():
        row = _locked(call)
        value = row.pulp_labels.pop(data["key"], None)
        _save_labels(row)
    return Answer(min(call.operation.responses), {"key": data["key"], "value": value})


def _locked(call: Call) -> Any:
    row = call.instance
    model = _labelled(row)
    return model.select().where(model._meta.primary_key == row.get_id()).for_update().get()


def _labelled(row: Any) -> type[Model]:
    """The model that holds the labels: the row's own, or that of the unit of content it details."""
    return Content if isinstance(row, DetailContent) else type(row)


def _save_labels(row: Any) -> None:
    row.touch()
    row.save(only=["pulp_labels", "pulp_last_updated"])


def labelling(status: int = 201) -> list[Operation]:
    """``set_label/`` and ``unset_label/``, which answer with ``status``."""
    return [
        action("set_label", _set_label, SetLabel, responses={status: SetLabel}, help="Set one label."),
        action("unset_label", _unset_label, UnsetLabel, responses={status: UnsetLabel}, help="Take one label away."),
    ]
