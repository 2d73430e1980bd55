"""The operations that most endpoints have, ready to be put into a declaration: list, create, read, update, delete."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from api.access.visibility import restriction
from api.call import Answer, Call
from api.endpoints import Operation
from api.pagination import Page
from api.queries import count, fetch, limited
from api.schemas.base import WireSchema
from api.schemas.common import AsyncOperation
from pulp_actor.domains import domain_resource
from pulp_actor.errors import NotFound
from pulp_actor.models import mutations

GENERAL_CREATE = "pulpcore.app.tasks.base.general_create"
GENERAL_UPDATE = "pulpcore.app.tasks.base.general_update"
GENERAL_DELETE = "pulpcore.app.tasks.base.general_delete"


def _list(call: Call) -> Answer:
    endpoint = call.endpoint
    page = Page.of(call.params)
    conditions, costly = endpoint.filters.condition(call.params)
    order = endpoint.filters.order(call.params.get("ordering", ()))
    show = endpoint.wire.shower(call.values("fields"), call.values("exclude_fields"))
    if endpoint.owner is not None:
        call.owner()  # what is not there has no list in it
    limit = restriction(call)
    conditions = [*endpoint.scope(call.keys), *conditions, *([] if limit is None else [limit])]
    query = endpoint.visible()
    for condition in conditions:
        query = query.where(condition)
    with limited(costly):
        total = _count(call, conditions, limited_view=limit is not None)
        rows = fetch(query.order_by(*order).limit(page.limit).offset(page.offset)) if page.offset < total else []
    return Answer(200, page.body(call.url, call.params, total, [show(row) for row in rows]))


def _count(call: Call, conditions: list[Any], *, limited_view: bool) -> int:
    endpoint = call.endpoint
    known = None if endpoint.known_count is None or limited_view else endpoint.known_count(call.params)
    if known is not None:
        return known
    query = endpoint.visible(endpoint.counted)
    for condition in conditions:
        query = query.where(condition)
    return count(query)


def listing(**options: Any) -> Operation:
    """The list, by pages."""
    return Operation("list", "GET", _list, responses={200: "page"}, **options)


def _read(call: Call) -> Answer:
    show = call.endpoint.wire.shower(call.values("fields"), call.values("exclude_fields")) if call.params else None
    row = call.row()
    return Answer(200, show(row) if show else call.endpoint.wire.show(row))


def reading(**options: Any) -> Operation:
    """One object."""
    return Operation("read", "GET", _read, on_item=True, responses={200: "object"}, **options)


def created(call: Call, key: Any) -> Answer:
    """201 with the object that has just been made, whose last key is ``key``."""
    names = [part.name for part in call.endpoint.keys]
    row = call.endpoint.read({**call.keys, names[-1]: str(key)})
    if row is None:
        raise NotFound("the object has gone already")
    body = call.endpoint.wire.show(row)
    return Answer(201, body, {"Location": body.get("pulp_href", call.request.path)})


def _create(call: Call) -> Answer:
    endpoint = call.endpoint
    assert endpoint.resource is not None
    data = endpoint.wire.stored(call.read(schema=endpoint.wire))
    row = mutations.create(endpoint.resource, data)
    return created(call, row.get_id())


def creating(**options: Any) -> Operation:
    """Make an object at once: 201."""
    return Operation("create", "POST", _create, request=WireSchema, responses={201: "object"}, **options)


def _create_in_task(call: Call) -> Answer:
    endpoint = call.endpoint
    assert endpoint.resource is not None
    data = endpoint.wire.stored(call.read(schema=endpoint.wire))
    mutations.check(endpoint.resource, data)
    return call.accepted(
        GENERAL_CREATE, {"resource": endpoint.resource.path, "data": data},
        exclusive=[collection_lock(call)], immediate=True,
    )


def creating_in_task(**options: Any) -> Operation:
    """Make an object in a task: 202. It runs at once if nobody else is changing the collection."""
    return Operation("create", "POST", _create_in_task, request=WireSchema, responses={202: AsyncOperation}, **options)


def collection_lock(call: Call) -> str:
    """The resource that stands for the whole collection of a model, for rules that look at all of it."""
    assert call.endpoint.resource is not None
    return domain_resource(f"collection:{call.endpoint.resource.model._meta.table_name}")


def _change(call: Call) -> tuple[Any, dict[str, Any]]:
    endpoint = call.endpoint
    assert endpoint.resource is not None
    row = call.instance
    data = endpoint.wire.stored(call.read(current=row, schema=endpoint.wire))
    changes = mutations.differences(row, data)
    mutations.check(endpoint.resource, changes, row)
    return row, changes


def _update(call: Call) -> Answer:
    row, changes = _change(call)
    if changes:
        assert call.endpoint.resource is not None
        mutations.update(call.endpoint.resource, row.get_id(), changes)
    return Answer(200, call.endpoint.wire.show(call.row()))


def _update_in_task(call: Call, *, lock_collection: bool) -> Answer:
    """Nothing to change: 200 with the object. Else 202: a task, which has ended already if its locks were free."""
    row, changes = _change(call)
    if not changes:
        return Answer(200, call.endpoint.wire.show(call.row()))
    assert call.endpoint.resource is not None
    kwargs = {"resource": call.endpoint.resource.path, "key": str(row.get_id()), "data": changes}
    locks = [row, collection_lock(call)] if lock_collection else [row]
    return call.accepted(GENERAL_UPDATE, kwargs, exclusive=locks, immediate=True)


def _both(run: Callable[[Call], Answer], responses: dict[int, Any], options: dict[str, Any]) -> list[Operation]:
    return [
        Operation("update", "PUT", run, on_item=True, request=WireSchema, responses=responses, **options),
        Operation(
            "partial_update", "PATCH", run, on_item=True, request=WireSchema, partial=True, responses=responses,
            **options,
        ),
    ]


def updating(**options: Any) -> list[Operation]:
    """PUT and PATCH that change an object at once."""
    return _both(_update, {200: "object"}, options)


def updating_in_task(*, lock_collection: bool = False, **options: Any) -> list[Operation]:
    """PUT and PATCH through a task that locks the object and, on request, its whole collection."""
    def run(call: Call) -> Answer:
        return _update_in_task(call, lock_collection=lock_collection)

    return _both(run, {200: "object", 202: AsyncOperation}, options)


def _delete(call: Call) -> Answer:
    assert call.endpoint.resource is not None
    mutations.delete(call.endpoint.resource, call.instance.get_id())
    return Answer(204)


def deleting(**options: Any) -> Operation:
    """Delete an object at once: 204."""
    return Operation("delete", "DELETE", _delete, on_item=True, responses={204: None}, **options)


def _delete_in_task(call: Call) -> Answer:
    assert call.endpoint.resource is not None
    row = call.instance
    kwargs = {"resource": call.endpoint.resource.path, "key": str(row.get_id())}
    return call.accepted(GENERAL_DELETE, kwargs, exclusive=[row], immediate=True)


def deleting_in_task(**options: Any) -> Operation:
    """Delete an object in a task that locks it: 202."""
    return Operation("delete", "DELETE", _delete_in_task, on_item=True, responses={202: AsyncOperation}, **options)


def action(
    name: str, run: Callable[[Call], Answer], request: type[WireSchema] | None = None, *, on_item: bool = True,
    method: str = "POST", responses: dict[int, Any] | None = None, **options: Any,
) -> Operation:
    """Something else that can be done to an object (or, not ``on_item``, to the collection); by default a task."""
    options.setdefault("suffix", name)
    return Operation(
        name, method, run, on_item=on_item, request=request, responses=responses or {202: AsyncOperation}, **options)
