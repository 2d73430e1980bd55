"""The OpenAPI document on the wire, and the pages that show it: ReDoc and Swagger UI, from files of ours. The pages forbid
themselves to ask any other host for anything."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from importlib import resources
from typing import Any
from urllib.parse import parse_qs

import falcon
import yaml

from api.endpoints import Endpoint
from api.openapi import Document
from pulp_actor.identifiers import api_root
from pulp_actor.plugins import load_plugins
from pulp_actor.settings import settings

POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; "
    "worker-src blob:; object-src 'none'; frame-ancestors 'none'"
)

_REDOC = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>API reference</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body { margin: 0 } a[href*="redocly.com"] { display: none !important }</style></head>
<body><div id="redoc"></div>
<script src="static/redoc/redoc.standalone.js"></script><script src="static/redoc/start.js"></script></body></html>
"""

_SWAGGER = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>API explorer</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="../docs/static/swagger/swagger-ui.css"></head>
<body><div id="swagger"></div>
<script src="../docs/static/swagger/swagger-ui-bundle.js"></script>
<script src="../docs/static/swagger/start.js"></script></body></html>
"""


class DocumentResource:
    """``docs/api.json`` and ``docs/api.yaml``: with ``component`` (several times or comma-separated) of some components,
    with ``bindings`` for generators of clients, with ``pk_path`` with plain paths."""

    allow = "GET, HEAD, OPTIONS"

    def __init__(self, endpoints: Sequence[Endpoint], form: str) -> None:
        self._endpoints, self._form = endpoints, form
        self._made: dict[Any, dict[str, Any]] = {}
        self._lock = threading.Lock()

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        parameters = parse_qs(request.query_string, keep_blank_values=True)
        known = {endpoint.component for endpoint in self._endpoints}
        components = frozenset(part for text in parameters.get("component", ()) for part in text.split(",") if part)
        if components - known:
            raise falcon.HTTPNotFound(description=f"There is no component {', '.join(sorted(components - known))}.")
        document = self._document(components, "bindings" in parameters, "pk_path" in parameters)
        document = document | {"servers": [{"url": request.prefix}]}
        if self._form == "json":
            response.content_type = "application/vnd.oai.openapi+json"
            response.data = json.dumps(document, separators=(",", ":")).encode()
        else:
            response.content_type = "application/vnd.oai.openapi"
            response.data = yaml.safe_dump(document, sort_keys=False, allow_unicode=True).encode()

    on_head = on_get

    def _document(self, components: frozenset[str], bindings: bool, plain_keys: bool) -> dict[str, Any]:
        key = (components, bindings, plain_keys, settings.DOMAIN_ENABLED)
        with self._lock:
            if key not in self._made:
                versions = {plugin.name: plugin.version for plugin in load_plugins()}
                self._made[key] = Document(
                    self._endpoints, components=components, bindings=bindings, plain_keys=plain_keys, versions=versions,
                ).build()
            return self._made[key]


class PageResource:
    """A page of HTML."""

    allow = "GET, HEAD, OPTIONS"

    def __init__(self, page: str) -> None:
        self._page = page

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        response.content_type = "text/html; charset=utf-8"
        response.set_header("Content-Security-Policy", POLICY)
        response.text = self._page

    on_head = on_get


def add_docs(app: falcon.App, endpoints: Sequence[Endpoint]) -> None:
    """Let ``app`` serve the document and the pages."""
    docs = f"{api_root()}docs/"
    app.add_route(f"{docs}api.json", DocumentResource(endpoints, "json"))
    app.add_route(f"{docs}api.yaml", DocumentResource(endpoints, "yaml"))
    app.add_route(docs, PageResource(_REDOC))
    app.add_route(f"{api_root()}swagger/", PageResource(_SWAGGER))
    app.add_static_route(f"{docs}static", str(resources.files("api") / "static"))
