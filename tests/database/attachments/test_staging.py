"""Uploads: windows, digests, gzip, and what is left when one is given up."""

import asyncio
import contextlib
import hashlib
import os
import zlib

import pytest

from docstore.database.attachments.staging import WINDOW_BYTES
from docstore.database.commands import AppendStaging, BeginStaging, DropStagings
from docstore.errors import AttachmentTooLarge, BytesGone, StorageFull
from docstore.storage.attachments.blob_rows import CHUNK_BYTES, BlobState
from docstore.storage.attachments.blobs import read_range
from docstore.storage.attachments.staging import scan_stagings

OCTETS = "application/octet-stream"


def md5(data):
    return hashlib.md5(data, usedforsecurity=False).digest()


def gzipped(data):
    compressor = zlib.compressobj(8, zlib.DEFLATED, 31, 8, 0)
    return compressor.compress(data) + compressor.flush()


def stored(node, blob, length):
    with node.env.snapshot() as snapshot:
        return read_range(snapshot, blob, 0, length)


def stagings(node):
    with node.env.snapshot() as snapshot:
        return dict(scan_stagings(snapshot))


async def write(staging, data, step):
    for start in range(0, len(data), step):
        await staging.write(data[start : start + step])


@pytest.fixture
def blobs(node):
    return node.registry.blobs


@pytest.mark.parametrize("step", [CHUNK_BYTES - 7, WINDOW_BYTES, WINDOW_BYTES + 3])
async def test_large_bytes_in_pieces(node, blobs, step):
    data = os.urandom(2 * WINDOW_BYTES + 3 * CHUNK_BYTES + 11)
    async with blobs.stage(OCTETS) as staging:
        await write(staging, data, step)
        staged = await staging.seal()
    assert staged.encoding is None
    assert (staged.length, staged.encoded_length) == (len(data), len(data))
    assert staged.md5 == staged.sent_md5 == md5(data)
    assert stored(node, staged.blob, len(data)) == data
    assert await staging.seal() == staged


@pytest.mark.parametrize("size", [0, 1, 1000, CHUNK_BYTES, CHUNK_BYTES + 1])
async def test_what_is_less_than_a_window_is_one_command(node, blobs, size):
    data = os.urandom(size)
    before = node.writer.commands
    async with blobs.stage(OCTETS) as staging:
        await write(staging, data, 64 * 1024)
        staged = await staging.seal()
    assert node.writer.commands == before + 1
    assert stored(node, staged.blob, size) == data


async def test_full_windows_end_with_a_chunk(node, blobs):
    async with blobs.stage(OCTETS) as staging:
        await write(staging, bytes(3 * WINDOW_BYTES), CHUNK_BYTES + 5)
        found = blobs.find_staging(staging.number)
        assert found.blob.state is BlobState.OPEN
        assert found.blob.length % CHUNK_BYTES == 0
        assert found.blob.length > 0
        await staging.seal()


@pytest.mark.parametrize("size", [0, 5, 3 * WINDOW_BYTES])
async def test_text_is_gzipped_as_couchdb_does(node, blobs, size):
    data = (b"hello" if size == 5 else b"%d " % size * (size // 8))[:size]
    async with blobs.stage("text/plain; charset=utf-8") as staging:
        await write(staging, data, 100_000)
        staged = await staging.seal()
    packed = gzipped(data)
    assert (staged.encoding, staged.length, staged.encoded_length) == ("gzip", len(data), len(packed))
    assert (staged.md5, staged.sent_md5) == (md5(packed), md5(data))
    assert stored(node, staged.blob, len(packed)) == packed


async def test_incompressible_text_is_written_in_windows_too(node, blobs):
    data = os.urandom(2 * WINDOW_BYTES)
    async with blobs.stage("text/plain") as staging:
        await write(staging, data, WINDOW_BYTES // 2)
        staged = await staging.seal()
    assert zlib.decompress(stored(node, staged.blob, staged.encoded_length), 31) == data


async def test_what_comes_gzipped_stays_as_it_is(node, blobs):
    packed = gzipped(b"hello")
    async with blobs.stage("text/plain", encoding="gzip") as staging:
        await staging.write(packed)
        staged = await staging.seal()
    assert (staged.encoding, staged.length, staged.encoded_length) == ("gzip", len(packed), len(packed))
    linked = staged.linked("a", "text/plain", length=5)
    assert (linked.attachment.length, linked.attachment.encoded_length, linked.staging) == (
        5,
        len(packed),
        staged.staging,
    )


async def test_the_same_bytes_are_stored_once(blobs):
    data = os.urandom(WINDOW_BYTES + 5)
    staged = []
    for _ in range(2):
        async with blobs.stage(OCTETS) as staging:
            await write(staging, data, WINDOW_BYTES)
            staged.append(await staging.seal())
    assert staged[0].blob == staged[1].blob
    assert staged[0].staging != staged[1].staging


async def test_a_limit(blobs):
    async with blobs.stage(OCTETS, name="a.bin", limit=10) as staging:
        await staging.write(bytes(10))
        with pytest.raises(AttachmentTooLarge, match=r"^a\.bin$"):
            await staging.write(b"x")


async def test_an_upload_that_fails_leaves_nothing(node, blobs):
    async def upload():
        async with blobs.stage(OCTETS) as staging:
            await write(staging, bytes(2 * WINDOW_BYTES), WINDOW_BYTES)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await upload()
    assert stagings(node) == {}
    await blobs.collector.collect()
    with node.env.snapshot() as snapshot:
        assert snapshot.transaction.stat(snapshot.tables.blobs)["entries"] == 0


async def test_what_went_wrong_first_is_told(node, blobs, monkeypatch):
    def fail(command):
        raise StorageFull

    async def upload():
        async with blobs.stage(OCTETS) as staging:
            await staging.write(b"x")
            await staging.seal()
            monkeypatch.setattr(node.writer, "submit", fail)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await upload()


async def test_an_upload_that_fails_after_it_was_sealed_leaves_nothing(node, blobs):
    async def upload():
        async with blobs.stage(OCTETS) as staging:
            await staging.write(b"x")
            await staging.seal()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await upload()
    assert stagings(node) == {}


@pytest.mark.parametrize("pieces", [0, 1, 2, 3, 5])
async def test_an_upload_that_is_cancelled_leaves_nothing(node, blobs, pieces):
    async def upload():
        async with blobs.stage(OCTETS) as staging:
            for _ in range(pieces):
                await staging.write(bytes(WINDOW_BYTES))
            written.set()
            await staging.write(bytes(WINDOW_BYTES))
            await asyncio.Event().wait()

    written = asyncio.Event()
    task = asyncio.create_task(upload())
    await written.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert stagings(node) == {}


async def test_a_lease_that_is_gone_is_told(node, blobs):
    async with blobs.stage(OCTETS) as staging:
        await write(staging, bytes(2 * WINDOW_BYTES), WINDOW_BYTES)
        await node.writer.submit(DropStagings((staging.number,)))
        with pytest.raises(BytesGone):
            await write(staging, bytes(3 * WINDOW_BYTES), WINDOW_BYTES)


async def test_the_same_bytes_gzipped(node, blobs):
    data = b"hello" * 100_000
    async with blobs.stage(OCTETS) as staging:
        await staging.write(data)
        sent = await staging.seal()
        packed = await blobs.compressed(sent)
    assert (packed.md5, packed.sent_md5) == (md5(gzipped(data)), md5(data))
    assert (packed.length, packed.encoding) == (len(data), "gzip")
    assert stored(node, packed.blob, packed.encoded_length) == gzipped(data)
    await blobs.drop([sent.staging, packed.staging])
    assert stagings(node) == {}


@pytest.mark.parametrize("content_type", [OCTETS, "text/plain"])
@pytest.mark.parametrize("place", range(3))
async def test_a_staging_that_failed_once_takes_nothing_more(node, blobs, monkeypatch, place, content_type):
    """Whichever window cannot be written: what comes behind it is never put in its place, nor sealed."""
    monkeypatch.setattr("docstore.database.attachments.staging.WINDOW_BYTES", 2 * CHUNK_BYTES)
    submit, appended = node.writer.submit, []

    def fail_once(command):
        if isinstance(command, BeginStaging | AppendStaging):
            appended.append(command)
            if len(appended) == place + 1:
                failed = asyncio.get_running_loop().create_future()
                failed.set_exception(StorageFull())
                return failed
        return submit(command)

    monkeypatch.setattr(node.writer, "submit", fail_once)
    staging = blobs.stage(content_type)
    for _ in range(12):
        with contextlib.suppress(StorageFull):
            await staging.write(os.urandom(CHUNK_BYTES))
    assert len(appended) == place + 1
    for _ in range(2):
        with pytest.raises(StorageFull):
            await staging.seal()
    await staging.drop()
    assert stagings(node) == {}


async def test_a_staging_whose_writer_was_cut_short_takes_nothing_more(node, blobs, monkeypatch):
    monkeypatch.setattr("docstore.database.attachments.staging.WINDOW_BYTES", 2 * CHUNK_BYTES)
    staging = blobs.stage(OCTETS)
    await staging.write(bytes(3 * CHUNK_BYTES))
    writing = asyncio.create_task(staging.write(bytes(5 * CHUNK_BYTES)))
    await asyncio.sleep(0)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    with pytest.raises(BytesGone):
        await staging.write(b"more")
    with pytest.raises(BytesGone):
        await staging.seal()
    await staging.drop()
    assert stagings(node) == {}
