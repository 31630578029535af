"""A node's start, stop and parts."""

import asyncio
import sys

import pytest

from docstore.errors import Unavailable
from docstore.node import SWITCH_INTERVAL, Node
from docstore.settings import Durability, Settings, StorageSettings
from docstore.storage.engine.folder_lock import FolderInUse
from tests.database.helpers import document, settings


async def test_start_and_stop(tmp_path):
    node = Node(settings(tmp_path / "data"))
    await node.start()
    db = await node.registry.create("db")
    await db.update_doc(document("a", n=1))
    text = db.open_doc("a").json
    assert node.started_at > 1_600_000_000
    await node.stop()
    with pytest.raises(Unavailable):
        db.open_doc("a")
    with pytest.raises(Unavailable):
        await db.update_doc(document("b"))
    async with Node(settings(tmp_path / "data")) as again:
        assert again.registry.open("db").open_doc("a").json == text


async def test_uuid_and_sequences_survive_a_clean_restart(tmp_path):
    async with Node(settings(tmp_path)) as node:
        uuid = node.uuid
        opaque = (await node.registry.create("db")).opaque
    assert len(uuid) == 32
    async with Node(settings(tmp_path)) as node:
        assert node.uuid == uuid
        assert node.registry.open("db").opaque == opaque


async def test_uuid_of_the_settings_counts(tmp_path):
    async with Node(Settings(data=tmp_path, server_uuid="f" * 32)) as node:
        assert node.uuid == "f" * 32


async def test_a_copied_store_has_other_sequences(tmp_path):
    async with Node(settings(tmp_path / "one")) as node:
        db = await node.registry.create("db")
        await db.update_doc(document("a"))
        since = db.info().update_seq
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "docs.mdb").write_bytes((tmp_path / "one" / "docs.mdb").read_bytes())
    async with Node(settings(tmp_path / "two")) as node:
        assert node.registry.open("db").parse_since(since) == 0


async def test_the_folder_is_refused_to_a_second_node(tmp_path):
    async with Node(settings(tmp_path)):
        with pytest.raises(FolderInUse):
            await Node(settings(tmp_path)).start()


async def test_what_was_accepted_is_written_before_the_stop(tmp_path):
    node = Node(settings(tmp_path))
    await node.start()
    db = await node.registry.create("db")
    writes = [asyncio.ensure_future(db.update_doc(document(f"d{n}"))) for n in range(100)]
    await asyncio.sleep(0)
    await node.stop()
    assert all(result.rev is not None for result in await asyncio.gather(*writes))
    async with Node(settings(tmp_path)) as node:
        assert node.registry.open("db").info().doc_count == 100


async def test_durable_store(tmp_path):
    durable = Settings(data=tmp_path, storage=StorageSettings(durability=Durability.FSYNC))
    async with Node(durable) as node:
        await (await node.registry.create("db")).update_doc(document("a"))
    async with Node(durable) as node:
        assert node.registry.open("db").info().doc_count == 1


async def test_the_switch_interval_is_put_back(tmp_path):
    before = sys.getswitchinterval()
    async with Node(settings(tmp_path)):
        assert sys.getswitchinterval() == pytest.approx(SWITCH_INTERVAL)
    assert sys.getswitchinterval() == before


async def test_uuids(tmp_path):
    async with Node(settings(tmp_path)) as node:
        assert len(set(node.uuids.take(100))) == 100


async def test_counters(tmp_path):
    async with Node(settings(tmp_path)) as node:
        for now, (method, status) in enumerate([("GET", 200), ("GET", 404), ("PUT", 201)]):
            node.counters.count_request(method, status, 1.0, float(now))
        assert node.counters.requests == 3
        assert dict(node.counters.requests_by_method) == {"GET": 2, "PUT": 1}
        assert dict(node.counters.responses_by_status) == {200: 1, 404: 1, 201: 1}


async def test_an_unstarted_node_keeps_the_world_as_it_is(tmp_path):
    before = sys.getswitchinterval()
    Node(settings(tmp_path / "none"))
    assert sys.getswitchinterval() == before
    assert not (tmp_path / "none").exists()
