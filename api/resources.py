"""The Falcon resources: one generic class for collections and one for objects, made from declarations. An action's path
is an object's or a collection's with a suffix, and is served by the same classes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import falcon

from api.access.policies import authorize
from api.auth import authenticate
from api.call import Answer, Call
from api.endpoints import ANYONE, Endpoint, Operation
from pulp_actor.security.accounts import NOBODY, current_account

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


class EndpointResource:
    """The operations of one path.

    Attributes:
        allow: the methods there are, as in the ``Allow`` header.
        needs_database: whether a connection is opened before the operation runs.
    """

    def __init__(self, endpoint: Endpoint, operations: Sequence[Operation]) -> None:
        self.endpoint, self.operations = endpoint, tuple(operations)
        self.names: tuple[str, ...] = ()
        self.needs_database = any(operation.uses_database for operation in operations)
        methods = [operation.method for operation in operations]
        for operation in operations:
            responder = self._responder(operation)
            setattr(self, f"on_{operation.method.lower()}", responder)
            if operation.method == "GET":
                self.on_head = responder
        tail = ["HEAD", "OPTIONS"] if "GET" in methods else ["OPTIONS"]
        self.allow = ", ".join([*(method for method in _METHODS if method in methods), *tail])

    def _responder(self, operation: Operation) -> Any:
        open_to_all = self.endpoint.permission_of(operation) == ANYONE

        def respond(request: falcon.Request, response: falcon.Response, **keys: str) -> None:
            account = request.context.account = None if open_to_all else authenticate(request)
            current_account.set(account or NOBODY)
            names = dict(zip(self.names, keys.values(), strict=False))
            call = Call(self.endpoint, operation, request, account, names)
            if not open_to_all:
                authorize(call)
            answer = request.context.answer = operation.run(call)
            send(response, answer)
            for one in answer.cookies:
                if not one.lifetime:  # Falcon leaves out a Max-Age of 0
                    response.unset_cookie(one.name, path="/", same_site="Lax")
                    continue
                response.set_cookie(
                    one.name, one.value, max_age=one.lifetime, path="/", secure=request.scheme == "https",
                    http_only=one.hidden, same_site="Lax")

        return respond


class CollectionResource(EndpointResource):
    """The collection: list and create, and actions on all of it. In its path stand the outer keys."""

    def __init__(self, endpoint: Endpoint, operations: Sequence[Operation]) -> None:
        super().__init__(endpoint, operations)
        self.names = tuple(key.name for key in endpoint.keys[:-1])


class ItemResource(EndpointResource):
    """One object: read, change and delete, and actions on it. In its path stand all keys."""

    def __init__(self, endpoint: Endpoint, operations: Sequence[Operation]) -> None:
        super().__init__(endpoint, operations)
        self.names = tuple(key.name for key in endpoint.keys)


def send(response: falcon.Response, answer: Answer) -> None:
    """Put an answer into Falcon's response."""
    response.status = falcon.code_to_http_status(answer.status)
    for name, value in answer.headers.items():
        response.set_header(name, value)
    if isinstance(answer.body, bytes):
        response.data = answer.body
    elif answer.body is not None:
        response.content_type = falcon.MEDIA_JSON
        response.data = json.dumps(answer.body, separators=(",", ":"), ensure_ascii=False, default=str).encode()
