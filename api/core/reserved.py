"""Endpoints of the contract that this server has the place of but not the behaviour: lists are empty, there is nothing to
read, and what would make something is refused with 403. A feature takes its endpoint out of here when it brings it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from peewee import SQL

from api.call import Answer, Call
from api.core.roles import not_available
from api.endpoints import Operation
from api.filters import Filter, FilterSet, identity_filters, text_filters
from api.pagination import Page
from api.schemas.base import WireSchema
from api.schemas.common import AsyncOperation
from pulp_actor.errors import NotFound

#: Stands for a column of a table that there is not.
NOTHING: Any = SQL("NULL")

IDENTITY = ("pk", "pulp_created", "pulp_id", "pulp_last_updated")


def _empty(call: Call) -> Answer:
    call.endpoint.filters.condition(call.params)
    call.endpoint.filters.order(call.params.get("ordering", ()))
    return Answer(200, Page.of(call.params).body(call.url, call.params, 0, []))


def _absent(call: Call) -> Answer:
    raise NotFound("there is no such object")


def absent(operations: Sequence[Operation]) -> list[Operation]:
    """Operations on objects, where there is no object."""
    return [replace(one, run=_absent) for one in operations]


def reserved_filters(filters: Sequence[Filter], order: Sequence[str], *, identity: bool = True) -> FilterSet:
    every = [*identity_filters(NOTHING), *filters] if identity else list(filters)
    return FilterSet(every, dict.fromkeys(order, NOTHING), query_language=identity)


def _names() -> list[Filter]:
    return text_filters("name", NOTHING)


def reserved_operations(
    *actions: str, request: type[WireSchema] | None = None, created: Any = None, deleted: int = 204,
    updated: dict[int, Any] | None = None,
) -> list[Operation]:
    """The usual operations, by name; ``request`` stands for the endpoint's own schema where it is None."""
    body = request or WireSchema
    change: dict[str, Any] = {"on_item": True, "request": WireSchema, "responses": updated or {200: "object"}}
    every = {
        "list": Operation("list", "GET", _empty, responses={200: "page"}),
        "create": Operation("create", "POST", not_available, request=body, responses=created or {201: "object"}),
        "read": Operation("read", "GET", _absent, on_item=True, responses={200: "object"}),
        "update": Operation("update", "PUT", _absent, **change),
        "partial_update": Operation("partial_update", "PATCH", _absent, partial=True, **change),
        "delete": Operation("delete", "DELETE", _absent, on_item=True, responses={
            deleted: AsyncOperation if deleted == 202 else None}),
    }
    return [every[name] for name in actions]


_TEXTS = {"type": "array", "items": {"type": "string"}}

ALL = ("list", "create", "read", "update", "partial_update", "delete")
CHANGE_IN_TASK = {200: "object", 202: AsyncOperation}
