"""What the content server says of itself rather than of content: alive, ready, how much it does. These paths lie beside
``CONTENT_PATH_PREFIX``, so that a web server in front passes none of them on unless it is told to.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from content.metering import tally
from pulp_actor.health import readiness
from pulp_actor.metrics.exposition import CONTENT_TYPE, expose

Page = Callable[[], Awaitable[web.Response]]


async def _livez() -> web.Response:
    return web.Response(text="alive")


async def _readyz() -> web.Response:
    found = await asyncio.to_thread(readiness)
    return web.Response(
        status=200 if all(found.values()) else 503, text=json.dumps(found), content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


async def _metrics() -> web.Response:
    tally.flush()
    return web.Response(body=await asyncio.to_thread(expose), headers={"Content-Type": CONTENT_TYPE})


#: Path: what answers a GET or HEAD for it.
PAGES: Mapping[str, Page] = {"/livez/": _livez, "/readyz/": _readyz, "/metrics": _metrics}
