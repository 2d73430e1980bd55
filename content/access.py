"""The access log: one line a request, with what the cache knew."""

from __future__ import annotations

import logging

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger

#: Whether the meaning of the path was in memory: hit or miss.
CACHE: web.RequestKey[str] = web.RequestKey("cache", str)


class AccessLogger(AbstractAccessLogger):
    """Renders a request and its answer; aiohttp makes one per connection."""

    @property
    def enabled(self) -> bool:
        return self.logger.isEnabledFor(logging.INFO)

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        self.logger.info(
            '%s "%s %s" %d %d %.1fms cache=%s', request.remote or "-", request.method, request.path_qs, response.status,
            response.body_length, time * 1000, request.get(CACHE, "-"),
        )
