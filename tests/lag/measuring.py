"""A catalogue, furnished and measured: each request beside a light load, alone or with others at the same time."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from docstore.settings import Durability, StorageSettings
from docstore.storage import databases
from docstore.storage.attachments import uploads
from docstore.storage.attachments.upload_rows import UploadRow
from docstore.storage.engine.environment import Environment
from tests.lag.catalogue import (
    CATALOGUE,
    CROWD,
    DB,
    DESIGN,
    FUNCTIONS,
    PARTED,
    RULE,
    RULED,
    Nasty,
    Scale,
    array_of,
    half,
    large,
    leaf_batches,
    many_batches,
    parted_batches,
    text,
)
from tests.lag.meter import Lag, slowness
from tests.lag.watching import FREE_PORT, Watched, light_load, watched

DAY = 86_400 * 1_000_000
SOON = 60 * 1_000_000

SETTLING = 5
"""Beats after the answer that still belong to the request."""


@dataclass
class Measured:
    """What a request was answered, and the worst beat meanwhile, on a machine that was so slow then."""

    name: str
    status: int
    lag: Lag
    slow: float

    @property
    def stall(self) -> float:
        """Milliseconds that it would have been on the machine for which limits are meant."""
        return self.lag.stall / self.slow


@dataclass
class Stage:
    """A furnished server under a light load."""

    server: Watched
    scale: Scale
    first: str = ""

    async def furnish(self) -> None:
        ask = self.server.ask
        await _done(ask("PUT", DB))
        for body in (*leaf_batches(self.scale), *many_batches(self.scale)):
            await _done(ask("POST", f"{DB}/_bulk_docs", body))
        await _done(ask("PUT", f"{PARTED}?partitioned=true"))
        for body in parted_batches(self.scale):
            await _done(ask("POST", f"{PARTED}/_bulk_docs", body))
        await _done(ask("PUT", f"{DB}/arrays", array_of(self.scale)))
        await _done(ask("PUT", f"{DB}/large", large(self.scale)))
        await _done(ask("PUT", FUNCTIONS, text(DESIGN)))
        await _done(ask("PUT", RULED))
        await _done(ask("PUT", CROWD))
        await _done(ask("PUT", f"{RULED}/_design/rule", text(RULE)))
        self.first = json.loads(await _done(ask("PUT", f"{DB}/half", half(self.scale, 0))))["rev"]
        await _done(ask("PUT", f"{DB}/half?rev={self.first}", half(self.scale, 1)))

    async def measure(self, entry: Nasty) -> Measured:
        """One request. Its body is made before the measuring begins."""
        body = b"" if entry.body is None else entry.body(self.scale)
        rev = await self.server.rev_of(f"{DB}/{entry.rev_of}") if entry.rev_of else ""
        path = entry.path.replace("{rev}", rev).replace("{first}", self.first)
        slow = slowness()
        await self.server.lag()
        status, _ = await self.server.ask(entry.method, path, body, **entry.headers)
        return Measured(entry.name, status, await self._lag_after(), max(slow, slowness()))

    async def together(self, entries: Iterable[Nasty]) -> Measured:
        """Several requests at the same time."""
        chosen = list(entries)
        bodies = [b"" if entry.body is None else entry.body(self.scale) for entry in chosen]
        slow = slowness()
        await self.server.lag()
        answers = await asyncio.gather(
            *(
                self.server.ask(entry.method, entry.path, body, **entry.headers)
                for entry, body in zip(chosen, bodies, strict=True)
            )
        )
        name = " + ".join(entry.name for entry in chosen)
        return Measured(name, max(status for status, _ in answers), await self._lag_after(), max(slow, slowness()))

    async def _lag_after(self) -> Lag:
        worst = await self.server.lag()
        for _ in range(SETTLING):
            await asyncio.sleep(0.001)
            more = await self.server.lag()
            worst = max(worst, more, key=lambda one: one.stall)
        return worst


def open_uploads(data: Path, count: int) -> None:
    """A store with open uploads, a tenth of which expire while the catalogue is measured."""
    now = time.time_ns() // 1000
    with Environment.open(data, StorageSettings(durability=Durability.NONE)) as environment:
        transaction = environment.begin_write()
        number = databases.create_database(
            transaction, "uploads", uuid="0" * 32, now=now, shards=2, revs_limit=1000, purged_infos_limit=1000
        ).number
        for upload in range(count):
            expires = now + (DAY if upload % 10 else SOON)
            row = UploadRow(f"d{upload}", "a", "image/png", None, expires)
            uploads.begin(transaction, number, upload.to_bytes(16), row)
        transaction.transaction.commit()


@asynccontextmanager
async def stage(data: Path, scale: Scale, port: int = FREE_PORT) -> AsyncIterator[Stage]:
    """A server with all that the catalogue asks for."""
    await asyncio.to_thread(open_uploads, data, scale.uploads)
    async with watched(data, port) as server, light_load(server):
        ready = Stage(server, scale)
        await ready.furnish()
        yield ready


def named(*names: str) -> list[Nasty]:
    """Entries of the catalogue, by their names."""
    return [entry for name in names for entry in CATALOGUE if entry.name == name]


async def _done(answer: "asyncio.Future[tuple[int, bytes]] | object") -> bytes:
    status, body = await answer
    if status >= 300:
        raise RuntimeError(f"{status}: {body[:200]!r}")
    return body
