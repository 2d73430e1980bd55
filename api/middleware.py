"""What surrounds each request: its correlation id, its domain, its database connection, and the files it brought."""

from __future__ import annotations

from typing import Any

import falcon

from pulp_actor.db import database
from pulp_actor.domains import enter_domain, find_domain, leave_domain
from pulp_actor.identifiers import api_root, split_api_path
from pulp_actor.logs import correlation_id, enter_request
from pulp_actor.security.accounts import current_account
from pulp_actor.settings import settings


class RequestScope:
    """Opens what a request needs and closes all of it at its end, however it ends."""

    def process_request(self, request: falcon.Request, response: falcon.Response) -> None:
        request.context.received = []
        request.context.path = request.path
        response.set_header("Correlation-ID", enter_request(request.get_header("Correlation-ID")))
        self._refuse_foreign_pages(request)
        self._enter_domain(request)

    def _enter_domain(self, request: falcon.Request) -> None:
        """Work in the domain that the path names, and let the request be routed as if it named none; a path that names none
        leads into the default domain."""
        request.context.domain = None
        split = split_api_path(request.path) if settings.DOMAIN_ENABLED else None
        if split is None or not split[0]:
            return
        domain = find_domain(split[0])
        if domain is None:
            raise falcon.HTTPRouteNotFound()
        request.context.domain = enter_domain(domain)
        request.path = api_root() + split[1]  # put back as soon as it has been routed

    def _refuse_foreign_pages(self, request: falcon.Request) -> None:
        """A browser that remembers credentials sends them with a form on anybody's page; it says so, too."""
        if request.method not in ("GET", "HEAD", "OPTIONS") and (
                request.get_header("Sec-Fetch-Site") in ("cross-site", "same-site")):
            raise falcon.HTTPForbidden(description="Another site's page asked for this.")

    def process_resource(self, request: falcon.Request, response: falcon.Response, resource: Any, params: Any) -> None:
        request.path = request.context.path
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
        if getattr(request.context, "domain", None) is not None:
            leave_domain(request.context.domain)
        current_account.set(None)
