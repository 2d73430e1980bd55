"""The browsable API: where a browser asks for HTML, what a program would get as JSON becomes a page with live links and
forms. It changes nothing but the form of an answer; programs, which do not ask for HTML, never come here."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import escape
from typing import Any
from urllib.parse import quote

import falcon

from api.call import instance_of
from api.docs import POLICY
from api.endpoints import JSON, Endpoint, Operation
from api.resources import EndpointResource
from api.schemas.base import WireSchema
from pulp_actor.identifiers import api_prefix

_LINK = re.compile(r"^(?:https?://[^\s\"'<>]+|/[^\s\"'<>]*)$")

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="{static}browse/browse.css"><script src="{static}browse/browse.js" defer></script></head>
<body><header><nav>{crumbs}</nav>
<nav><a href="{root}docs/">reference</a> <a href="{root}swagger/">explorer</a></nav></header>
<main><h1>{title}</h1><p class="status"><b>{method}</b> {path} <b>{status}</b> <span>Allow: {allow}</span></p>
<pre class="json">{body}</pre>{forms}</main></body></html>
"""


class Browsable:
    """Middleware that turns JSON answers to browsers into pages."""

    def process_response(self, request: falcon.Request, response: falcon.Response, resource: Any, ok: bool) -> None:
        if request.method != "GET" or not wants_html(request) or not response.data:
            return
        if not (response.content_type or "").startswith(falcon.MEDIA_JSON):
            return
        data = json.loads(response.data)
        operations = resource.operations if isinstance(resource, EndpointResource) and ok else ()
        endpoint = resource.endpoint if isinstance(resource, EndpointResource) else None
        response.data = _page(request, response, data, endpoint, operations).encode()
        response.content_type = "text/html; charset=utf-8"
        response.set_header("Content-Security-Policy", POLICY)
        response.set_header("Vary", "Accept")


def wants_html(request: falcon.Request) -> bool:
    """True for a browser: HTML is named, and not after JSON."""
    accept = request.accept or ""
    return "text/html" in accept and request.client_prefers(("text/html", JSON)) == "text/html"


def _page(
    request: falcon.Request, response: falcon.Response, data: Any, endpoint: Endpoint | None,
    operations: tuple[Operation, ...],
) -> str:
    root = api_prefix()
    return _PAGE.format(
        title=escape(endpoint.tag if endpoint and endpoint.tag else "Pulp API"), static=f"{root}docs/static/", root=root,
        crumbs=_crumbs(request.path), method=request.method, status=escape(str(response.status)),
        path=escape(request.path + (f"?{request.query_string}" if request.query_string else "")),
        allow=escape(getattr(request.context, "allow", "")), body="".join(_render(data, 0)),
        forms="".join(_form(endpoint, one, data) for one in operations if endpoint) if operations else "",
    )


def _crumbs(path: str) -> str:
    """A link for each part of the path below the API root that may lead somewhere."""
    root = api_prefix()
    found, here = [f'<a href="{root}">API</a>'], root
    for part in path.removeprefix(root).strip("/").split("/"):
        if part:
            here += f"{quote(part)}/"
            found.append(f'<a href="{escape(here)}">{escape(part)}</a>')
    return " / ".join(found)


def _render(value: Any, depth: int) -> Iterator[str]:
    """JSON as HTML: indented, coloured by type, with links where a text is an address."""
    pad, end = "  " * (depth + 1), "  " * depth
    if isinstance(value, dict) and value:
        yield "{\n"
        for number, (name, part) in enumerate(value.items()):
            yield f'{pad}<b>{escape(json.dumps(name, ensure_ascii=False))}</b>: '
            yield from _render(part, depth + 1)
            yield ",\n" if number < len(value) - 1 else "\n"
        yield end + "}"
    elif isinstance(value, list) and value:
        yield "[\n"
        for number, part in enumerate(value):
            yield pad
            yield from _render(part, depth + 1)
            yield ",\n" if number < len(value) - 1 else "\n"
        yield end + "]"
    else:
        yield _scalar(value)


def _scalar(value: Any) -> str:
    text = escape(json.dumps(value, ensure_ascii=False))
    if isinstance(value, str):
        if _LINK.match(value):
            return f'<a href="{escape(value)}">{text}</a>'
        return f"<i>{text}</i>"
    return f"<u>{text}</u>"


def _form(endpoint: Endpoint, operation: Operation, data: Any) -> str:
    """A form for an operation of this path that takes JSON or nothing."""
    if operation.method == "GET" or (operation.request is not None and JSON not in operation.media):
        return ""
    body = ""
    if operation.request is not None:
        sample = _sample(endpoint, operation, data)
        rows = min(2 + len(sample), 24)
        text = escape(json.dumps(sample, indent=2, ensure_ascii=False))
        body = f'<textarea name="body" rows="{rows}" spellcheck="false">{text}</textarea>'
    label = f"{operation.method} {operation.action.replace('_', ' ')}"
    return (
        f'<form data-method="{operation.method}"><fieldset><legend>{escape(label)}</legend>'
        f"<p>{escape(operation.help)}</p>{body}<button>{operation.method}</button><output></output></fieldset></form>"
    )


def _sample(endpoint: Endpoint, operation: Operation, data: Any) -> dict[str, Any]:
    """What the form begins with: what the object has now, or what a new one needs."""
    schema = endpoint.schema if operation.request is WireSchema else operation.request
    assert schema is not None
    fields = {name: field for name, field in instance_of(schema).wire_fields.items() if not field.dump_only}
    if operation.on_item and isinstance(data, dict):
        return {name: data[name] for name, field in fields.items() if name in data and not field.load_only}
    return {name: field.example() for name, field in fields.items() if field.required or not field.load_only}
