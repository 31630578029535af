import asyncio
import resource
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import pytest

from docstore.httpd.wire.doors import Doors


@contextmanager
def limit_of_files(files: int) -> Iterator[None]:
    """As long as it lasts no number of a file may be so high."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


class Answering(asyncio.Protocol):
    """Says a word to who connects."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        transport.write(b"hello")
        transport.close()


@pytest.fixture
async def doors() -> AsyncIterator[Doors]:
    doors = await Doors.open(Answering, "127.0.0.1", 0)
    yield doors
    doors.close()


async def said_to_a_client(doors: Doors) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", doors.port)
    try:
        return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


async def test_who_cannot_be_accepted_waits(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await said_to_a_client(doors) == b"hello"
    port = doors.port
    monkeypatch.setattr(doors, "has_room", lambda: False)
    await doors.look()
    await doors.look()
    assert not doors.watched
    waiting = asyncio.create_task(said_to_a_client(doors))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not waiting.done()
    monkeypatch.undo()
    await doors.look()
    await doors.look()
    assert doors.watched
    assert await waiting == b"hello"
    assert (await said_to_a_client(doors), doors.port) == (b"hello", port)


async def test_what_is_let_go_of_is_closed_too(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    port = doors.port
    monkeypatch.setattr(doors, "has_room", lambda: False)
    await doors.look()
    doors.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    monkeypatch.undo()
    await doors.look()
    assert not doors.watched


async def test_it_is_tried_again_where_somebody_else_was_quicker(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doors, "has_room", lambda: False)
    await doors.look()
    monkeypatch.setattr(doors, "has_room", lambda: True)
    with limit_of_files(3), pytest.raises(OSError, match="Too many open files"):
        await doors.look()
    assert not doors.watched
    await doors.look()
    assert await said_to_a_client(doors) == b"hello"


async def test_there_is_room_where_what_is_given_up_can_be_had_again(doors: Doors) -> None:
    assert doors.has_room()
    with limit_of_files(3):
        assert not doors.has_room()
    assert doors.has_room()
