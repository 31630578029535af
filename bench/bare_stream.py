"""The ceiling for reading an attachment: aiohttp streaming the same number of bytes, in the same chunks, from memory.

Usage: python -m bench.bare_stream BYTES CHUNK. Prints its URL.
"""

import os
import sys

from aiohttp import web

from bench.serve_bare import run


def main() -> None:
    """Stream random bytes to every GET until SIGTERM."""
    size, chunk = int(sys.argv[1]), int(sys.argv[2])
    data = os.urandom(size)
    chunks = [data[start : start + chunk] for start in range(0, size, chunk)]

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": str(size)})
        await response.prepare(request)
        for piece in chunks:
            await response.write(piece)
        return response

    app = web.Application()
    app.router.add_get("/db/doc/bytes", answer)
    run(app)


if __name__ == "__main__":
    main()
