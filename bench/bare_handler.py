"""The ceiling for reads: one static route of a ``web.Application`` under uvloop, access log off.

Usage: python -m bench.bare_handler '{"status": ..., "headers": {...}, "body": "..."}'. Prints its URL.
"""

import json
import sys

from aiohttp import web

from bench.serve_bare import run


def main() -> None:
    """Serve the reply given as the first argument until SIGTERM."""
    reply = json.loads(sys.argv[1])
    body = reply["body"].encode()
    headers = reply["headers"]
    status = reply["status"]

    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status, headers=headers, body=body)

    app = web.Application()
    app.router.add_get("/db/doc", answer)
    run(app)


if __name__ == "__main__":
    main()
