"""Serves the console's files: one page, our style sheets and modules, a vendored library. The page may load nothing from
anywhere else, run no inline script and be framed by nobody; it speaks to the API like any other client."""

from __future__ import annotations

from importlib import resources
from typing import Any

import falcon

from pulp_actor.identifiers import console_path

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)

_HEADERS = {
    "Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin", "Cache-Control": "no-cache",
}

#: What a script of a page sends with its requests, so that a refusal does not make the browser ask for a password itself.
_BY_SCRIPT = "XMLHttpRequest"


class ConsolePage:
    """The one page there is; which of its views is shown stands behind the ``#`` of the address."""

    allow = "GET, HEAD, OPTIONS"

    def __init__(self, page: bytes) -> None:
        self._page = page

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        response.content_type = "text/html; charset=utf-8"
        response.data = self._page

    on_head = on_get


class ConsoleHeaders:
    """Middleware for what the console's answers, and answers to its scripts, have in particular."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def process_response(self, request: falcon.Request, response: falcon.Response, resource: Any, ok: bool) -> None:
        if request.path.startswith(self._prefix):
            response.set_headers(_HEADERS)
        elif request.get_header("X-Requested-With") == _BY_SCRIPT:
            response.delete_header("WWW-Authenticate")
            response.set_header("Cache-Control", "no-store")


def add_console(app: falcon.App) -> None:
    """Let ``app`` serve the console."""
    prefix, files = console_path(), resources.files("api") / "static" / "console"
    app.add_middleware(ConsoleHeaders(prefix))
    app.add_route(prefix, ConsolePage((files / "index.html").read_bytes()))
    app.add_static_route(f"{prefix}static", str(files))
