"""Snapshots: taken, gone back to, named, bounded, and saved."""

import asyncio
from pathlib import Path

import aiohttp
import pytest

from docstore.config.configuration import Configuration
from docstore.core.document import parse_document
from docstore.double.stage import snapshots
from docstore.errors import BadRequest, NotFound, TooLarge
from docstore.httpd.writing import batch
from docstore.settings import Limits
from docstore.testing import TestNode, run_node, run_node_in_thread
from tests.storage_findings import storage_findings


async def info(client: aiohttp.ClientSession, name: str = "films") -> object:
    async with client.get(f"/{name}") as reply:
        return await reply.json()


async def test_there_and_back(server: TestNode, client: aiohttp.ClientSession) -> None:
    await client.put("/films/alien", json={"year": 1979})
    before = await info(client)
    snapshot = await server.stage.snapshot()
    assert snapshot.databases == ("films",)
    for _ in range(3):
        await client.put("/films/brazil", json={})
        await client.put("/people")
        await server.stage.restore(snapshot)
        assert await info(client) == before
        assert (await client.get("/people")).status == 404
    assert storage_findings(server.node) == []


async def test_what_was_answered_before_it_is_done_is_in_it(server: TestNode, client: aiohttp.ClientSession) -> None:
    for place in range(20):
        await client.put(f"/films/{place}?batch=ok", json={})
    snapshot = await server.stage.snapshot()
    await client.put("/films/later?batch=ok", json={})
    await server.stage.restore(snapshot)
    async with client.get("/films/_all_docs") as reply:
        assert (await reply.json())["total_rows"] == 20


async def test_a_write_that_was_answered_is_waited_for(server: TestNode) -> None:
    films, go_on = server.node.registry.open("films"), asyncio.Event()

    async def write() -> None:
        await go_on.wait()
        await films.update_doc(parse_document({"_id": "late"}, limits=Limits()))

    await batch.write_later("late", write())
    taking = asyncio.ensure_future(server.stage.snapshot())
    await asyncio.sleep(0)
    go_on.set()
    await server.stage.restore(await taking)
    assert server.node.registry.open("films").info().doc_count == 1


async def test_settings_come_back(server: TestNode, client: aiohttp.ClientSession) -> None:
    snapshot = await server.stage.snapshot()
    await server.node.config.set("couchdb", "max_document_size", "10")
    assert (await client.put("/films/alien", json={"text": "x" * 100})).status == 413
    await server.stage.restore(snapshot)
    assert (await client.put("/films/alien", json={"text": "x" * 100})).status == 201
    assert Configuration(server.settings).section("couchdb").get("max_document_size") != "10"


async def test_a_name_is_taken_again(server: TestNode, client: aiohttp.ClientSession) -> None:
    await server.stage.snapshot("here")
    await client.put("/people")
    again = await server.stage.snapshot("here")
    assert again.databases == ("films", "people")
    assert again in server.stage.snapshots
    server.stage.snapshots.remove("here")
    with pytest.raises(NotFound, match="here"):
        await server.stage.restore("here")


async def test_there_is_an_end_to_what_is_kept(server: TestNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "MAX_SNAPSHOTS", 2)
    first = await server.stage.snapshot()
    with pytest.raises(TooLarge, match="at most 2 snapshots"):
        await server.stage.snapshot()
    await server.stage.snapshot(first.name)
    monkeypatch.setattr(snapshots, "MAX_SNAPSHOTS", 9)
    monkeypatch.setattr(snapshots, "MAX_SNAPSHOT_BYTES", first.size)
    with pytest.raises(TooLarge, match=f"{first.size} bytes"):
        await server.stage.snapshot()


async def test_a_file_brings_another_server_here(
    server: TestNode, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    file = tmp_path / "state"
    file.touch(0o644)
    await client.put("/films/alien/poster.png", data=b"bytes")
    await server.node.config.set("cors", "max_age", "7")
    server.save(await server.stage.snapshot("seeded"), file)
    assert file.stat().st_mode & 0o077 == 0
    async with run_node() as other, aiohttp.ClientSession(other.url) as there:
        await there.put("/people")
        await other.stage.restore(file)
        assert await (await there.get("/_all_dbs")).json() == ["films"]
        assert await (await there.get("/films/alien/poster.png")).read() == b"bytes"
        assert other.node.config.get("cors", "max_age") == "7"
        assert storage_findings(other.node) == []


async def test_what_is_no_saved_state_is_refused(server: TestNode, tmp_path: Path) -> None:
    await server.stage.snapshot("here")
    good = server.stage.snapshots.pack("here")
    head, _, body = good.partition(b"\n")
    bad = [
        b"",
        b"{}",
        b"{}\n",
        b"[1]\n" + body,
        good[:-1],
        good + b"x",
        head.replace(b'"kept"', b'"wept"') + b"\n" + body,
    ]
    for place, packed in enumerate(bad):
        file = tmp_path / str(place)
        file.write_bytes(packed)
        with pytest.raises(BadRequest):
            await server.stage.restore(file)
    assert [one.name for one in server.stage.snapshots] == ["beginning", "here"]


def test_from_a_test_s_own_thread() -> None:
    with run_node_in_thread() as server:
        server.load([{"_id": "alien"}], "films")
        snapshot = server.snapshot()
        server.load([{"_id": "brazil"}], "films")
        server.restore(snapshot)
        assert server.node.registry.open("films").info().doc_count == 1
        server.reset()
        assert not server.node.registry.exists("films")


async def test_on_the_server_s_own_loop_it_is_awaited(server: TestNode) -> None:
    with pytest.raises(RuntimeError, match="awaited"):
        server.snapshot()
