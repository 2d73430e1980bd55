"""What surrounds each request: its correlation id, its database connection, and the files it brought."""

from __future__ import annotations

import re
import uuid
from typing import Any

import falcon

from pulp_actor.db import database
from pulp_actor.logs import correlation_id

_SANE_ID = re.compile(r"^[\x21-\x7e]{1,200}$")


class RequestScope:
    """Opens what a request needs and closes all of it at its end, however it ends."""

    def process_request(self, request: falcon.Request, response: falcon.Response) -> None:
        given = request.get_header("Correlation-ID") or ""
        cid = given if _SANE_ID.match(given) else uuid.uuid4().hex
        correlation_id.set(cid)
        request.context.received = []
        response.set_header("Correlation-ID", cid)
        self._refuse_foreign_pages(request)

    def _refuse_foreign_pages(self, request: falcon.Request) -> None:
        """A browser that remembers credentials sends them with a form on anybody's page; it says so, too."""
        if request.method not in ("GET", "HEAD", "OPTIONS") and (
                request.get_header("Sec-Fetch-Site") in ("cross-site", "same-site")):
            raise falcon.HTTPForbidden(description="Another site's page asked for this.")

    def process_resource(self, request: falcon.Request, response: falcon.Response, resource: Any, params: Any) -> None:
        allow = getattr(resource, "allow", "")
        if allow:
            request.context.allow = allow
        if getattr(resource, "needs_database", False) and database.is_closed():
            database.connect()

    def process_response(self, request: falcon.Request, response: falcon.Response, resource: Any, ok: bool) -> None:
        if not database.is_closed():
            database.close()
        for received in request.context.received:
            received.discard()
        allow = getattr(request.context, "allow", "")
        if allow:
            response.set_header("Allow", allow)
        correlation_id.set("")
