"""How a client of a soak asks: answers, or the three ways in which there is none.

Owns the request and what may be made of its failure. It knows nothing of documents.
"""

import asyncio
from collections.abc import Mapping
from io import BytesIO
from typing import Any

import aiohttp
import msgspec

from tests.soak.server import Server

STALLED_SECONDS = 60.0
BUSY = (503,)
FULL = 507


class LostError(Exception):
    """The connection broke while the server was being ended: nobody knows what happened."""


class RefusedError(Exception):
    """The server said that it did nothing: it stops (503), or its disk is full (507)."""


class FindingError(Exception):
    """Something that must not be."""


class Client:
    """Requests to one server, on connections of its own."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=STALLED_SECONDS), connector=aiohttp.TCPConnector(limit=4)
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        expect: tuple[int, ...] = (200, 201, 202),
    ) -> tuple[int, Any, Mapping[str, str]]:
        """Status, decoded JSON (bytes where it is none) and headers.

        Raises LostError, RefusedError; FindingError for any status that is not expected, and for a silence of a minute.
        """
        await self.server.up.wait()
        ends, full = self.server.ends, self.server.full
        sent = dict(headers or {})
        if body is not None:
            data = msgspec.json.encode(body)
            sent.setdefault("Content-Type", "application/json")
        try:
            async with self._session.request(
                method, self.server.url + path, data=None if data is None else BytesIO(data), headers=sent
            ) as reply:
                content = await reply.read()
        except TimeoutError as error:
            if ends != self.server.ends:
                raise LostError from error
            raise FindingError(f"{method} {path}: no answer for {STALLED_SECONDS:.0f} s") from error
        except (aiohttp.ClientError, OSError) as error:
            if ends != self.server.ends or self.server.ended_by_itself():
                raise LostError from error
            if isinstance(error, aiohttp.ClientOSError | aiohttp.ServerDisconnectedError) and self.server.was_full(
                full
            ):
                raise LostError from error
            await asyncio.sleep(0.2)  # a server that is being ended may close its connections before we hear of it
            if ends != self.server.ends:
                raise LostError from error
            raise FindingError(f"{method} {path}: {type(error).__name__}: {error}") from error
        said = _decoded(reply.headers.get("Content-Type", ""), content)
        if reply.status in expect:
            return reply.status, said, reply.headers
        if reply.status in BUSY and ends != self.server.ends:
            raise RefusedError
        if reply.status == FULL and self.server.was_full(full):
            await asyncio.sleep(0.05)  # who is refused does not ask again at once
            raise RefusedError
        raise FindingError(f"{method} {path}: {reply.status} {str(said)[:300]}")


def _decoded(kind: str, content: bytes) -> Any:
    return msgspec.json.decode(content) if kind.startswith("application/json") and content else content
