"""A follower of a soak: a continuous feed that is picked up again after each end, and what it has told so far.

Owns the reading. Whether all was told is judged when nothing is written.
"""

import asyncio

import aiohttp
import msgspec

from tests.soak.client import Client, FindingError
from tests.soak.ledger import Ledger

PATIENCE = 60.0


class Follower:
    """Follows the database ``name`` until ``close``; ``told`` has the leaves of each document, as told last."""

    def __init__(self, client: Client, name: str) -> None:
        self.client = client
        self.name = name
        self.since = "0"
        self.told: dict[str, frozenset[str]] = {}
        self._news = asyncio.Event()
        self._task = asyncio.create_task(self._follow())

    async def close(self) -> None:
        """End the feed."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def check(self, ledger: Ledger) -> str | None:
        """Wait until what was told is what there is; a complaint if that does not come."""
        if self._task.done() and not self._task.cancelled():
            return f"the follower of {self.name} failed: {self._task.exception()!r}"
        expected = {doc_id: frozenset(ledger.docs[doc_id].leaves) for doc_id in ledger.existing()}
        try:
            async with asyncio.timeout(PATIENCE):
                while behind := {i for i, leaves in expected.items() if self.told.get(i) != leaves}:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            some = sorted(behind)[:3]
            shown = {doc_id: (sorted(expected[doc_id]), sorted(self.told.get(doc_id, ()))) for doc_id in some}
            return f"the follower of {self.name} was not told of {len(behind)} documents, such as {shown}"
        return None

    async def _follow(self) -> None:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None, sock_read=PATIENCE)) as session:
            while True:
                await self.client.server.up.wait()
                try:
                    await self._read(session)
                except (aiohttp.ClientError, OSError):
                    await asyncio.sleep(0.1)

    async def _read(self, session: aiohttp.ClientSession) -> None:
        url = f"{self.client.server.url}/{self.name}/_changes"
        params = {"feed": "continuous", "style": "all_docs", "heartbeat": "2000", "since": self.since}
        async with session.get(url, params=params) as reply:
            if reply.status == 503:
                await asyncio.sleep(0.1)
                return
            if reply.status != 200:
                raise FindingError(f"the feed of {self.name} since {self.since}: {reply.status} {await reply.text()}")
            async for line in reply.content:
                if not line.endswith(b"\n"):
                    return  # the server was killed in the middle of it
                if not line.strip():
                    continue
                row = msgspec.json.decode(line)
                if "id" not in row:
                    return
                self.told[row["id"]] = frozenset(change["rev"] for change in row["changes"])
                self.since = row["seq"]
                self._news.set()
