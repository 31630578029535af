"""A server with handlers of a test's own, and a client that sends and shows raw bytes.

The node behind it is a bare stand-in, for tests of what comes before and after a handler. Tests of real endpoints use
the ``server`` fixture.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

from docstore.accounts.accounts import Accounts
from docstore.config.configuration import Configuration
from docstore.core.properties import DEFAULT_SECURITY
from docstore.core.security.access import Access
from docstore.core.security.database_security import read_security
from docstore.database.conflicts.statistics import ConflictStats
from docstore.errors import DatabaseNotFound
from docstore.httpd.listener import Listener
from docstore.httpd.replies import Reply
from docstore.httpd.request import Request
from docstore.httpd.routing import Handler, Router, open_route, route
from docstore.httpd.service import Service
from docstore.replication.jobs.clock import Clock, SystemClock
from docstore.settings import Admin, Limits, Settings

ADMIN = Admin("admin", "secret")


class NoDatabases:
    """A registry with one database, ``db``, that can do nothing."""

    write_hook = None
    many_answered: ClassVar[set] = set()
    limits = Limits()

    def access_rules(self):
        return read_security(DEFAULT_SECURITY)

    def open(self, name):
        if name != "db":
            raise DatabaseNotFound
        return self

    def acting_for(self, actor):
        return self


class Counted:
    """Remembers what was counted."""

    def __init__(self):
        self.answered = []
        self.requests_by_route = Counter()

    def count_request(self, method, status, milliseconds, now):
        assert milliseconds >= 0
        self.answered.append((method, status))


class NoReplications:
    """Nothing is replicated."""

    def start(self, base_url):
        pass

    async def stop(self):
        pass


@dataclass
class StandIn:
    """What the dispatcher needs of a node."""

    settings: Settings
    config: Configuration
    registry: NoDatabases
    accounts: Accounts
    clock: Clock = field(default_factory=SystemClock)
    counters: Counted = field(default_factory=Counted)
    replications: NoReplications = field(default_factory=NoReplications)
    conflict_stats: ConflictStats = field(default_factory=lambda: ConflictStats(time.monotonic))


def stand_in(**settings) -> StandIn:
    limits = settings.pop("limits", {})
    complete = replace(Settings(data=Path("nowhere"), shutdown_grace=5.0, **settings), limits=Limits(**limits))
    said = {("chttpd_auth", "secret"): "s" * 32}  # without one, the first session would keep its own in the data folder
    config, registry = Configuration(complete, command_line=said), NoDatabases()
    return StandIn(complete, config, registry, Accounts(registry, config, complete, time.time))


async def no_handler(request: Request) -> Reply:
    return Reply(200, b"{}\n")


def router(**rows: Handler) -> Router:
    """A router with the rows that every router has, and one at ``/_{name}`` for each handler, for any method."""
    methods = ("GET", "PUT", "POST", "DELETE", "COPY")
    return Router(
        [
            open_route("/", "GET,HEAD", GET=no_handler),
            route(
                "/{db}",
                "DELETE,GET,HEAD,POST",
                dict.fromkeys(("PUT", "DELETE"), Access.SERVER_ADMIN),
                GET=no_handler,
                PUT=no_handler,
            ),
            route("/{db}/{doc}", "DELETE,GET,HEAD,POST,PUT,COPY", GET=no_handler),
            route("/{db}/{doc}/{path...}", "GET", GET=no_handler),
            *(route(f"/_{name}", ",".join(methods), **dict.fromkeys(methods, row)) for name, row in rows.items()),
        ]
    )


@dataclass(frozen=True)
class Answer:
    """One reply as it came over the wire."""

    status: int
    headers: dict[str, str]
    body: bytes


class Wire:
    """One connection. ``send`` takes the bytes as they are."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def ask(self, request: bytes, *, bodiless: bool = False) -> Answer:
        self.writer.write(request)
        return await self.answer(bodiless=bodiless)

    async def get(self, path: str, *headers: str, method: str = "GET", body: bytes | None = None) -> Answer:
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *headers]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        request = "\r\n".join([*lines, "", ""]).encode() + (body or b"")
        return await self.ask(request, bodiless=method == "HEAD")

    async def answer(self, *, bodiless: bool = False) -> Answer:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status = int(head[0].split()[1])
        headers = dict(line.split(": ", 1) for line in head[1:] if line)
        if bodiless or status < 200 or status in (204, 304):
            return Answer(status, headers, b"")
        if headers.get("Transfer-Encoding") == "chunked":
            return Answer(status, headers, b"".join([chunk async for chunk in self.chunks()]))
        if "Content-Length" in headers:
            return Answer(status, headers, await self.reader.readexactly(int(headers["Content-Length"])))
        return Answer(status, headers, await self.reader.read())

    async def chunks(self) -> AsyncIterator[bytes]:
        while size := int(await self.reader.readline(), 16):
            yield (await self.reader.readexactly(size + 2))[:-2]
        await self.reader.readline()

    async def at_end(self) -> bool:
        """Wait for the server to close the connection, and say that nothing came before."""
        return await self.reader.read() == b""

    def close(self) -> None:
        self.writer.close()


@dataclass
class Running:
    """A running server."""

    node: StandIn
    service: Service
    listener: Listener

    @asynccontextmanager
    async def wire(self) -> AsyncIterator[Wire]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.listener.port)
        try:
            yield Wire(reader, writer)
        finally:
            writer.close()

    async def get(self, path: str, *headers: str, method: str = "GET", body: bytes | None = None) -> Answer:
        async with self.wire() as wire:
            return await wire.get(path, *headers, method=method, body=body)


@asynccontextmanager
async def serving(routes: Router | None = None, *, node: StandIn | None = None) -> AsyncIterator[Running]:
    """A server on a free port."""
    node = node or stand_in()
    service = Service(node)
    listener = await Listener.listen(service, routes or router(), "127.0.0.1", 0)
    try:
        yield Running(node, service, listener)
    finally:
        await listener.stop()
