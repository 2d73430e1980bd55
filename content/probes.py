"""What the content server says of itself rather than of content: alive, ready. These paths lie beside
``CONTENT_PATH_PREFIX``, so that a web server in front passes none of them on unless it is told to.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from pulp_actor.health import readiness

Page = Callable[[], Awaitable[web.Response]]


async def _livez() -> web.Response:
    return web.Response(text="alive")


async def _readyz() -> web.Response:
    found = await asyncio.to_thread(readiness)
    return web.Response(
        status=200 if all(found.values()) else 503, text=json.dumps(found), content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


#: Path: what answers a GET or HEAD for it.
PAGES: Mapping[str, Page] = {"/livez/": _livez, "/readyz/": _readyz}
