"""Clients of a soak for what has no ledger: a database made and deleted over and over, and counters that all increment.

Owns those two. What they know is simple enough to stand beside the requests.
"""

import asyncio
from collections.abc import Callable
from random import Random

from tests.soak.client import Client, FindingError, LostError, RefusedError

COUNTERS = 6


class Databases:
    """Makes a database, fills it, looks, deletes it: nothing of an earlier one may show in a later one."""

    def __init__(self, client: Client, name: str, seed: int, acknowledged: Callable[[], None]) -> None:
        self.client = client
        self.name = name
        self.random = Random(seed)
        self._acknowledged = acknowledged
        self._round = 0

    async def write(self) -> None:
        """One life of the database; a lost answer ends it early."""
        self._round += 1
        path = f"/{self.name}"
        try:
            await self.client.ask("DELETE", path, expect=(200, 404))
            await self.client.ask("GET", path, expect=(404,))
            await self.client.ask("PUT", path, expect=(201, 202))
            count = self.random.choice((1, 50, 1500))
            docs = [{"_id": f"{n:05}", "round": self._round} for n in range(count)]
            _, rows, _ = await self.client.ask("POST", f"{path}/_bulk_docs", {"docs": docs})
            written = sum("rev" in row for row in rows)
            if written < count and not any(row.get("error") == "insufficient_storage" for row in rows):
                raise FindingError(f"{path}: {count - written} of {count} new documents were not written: {rows[:3]}")
            _, listed, _ = await self.client.ask("GET", f"{path}/_all_docs?include_docs=true")
            rounds = {row["doc"]["round"] for row in listed["rows"]}
            if len(listed["rows"]) != written or (written and rounds != {self._round}):
                raise FindingError(
                    f"{path}: {len(listed['rows'])} documents of rounds {rounds}, not {written} of {self._round}"
                )
        except (LostError, RefusedError):
            return
        self._acknowledged()


class Counters:
    """Many clients increment the same few counters, by hand as any client of CouchDB does."""

    def __init__(self, client: Client, name: str, seed: int, acknowledged: Callable[[], None]) -> None:
        self.client = client
        self.name = name
        self.random = Random(seed)
        self.sure = [0] * COUNTERS
        self.perhaps = [0] * COUNTERS
        self._acknowledged = acknowledged

    async def write(self) -> None:
        """A few increments at once: each is made once, or its answer was lost."""
        await asyncio.gather(*(self._increment(self.random.randrange(COUNTERS)) for _ in range(4)))

    async def _increment(self, number: int) -> None:
        path = f"/{self.name}/counter-{number}"
        while True:
            try:
                _, said, _ = await self.client.ask("GET", path, expect=(200, 404))
                body = {"count": said.get("count", 0) + 1}
                if "_rev" in said:
                    body["_rev"] = said["_rev"]
            except (LostError, RefusedError):
                return
            try:
                status, _, _ = await self.client.ask("PUT", path, body, expect=(201, 409))
            except RefusedError:
                return
            except LostError:
                self.perhaps[number] += 1
                return
            if status == 201:
                self.sure[number] += 1
                self._acknowledged()
                return

    async def check(self) -> list[str]:
        """Each counter has what is sure, and no more than what may be."""
        complaints = []
        for number in range(COUNTERS):
            _, said, _ = await self.client.ask("GET", f"/{self.name}/counter-{number}", expect=(200, 404))
            count = said.get("count", 0)
            if not self.sure[number] <= count <= self.sure[number] + self.perhaps[number]:
                complaints.append(
                    f"counter {number} is {count}: {self.sure[number]} acknowledged, {self.perhaps[number]} lost"
                )
            self.sure[number], self.perhaps[number] = count, 0
        return complaints
