"""Uploads over bad networks: clients that vanish in the middle, come back, or come back too early."""

import asyncio
import os

import pytest
from aiohttp import ClientSession

from docstore.storage.attachments.uploads import scan_uploads
from docstore.testing import run_node
from tests.httpd.asking import Database
from tests.httpd.serving import Wire
from tests.httpd.uploading import OFFSET_STREAM, PARTIAL_UPLOAD, Resumable, Tus, head_of, path_of, wire_to

DATA = os.urandom(300_000)


@pytest.fixture
def tus(db) -> Tus:
    return Tus(db)


@pytest.fixture
def resumable(db) -> Resumable:
    return Resumable(db)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes are made safe as they come."""
    monkeypatch.setattr("docstore.database.attachments.upload_receiver.FLUSH_SECONDS", 0.0)


def tus_patch(upload: str, offset: int, length: int, *headers: str) -> bytes:
    """The head of a PATCH with ``length`` bytes to come."""
    more = ("Tus-Resumable: 1.0.0", f"Content-Type: {OFFSET_STREAM}", f"Upload-Offset: {offset}", *headers)
    return head_of("PATCH", f"/db{upload}", length, *more)


def ietf_patch(upload: str, offset: int, length: int) -> bytes:
    """The head of the last PATCH, whose interim responses tell what is safe."""
    more = (f"Content-Type: {PARTIAL_UPLOAD}", f"Upload-Offset: {offset}", "Upload-Complete: ?1")
    return head_of("PATCH", f"/db{upload}", length, *more, "Upload-Draft-Interop-Version: 10")


async def until_safe(wire: Wire, offset: int) -> None:
    """Wait for word that so many bytes are safe."""
    while True:
        interim = await wire.answer()
        assert interim.status == 104
        if int(interim.headers["Upload-Offset"]) >= offset:
            return


async def test_what_came_before_the_connection_broke_is_kept(db, server, tus):
    upload = await tus.begin("/doc/a", len(DATA))
    async with wire_to(server) as wire:
        wire.writer.write(tus_patch(upload, 0, len(DATA)) + DATA[:200_000])
        await wire.writer.drain()
        wire.writer.transport.abort()
    offset = await tus.offset(upload)
    assert 0 <= offset <= 200_000
    assert (await tus.send(upload, offset, DATA[offset:])).status == 204
    assert (await db.get("doc/a")).body == DATA


async def test_what_is_told_to_be_safe_is_there_after_the_connection_broke(db, server, resumable, at_once):
    upload = await resumable.begin("/doc/a")
    async with wire_to(server) as wire:
        wire.writer.write(ietf_patch(upload, 0, len(DATA)) + DATA[:100_000])
        await until_safe(wire, 1)
        wire.writer.transport.abort()
    offset = await resumable.offset(upload)
    assert 1 <= offset <= 100_000
    assert (await resumable.send(upload, offset, DATA[offset:], complete=True)).status == 201
    assert (await db.get("doc/a")).body == DATA


@pytest.mark.parametrize("method", ["HEAD", "GET"])
async def test_asking_for_the_offset_ends_what_is_under_way(db, server, resumable, at_once, method):
    upload = await resumable.begin("/doc/a")
    async with wire_to(server) as stuck:
        stuck.writer.write(ietf_patch(upload, 0, len(DATA)) + DATA[:1000])
        await until_safe(stuck, 1000)
        shown = await db.ask(method, upload)
        assert shown.headers["Upload-Offset"] == "1000"
        stuck.writer.write(DATA[1000:])  # it thinks that it is still wanted
        assert await ended_without_answer(stuck)
    assert await resumable.offset(upload) == 1000
    assert (await resumable.send(upload, 1000, DATA[1000:], complete=True)).status == 201
    assert (await db.get("doc/a")).body == DATA


async def ended_without_answer(wire: Wire) -> bool:
    try:
        return await wire.at_end()
    except ConnectionError:
        return True


async def test_an_append_ends_what_is_under_way(db, server, tus, at_once):
    upload = await tus.begin("/doc/a", len(DATA))
    async with wire_to(server) as stuck:
        stuck.writer.write(ietf_patch(upload, 0, len(DATA)) + DATA[:1000])
        await until_safe(stuck, 1000)
        assert (await tus.send(upload, 1000, DATA[1000:])).status == 204
        assert await ended_without_answer(stuck)
    assert (await db.get("doc/a")).body == DATA


async def test_an_append_that_is_out_of_step_ends_it_too_and_is_told_the_offset(db, server, tus, at_once):
    upload = await tus.begin("/doc/a", len(DATA))
    async with wire_to(server) as stuck:
        stuck.writer.write(ietf_patch(upload, 0, len(DATA)) + DATA[:1000])
        await until_safe(stuck, 1000)
        answer = await tus.send(upload, 0, DATA)
        assert (answer.status, answer.headers["Upload-Offset"]) == (409, "1000")
        assert await ended_without_answer(stuck)
    assert (await tus.send(upload, 1000, DATA[1000:])).status == 204
    assert (await db.get("doc/a")).body == DATA


async def test_forgetting_an_upload_ends_what_is_under_way(db, server, tus, at_once):
    upload = await tus.begin("/doc/a", len(DATA))
    async with wire_to(server) as stuck:
        stuck.writer.write(ietf_patch(upload, 0, len(DATA)) + DATA[:1000])
        await until_safe(stuck, 1000)
        assert (await db.ask("DELETE", upload)).status == 204
        assert await ended_without_answer(stuck)
    assert (await db.ask("HEAD", upload)).status == 404


async def test_the_last_bytes_are_completed_whoever_comes(db, server, tus):
    """A HEAD beside the last PATCH waits for its verdict."""
    upload = await tus.begin("/doc/a", len(DATA))
    sent, asked = await asyncio.gather(tus.send(upload, 0, DATA), tus.ask("HEAD", upload), return_exceptions=True)
    offset = await tus.offset(upload)
    if isinstance(sent, BaseException):  # the HEAD came first, or in the middle
        assert (await tus.send(upload, offset, DATA[offset:])).status == 204
    assert asked.status == 200
    assert (await db.get("doc/a")).body == DATA
    assert (await db.get("doc")).json["_rev"].startswith("1-")


async def test_many_requests_at_once_never_double_bytes(db, tus):
    upload = await tus.begin("/doc/a", len(DATA))
    requests = [tus.send(upload, 0, DATA) for _ in range(5)] + [tus.ask("HEAD", upload) for _ in range(5)]
    answers = await asyncio.gather(*requests, return_exceptions=True)
    assert {answer.status for answer in answers if not isinstance(answer, BaseException)} <= {200, 204, 409}
    offset = await tus.offset(upload)
    if offset < len(DATA):
        assert (await tus.send(upload, offset, DATA[offset:])).status == 204
    assert (await db.get("doc/a")).body == DATA
    assert (await db.get("doc")).json["_rev"].startswith("1-")


async def test_bytes_with_a_checksum_that_never_ends_are_not_kept(db, server, tus, at_once):
    upload = await tus.begin("/doc/a", len(DATA))
    await tus.send(upload, 0, DATA[:1000])
    async with wire_to(server) as wire:
        checksum = "Upload-Checksum: sha1 AAAAAAAAAAAAAAAAAAAAAAAAAAA="
        wire.writer.write(tus_patch(upload, 1000, len(DATA) - 1000, checksum) + DATA[1000:200_000])
        await wire.writer.drain()
        wire.writer.transport.abort()
    assert await tus.offset(upload) == 1000
    assert (await tus.send(upload, 1000, DATA[1000:])).status == 204
    assert (await db.get("doc/a")).body == DATA


@pytest.mark.parametrize("speak", ["Tus-Resumable: 1.0.0", "Upload-Complete: ?1"])
async def test_an_upload_that_nobody_has_heard_of_is_forgotten(db, server, speak):
    async with wire_to(server) as wire:
        length = f"Upload-Length: {len(DATA)}"
        headers = (speak, length, f"Content-Type: {OFFSET_STREAM}", "Expect: 100-continue")
        wire.writer.write(head_of("POST", "/db/doc/a", len(DATA), *headers))
        assert (await wire.answer()).status == 100
        [uuid] = uploads_in_store(server)
        wire.writer.write(DATA[:1000])
        wire.writer.transport.abort()
    async with server.node.uploads.queue.turn(uuid):
        assert uploads_in_store(server) == []


def uploads_in_store(server) -> list[bytes]:
    with server.node.env.snapshot() as snapshot:
        return [uuid for _, uuid, _ in scan_uploads(snapshot)]


async def test_an_upload_that_was_announced_is_kept(db, server, resumable):
    async with wire_to(server) as wire:
        headers = ("Upload-Complete: ?1", "Upload-Draft-Interop-Version: 10")
        wire.writer.write(head_of("PUT", "/db/doc/a", len(DATA), *headers) + DATA[:1000])
        interim = await wire.answer()
        wire.writer.transport.abort()
    upload = path_of(interim)
    offset = await resumable.offset(upload)
    assert (await resumable.send(upload, offset, DATA[offset:], complete=True)).status == 201
    assert (await db.get("doc/a")).body == DATA


async def test_a_server_that_stops_keeps_what_has_come(tmp_path):
    settings = {"data": tmp_path, "shutdown_grace": 0.0}
    async with run_node(**settings) as server, ClientSession(server.url) as session:
        db = await Database(session).create()
        upload = await Resumable(db).begin("/doc/a")
        async with wire_to(server) as wire:
            head = ietf_patch(upload, 0, len(DATA)).replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n")
            wire.writer.write(head)
            assert (await wire.answer()).status == 100
            wire.writer.write(DATA[:1000])
            await wire.writer.drain()
            # the server's side of the connection has them once another request has been answered
            assert (await db.get("")).status == 200
    async with run_node(**settings) as server, ClientSession(server.url) as session:
        db = Database(session)
        assert await Resumable(db).offset(upload) == 1000
