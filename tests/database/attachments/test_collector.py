"""The collector: what it takes, and what it leaves alone."""

import asyncio

import pytest

from docstore.core.attachment import Inline, unpack_attachments
from docstore.database import background
from docstore.database.attachments import collector as module
from docstore.database.attachments import staging
from docstore.database.commands import DropStagings
from docstore.database.reading.documents import OpenOptions
from docstore.errors import StorageFull
from docstore.node import Node
from docstore.storage.attachments.garbage import is_waiting
from docstore.storage.attachments.staging import scan_stagings
from docstore.storage.documents.documents import get_body, get_record
from docstore.storage.rows import body_metadata
from tests.database.helpers import document, settings

NOTHING = DropStagings(())
"""A command that changes nothing: a turn of the writer and of the event loop."""

OCTETS = "application/octet-stream"


@pytest.fixture
def blobs(node):
    return node.registry.blobs


@pytest.fixture
async def asleep(node):
    """The collector does nothing by itself."""
    await node.registry.blobs.collector.stop()
    return node.registry.blobs.collector


def entries(node, table):
    with node.env.snapshot() as snapshot:
        return snapshot.transaction.stat(getattr(snapshot.tables, table))["entries"]


def stagings(node):
    with node.env.snapshot() as snapshot:
        return [number for number, _ in scan_stagings(snapshot)]


async def attached(db, doc_id, data=b"data"):
    """A document with an attachment; its revision."""
    [staged] = await db.blobs.stage_inline([Inline("a", OCTETS, data)])
    return (await db.put_attachment(doc_id, None, staged.linked("a", OCTETS))).rev


async def detach(db, doc_id, rev):
    """The attachment is nobody's any more."""
    await db.update_doc(document(doc_id, on=rev))
    await db.compact()


async def until_clean(node):
    """Wait for the collector, which does its work between other commits."""
    while entries(node, "garbage"):
        await node.writer.submit(NOTHING)


async def test_garbage_is_collected_by_itself(node, db):
    rev = await attached(db, "d")
    assert entries(node, "blobs") == 1
    await detach(db, "d", rev)
    async with asyncio.timeout(10):
        await until_clean(node)
    assert entries(node, "blobs") == entries(node, "digests") == entries(node, "blob_refs") == 0


async def test_garbage_of_a_store_that_was_put_back_is_looked_for(node, monkeypatch):
    """No group of this process has left it."""
    woken = []
    monkeypatch.setattr(node.registry.blobs.collector, "wake", lambda: woken.append(True))
    node.registry.came_back(())
    assert woken


async def test_what_is_being_read_stays(node, db, asleep):
    rev = await attached(db, "d")
    opened = db.open_attachment("d", "a")
    await detach(db, "d", rev)
    assert not await asleep.collect()
    assert [piece async for piece in opened.stored()] == [b"data"]
    opened.close()
    assert await asleep.collect()
    assert entries(node, "blobs") == 0


async def test_what_an_older_snapshot_shows_stays(node, db, asleep):
    rev = await attached(db, "d")
    with node.env.snapshot():
        await detach(db, "d", rev)
        assert not await asleep.collect()
        assert entries(node, "blobs") == 1
    assert await asleep.collect()


async def test_a_newer_snapshot_is_in_nobodys_way(node, db, asleep):
    rev = await attached(db, "d")
    await detach(db, "d", rev)
    held = db.blobs.hold(())
    with node.env.snapshot():
        assert await asleep.collect()
    held.close()


async def test_a_snapshot_opened_while_it_was_named_again_is_older(node, db, asleep):
    """Garbage, named again, shown to a reader, garbage again: the first time that it was garbage does not count."""
    await detach(db, "d", await attached(db, "d"))
    with node.env.snapshot():  # the collector sees the garbage, and may not take it
        await db.update_doc(document("other"))
        assert asleep._collectable() == ()
    again = await attached(db, "e")
    with node.env.snapshot() as reader:
        opened_later = db.blobs.open(first_attachment(reader, db, "e"))
        opened_later.close()
        await detach(db, "e", again)
        assert not await asleep.collect()
        opened = db.blobs.open(first_attachment(reader, db, "e"))
        assert [piece async for piece in opened.stored()] == [b"data"]
        opened.close()
    assert await asleep.collect()


def first_attachment(txn, db, doc_id):
    body = get_body(txn, db.number, get_record(txn, db.number, doc_id).body_seq)
    return unpack_attachments(body_metadata(body))[0]


async def test_other_garbage_is_not_kept_by_what_is_being_read(node, db, asleep):
    revs = [await attached(db, f"d{number}", b"%d" % number) for number in range(5)]
    opened = db.open_attachment("d0", "a")
    for number, rev in enumerate(revs):
        await db.update_doc(document(f"d{number}", on=rev))
    await db.compact()
    assert not await asleep.collect()
    assert entries(node, "blobs") == 1
    opened.close()
    assert await asleep.collect()


async def test_leases_expire(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "EXPIRE_SECONDS", 0.01)
    monkeypatch.setattr(staging, "LIFETIME", 0)
    async with Node(settings(tmp_path)) as node:
        upload = node.registry.blobs.stage(OCTETS)
        await upload.write(b"x")
        await upload.seal()
        async with asyncio.timeout(10):
            while entries(node, "stagings") or entries(node, "blobs"):
                await node.writer.submit(NOTHING)


async def test_a_restart_gives_up_what_was_cut_short(tmp_path):
    async with Node(settings(tmp_path)) as node:
        await node.registry.blobs.stage_inline([Inline("a", OCTETS, b"inline")])
        upload = node.registry.blobs.stage(OCTETS)
        for _ in range(2):
            await upload.write(bytes(staging.WINDOW_BYTES))
        assert len(stagings(node)) == 2
    async with Node(settings(tmp_path)) as node:
        assert stagings(node) == []
        async with asyncio.timeout(10):
            await until_clean(node)
        assert entries(node, "blobs") == 0


async def test_a_deleted_database_gives_its_attachments_back(node, db):
    await attached(db, "d")
    await node.registry.delete("db")
    await node.registry.finish_sweeps()
    async with asyncio.timeout(10):
        await until_clean(node)
    assert entries(node, "blobs") == 0


@pytest.mark.parametrize("failure", [StorageFull(), ValueError("odd")])
async def test_it_goes_on_after_a_failure(node, db, monkeypatch, failure):
    monkeypatch.setattr(background, "FIRST_PAUSE", 0.0)
    collector = db.blobs.collector
    tries = []

    async def fail_once():
        tries.append(1)
        if len(tries) == 1:
            raise failure
        return await collect()

    collect = collector.collect
    monkeypatch.setattr(collector, "collect", fail_once)
    rev = await attached(db, "d")
    await detach(db, "d", rev)
    async with asyncio.timeout(10):
        await until_clean(node)
    assert len(tries) > 1


async def test_bytes_in_a_document_that_is_being_sent_stay(node, db, asleep):
    """Large data of ``attachments=true`` are streamed after the snapshot has ended."""
    rev = await attached(db, "d", bytes(1_000_000))
    opened = db.open_doc("d", OpenOptions(attachments=True))
    assert opened.rest
    await detach(db, "d", rev)
    assert not await asleep.collect()
    assert len(b"".join([piece async for piece in opened.stream()])) > 1_333_333
    del opened
    assert await asleep.collect()
    with node.env.snapshot() as snapshot:
        assert not is_waiting(snapshot)
