"""The browsable API: where a browser asks for HTML, what a program would get as JSON becomes a page with live links, filters
and forms. It changes nothing but the form of an answer; programs, which do not ask for HTML, never come here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import falcon

from api.browse.page import pattern_of, render
from api.endpoints import JSON, Endpoint

#: A page asks nobody else for anything, and runs and styles nothing that stands in it.
POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; "
    "form-action 'self'"
)


class Browsable:
    """Middleware that turns JSON answers to browsers into pages.

    Parameters:
        endpoints: all that there are; a page links the parts of its path that lead to one.
    """

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        self._readable = frozenset(
            pattern_of(endpoint.path_of(operation))
            for endpoint in endpoints for operation in endpoint.operations if operation.method == "GET")

    def process_response(self, request: falcon.Request, response: falcon.Response, resource: Any, ok: bool) -> None:
        if request.method != "GET" or not response.data or not (response.content_type or "").startswith(falcon.MEDIA_JSON):
            return
        response.append_header("Vary", "Accept")
        if not wants_html(request):
            return
        data = json.loads(response.data)
        response.data = render(request, response, resource, data, readable=self._readable, ok=ok).encode()
        response.content_type = "text/html; charset=utf-8"
        response.delete_header("WWW-Authenticate")  # else the browser asks for a password in a window of its own
        response.set_header("Content-Security-Policy", POLICY)
        response.set_header("Referrer-Policy", "same-origin")


def wants_html(request: falcon.Request) -> bool:
    """True for a browser: HTML is named, and not after JSON; and the address does not ask for JSON."""
    accept = request.accept or ""
    return (
        "text/html" in accept and request.client_prefers(("text/html", JSON)) == "text/html"
        and "format=json" not in (request.query_string or "").split("&")
    )
