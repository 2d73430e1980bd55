"""Conditional reads: a client that polls says which answer it has, and is told in a line that there is no newer one.

Only a request with ``If-None-Match`` (RFC 9110, 13.1.2) is answered with an ``ETag``; a client that has no answer yet sends
one that fits nothing, ``""``. Everybody else pays nothing for it.
"""

from __future__ import annotations

import hashlib
from typing import Any

import falcon


class Conditional:
    """Middleware that answers 304 where the JSON answer is the one that the client has."""

    def process_response(self, request: falcon.Request, response: falcon.Response, resource: Any, ok: bool) -> None:
        given = request.get_header("If-None-Match")
        if given is None or request.method != "GET" or not response.data or response.status_code != 200:
            return
        if not (response.content_type or "").startswith(falcon.MEDIA_JSON):
            return
        tag = f'"{hashlib.blake2b(response.data, digest_size=16).hexdigest()}"'
        response.set_header("ETag", tag)
        if tag in (part.strip().removeprefix("W/") for part in given.split(",")):
            response.status = falcon.HTTP_304
            response.data = None
            response.delete_header("Content-Type")
