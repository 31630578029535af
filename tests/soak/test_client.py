"""What a full disk excuses in a soak, and what it does not, whenever the client comes to hear of the answer."""

import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from tests.soak.client import FULL, Client, FindingError, LostError, RefusedError
from tests.soak.server import Server

Trouble = Callable[[Server], Awaitable[None]]


async def nothing(_server: Server) -> None:
    return None


async def room(server: Server) -> None:
    server.clear_disk()


async def killed(server: Server) -> None:
    await server.kill()


async def filled(server: Server) -> None:
    server.fill_disk()


async def filled_for_a_moment(server: Server) -> None:
    server.fill_disk()
    server.clear_disk()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server whose process does nothing."""
    server = Server("main", tmp_path)
    server.data.mkdir()
    (server.data / "file").write_bytes(b"x")
    with subprocess.Popen(["sleep", "60"]) as process:
        server._process = process
        yield server
        process.kill()


@asynccontextmanager
async def answering(server: Server, answer: int | None, before_it: Trouble) -> AsyncIterator[None]:
    """Answer in its place: with a status, or with None, which is a connection that breaks."""

    async def reply(request: web.BaseRequest) -> web.StreamResponse:
        await before_it(server)
        if answer is None:
            assert request.transport is not None
            request.transport.abort()
        return web.Response(status=answer or FULL)

    runner = web.ServerRunner(web.Server(reply))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", server.port).start()
        server.up.set()
        yield
    finally:
        await runner.cleanup()


async def ask(server: Server) -> None:
    client = Client(server)
    try:
        await client.ask("PATCH", "/uploads/film", data=b"x" * 1000)
    finally:
        await client.close()


@pytest.mark.parametrize(("answer", "error"), [(FULL, RefusedError), (None, LostError)])
@pytest.mark.parametrize("before_it", [nothing, room, killed])
async def test_a_disk_that_was_full_when_it_was_asked(
    server: Server, answer: int | None, error: type[Exception], before_it: Trouble
) -> None:
    async with answering(server, answer, before_it):
        server.fill_disk()
        with pytest.raises(error):
            await ask(server)


@pytest.mark.parametrize(("answer", "error"), [(FULL, RefusedError), (None, LostError)])
@pytest.mark.parametrize("before_it", [filled, filled_for_a_moment])
async def test_a_disk_that_was_full_meanwhile(
    server: Server, answer: int | None, error: type[Exception], before_it: Trouble
) -> None:
    async with answering(server, answer, before_it):
        with pytest.raises(error):
            await ask(server)


@pytest.mark.parametrize("answer", [FULL, None])
@pytest.mark.parametrize("earlier", [nothing, filled_for_a_moment])
async def test_a_disk_that_was_not(server: Server, answer: int | None, earlier: Trouble) -> None:
    async with answering(server, answer, nothing):
        await earlier(server)
        with pytest.raises(FindingError):
            await ask(server)
