"""Forms for what can be done at a path, made from the operation's schema: one control for each field that a request may
have, with its help, its limits and the value it has now. ``static/browse/browse.js`` turns a filled form into a request."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from marshmallow.validate import Length, Range

from api.call import instance_of
from api.endpoints import JSON, Endpoint, Operation
from api.schemas import fields as kinds
from api.schemas.base import WireSchema
from api.schemas.nested import Object
from api.schemas.references import Reference, References


@dataclass(frozen=True)
class Control:
    """One control of a form.

    Attributes:
        kind: what the script makes of it: ``text``, ``number``, ``boolean``, ``lines`` (a list of texts), ``json``,
            ``file``, ``header``.
        shape: how it looks: ``input``, ``area``, ``select``.
        type: the ``type`` of an input.
        value: what stands in it at first; a request names only what differs from that, and what is required.
        choices: what a select offers.
        attributes: further HTML attributes.
    """

    name: str
    kind: str
    shape: str = "input"
    type: str = "text"
    value: str = ""
    choices: Sequence[str] = ()
    help: str = ""
    required: bool = False
    nullable: bool = False
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Form:
    """One operation of a page.

    Attributes:
        url: where it is sent.
        multipart: sent as multipart/form-data and not as JSON.
        partial: only what has been changed is sent.
        undoing: what it does cannot be undone, so it asks first.
    """

    method: str
    title: str
    url: str
    help: str
    controls: Sequence[Control]
    multipart: bool
    partial: bool
    undoing: bool


_TITLES = {"update": "replace", "partial_update": "change"}


def forms_of(endpoint: Endpoint, operations: Sequence[Operation], base: str, data: Any) -> list[Form]:
    """The forms of a page at ``base`` that shows ``data``. Where an object can be changed in part, there is no form to
    replace it."""
    methods = {one.method for one in operations if not one.suffix}
    wanted = [one for one in operations if one.method != "GET" and not (one.method == "PUT" and "PATCH" in methods)]
    return [_form(endpoint, one, base, data) for one in sorted(wanted, key=_rank)]


def _rank(operation: Operation) -> tuple[int, bool]:
    """What makes or changes the object of the page comes first, what deletes it last."""
    return ("POST", "PATCH", "PUT", "DELETE").index(operation.method) if not operation.suffix else 2, bool(operation.suffix)


def _form(endpoint: Endpoint, operation: Operation, base: str, data: Any) -> Form:
    schema = endpoint.schema if operation.request is WireSchema else operation.request
    current = data if operation.on_item and not operation.suffix and isinstance(data, dict) else {}
    fields = [] if schema is None else [
        (name, one) for name, one in instance_of(schema).wire_fields.items() if not one.dump_only]
    fields.sort(key=lambda pair: not pair[1].required)  # what is needed comes first
    return Form(
        method=operation.method, title=_TITLES.get(operation.action) or operation.action.replace("_", " "),
        help=operation.help, url=f"{base}{operation.suffix}/" if operation.suffix else base,
        controls=[
            *(_control(name, one, current, partial=operation.partial) for name, one in fields),
            *(Control(name, "header", help="A header of the request.") for name in operation.headers)],
        multipart=JSON not in operation.media, partial=operation.partial, undoing=operation.method == "DELETE",
    )


def _control(name: str, one: kinds.WireField, current: dict[str, Any], *, partial: bool) -> Control:
    value = current[name] if name in current else None if partial else one.example()
    common: dict[str, Any] = {
        "name": name, "help": one.help, "required": one.required and not partial, "nullable": one.allow_none,
        "attributes": _limits(one),
    }
    if isinstance(one, kinds.File):
        return Control(kind="file", type="file", **common)
    if isinstance(one, kinds.Boolean):
        return Control(kind="boolean", shape="select", choices=("true", "false"), value=_text(value), **common)
    if isinstance(one, kinds.Choice):
        return Control(kind="text", shape="select", choices=one.choices, value=_text(value), **common)
    if isinstance(one, kinds.Integer | kinds.Number):
        return Control(kind="number", type="number", value=_text(value), **common)
    if isinstance(one, References) or (isinstance(one, kinds.ListOf) and isinstance(one.item, kinds.Text)):
        return Control(kind="lines", shape="area", value="\n".join(map(str, value or ())), **common)
    if isinstance(one, kinds.Json | kinds.Labels | Object | kinds.ListOf):
        return Control(kind="json", shape="area", value=_pretty(value), **common)
    return _text_control(one, value, current, common)


def _text_control(one: kinds.WireField, value: Any, current: dict[str, Any], common: dict[str, Any]) -> Control:
    attributes = common["attributes"]
    if isinstance(one, Reference):
        attributes["placeholder"] = "href or PRN"
    if isinstance(one, kinds.DateTime):
        attributes["placeholder"] = "2026-01-31T12:00:00Z"
    long = "PEM" in one.help
    if isinstance(one, kinds.Secret) and not long:
        attributes["autocomplete"] = "new-password"
        if {"name": common["name"], "is_set": True} in current.get("hidden_fields", ()):
            attributes["placeholder"] = "is set, and is not shown"
        return Control(kind="text", type="password", **common)
    return Control(kind="text", shape="area" if long else "input", value=_text(value), **common)


def _limits(one: kinds.WireField) -> dict[str, Any]:
    """The limits of a field that HTML knows, too."""
    found: dict[str, Any] = {"step": "any"} if isinstance(one, kinds.Number) else {}
    for validator in one.validators:
        if isinstance(validator, Range):
            found |= {name: value for name, value in (("min", validator.min), ("max", validator.max)) if value is not None}
        elif isinstance(validator, Length) and validator.max is not None:
            found["maxlength"] = validator.max
    return found


def _text(value: Any) -> str:
    if value is None:
        return ""
    return json.dumps(value) if isinstance(value, bool) else str(value)


def _pretty(value: Any) -> str:
    return "" if value in (None, "") else json.dumps(value, indent=2, ensure_ascii=False)
