"""Errors as answers: every error a request can end in, as the JSON that clients parse, and never with a traceback."""

from __future__ import annotations

import html
import json
from typing import Any

import falcon
import peewee
import psycopg2
from peewee import InterfaceError, OperationalError

from api.auth import CHALLENGE
from pulp_actor.errors import NotFound, QuotaExceeded, ValidationError
from pulp_actor.logs import get_logger
from pulp_actor.queue import UnknownActor
from pulp_actor.security.encryption import KeyringMissing, Unreadable
from pulp_actor.storage import StorageFull

logger = get_logger(__name__)

_NOT_FOUND_PAGE = (
    '<!doctype html><html lang="en"><title>Not found</title><h1>Not found</h1><p>There is nothing at {}.</p></html>')
_MOVED_PAGE = '<!doctype html><html lang="en"><title>Moved</title><p>This is at <a href="{0}">{0}</a>.</p></html>'


def _answer(response: falcon.Response, status: int, body: Any) -> None:
    response.status = falcon.code_to_http_status(status)
    response.content_type = falcon.MEDIA_JSON
    response.data = json.dumps(body, default=str).encode()


def add_error_handlers(app: falcon.App) -> None:
    """Let ``app`` answer errors as clients expect."""
    app.add_error_handler(Exception, _unexpected)
    for kind in (OperationalError, InterfaceError, psycopg2.OperationalError):
        app.add_error_handler(kind, _no_database)
    app.add_error_handler(peewee.DataError, _refused_value)
    app.add_error_handler(psycopg2.DataError, _refused_value)
    app.add_error_handler(falcon.HTTPError, _http_error)
    app.add_error_handler(falcon.HTTPRouteNotFound, _RouteNotFound(app))
    app.add_error_handler(ValidationError, _invalid)
    app.add_error_handler(NotFound, _not_found)
    app.add_error_handler(Unreadable, _unreadable)
    app.add_error_handler(KeyringMissing, _no_keyring)
    app.add_error_handler(UnknownActor, _not_offered)
    for full in (QuotaExceeded, StorageFull):
        app.add_error_handler(full, _no_room)


def _unexpected(request: falcon.Request, response: falcon.Response, error: Exception, params: Any) -> None:
    logger.error("request failed", method=request.method, path=request.path, exc_info=error)
    _answer(response, 500, {"detail": "Something went wrong on the server; its log says what."})


def _refused_value(request: falcon.Request, response: falcon.Response, error: Exception, params: Any) -> None:
    """A value that no field refused but the database does."""
    logger.warning("value refused by the database", method=request.method, path=request.path, error=str(error).strip())
    _answer(response, 400, {"non_field_errors": ["A value here is more than can be stored."]})


def _no_database(request: falcon.Request, response: falcon.Response, error: Exception, params: Any) -> None:
    code = getattr(error.__cause__ or error, "pgcode", None) or ""
    if code.startswith("54"):  # program limit exceeded: too much of something
        _refused_value(request, response, error, params)
        return
    logger.error("database not available", method=request.method, path=request.path, error=str(error).strip())
    _answer(response, 503, {"detail": "The database is not available."})


def _http_error(request: falcon.Request, response: falcon.Response, error: falcon.HTTPError, params: Any) -> None:
    _answer(response, falcon.http_status_to_code(error.status), {"detail": error.description or error.title})
    if error.headers is not None:
        response.set_headers(error.headers)
    if isinstance(error, falcon.HTTPMethodNotAllowed):
        _answer(response, 405, {"detail": f"{request.method} is not possible here."})
    if isinstance(error, falcon.HTTPUnauthorized):
        response.set_header("WWW-Authenticate", CHALLENGE)


def _invalid(request: falcon.Request, response: falcon.Response, error: ValidationError, params: Any) -> None:
    _answer(response, 400, error.messages)


def _unreadable(request: falcon.Request, response: falcon.Response, error: Unreadable, params: Any) -> None:
    """A secret that this request needs, and that no key opens any more."""
    logger.error("a secret cannot be read", method=request.method, path=request.path, field=error.field)
    message = "This was written under a key that is not in the keyring; give it anew."
    _answer(response, 400, {error.field or "non_field_errors": [message]})


def _no_keyring(request: falcon.Request, response: falcon.Response, error: KeyringMissing, params: Any) -> None:
    logger.error("no encryption key", method=request.method, path=request.path, error=str(error))
    _answer(response, 503, {"detail": "The server's encryption key is missing; its log says more."})


def _not_offered(request: falcon.Request, response: falcon.Response, error: UnknownActor, params: Any) -> None:
    logger.error("request failed", method=request.method, path=request.path, error=str(error))
    _answer(response, 403, {"detail": "This server does not offer this operation."})


def _no_room(request: falcon.Request, response: falcon.Response, error: Exception, params: Any) -> None:
    logger.warning("no room", method=request.method, path=request.path, error=str(error))
    _answer(response, 507, {"detail": f"{str(error)[:1].upper()}{str(error)[1:]}."})


def _not_found(request: falcon.Request, response: falcon.Response, error: NotFound, params: Any) -> None:
    _answer(response, 404, {"detail": f"{str(error)[:1].upper()}{str(error)[1:]}."})


class _RouteNotFound:
    """A path that leads nowhere is told in HTML, as people type paths; one that only lacks its slash is led on."""

    def __init__(self, app: falcon.App) -> None:
        self.app = app

    def __call__(self, request: falcon.Request, response: falcon.Response, error: Exception, params: Any) -> None:
        response.content_type = "text/html; charset=utf-8"
        if not request.path.endswith("/") and self.app._router.find(request.path + "/") is not None:
            target = request.context.path + "/" + (f"?{request.query_string}" if request.query_string else "")
            response.status = falcon.HTTP_301
            response.set_header("Location", target)
            response.text = _MOVED_PAGE.format(html.escape(target))
            return
        response.status = falcon.HTTP_404
        response.text = _NOT_FOUND_PAGE.format(html.escape(request.context.path))
