"""The yardsticks of the content server: a bare aiohttp handler that returns a FileResponse, or nothing but 404."""

from __future__ import annotations

import sys

from aiohttp import web


def main() -> None:
    """Arguments: port, folder."""
    port, folder = int(sys.argv[1]), sys.argv[2]

    async def file(request: web.Request) -> web.StreamResponse:
        return web.FileResponse(f"{folder}/{request.match_info['name']}")

    application = web.Application()
    application.router.add_get("/{name:small|big}", file)
    web.run_app(application, host="127.0.0.1", port=port, access_log=None, print=None)


if __name__ == "__main__":
    main()
