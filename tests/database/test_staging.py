"""Uploads: windows, digests, gzip, and what is left when one is given up."""

import asyncio
import hashlib
import os
import zlib

import pytest

from docstore.database.commands import DropStagings
from docstore.database.staging import WINDOW_BYTES, Lease
from docstore.errors import AttachmentTooLarge, BytesGone, OffsetMismatch
from docstore.storage.blob_rows import CHUNK_BYTES, BlobState
from docstore.storage.blobs import read_range
from docstore.storage.staging import scan_stagings

OCTETS = "application/octet-stream"
RESUMABLE = Lease(60.0, resumable=True, purpose=b"upload")


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
        await write(staging, bytes(WINDOW_BYTES), WINDOW_BYTES)
        await staging.flush()
        await node.writer.submit(DropStagings((staging.number,)))
        with pytest.raises(BytesGone):
            await write(staging, bytes(3 * WINDOW_BYTES), WINDOW_BYTES)


async def test_flushed_bytes_are_there(node, blobs):
    data = os.urandom(CHUNK_BYTES + 100)
    staging = blobs.stage(OCTETS, lease=RESUMABLE)
    assert await staging.flush() == 0
    for end in (10, 10, 500, CHUNK_BYTES, len(data)):
        await staging.write(data[staging.length : end])
        assert await staging.flush() == end
        if end:
            assert blobs.find_staging(staging.number).blob.length == end
            assert stored(node, staging.number, end) == data[:end]
    staged = await staging.seal()
    assert staged.md5 == md5(data)
    await staging.drop()


async def test_gzip_cannot_be_flushed(blobs):
    async with blobs.stage("text/plain") as staging:
        with pytest.raises(ValueError, match="gzipped"):
            await staging.flush()


async def test_a_resumable_upload_is_kept_as_sent_and_outlives_its_process(node, blobs):
    staging = blobs.stage("text/plain", lease=RESUMABLE)
    await staging.write(b"hel")
    await staging.flush()
    assert stagings(node)[staging.number].purpose == b"upload"
    await blobs.collector.expire(all_transient=True)
    again = await blobs.resume(staging.number)
    assert again.length == 3
    await again.write(b"lo")
    staged = await again.seal()
    assert (staged.length, staged.encoded_length, staged.encoding, staged.md5) == (5, 5, None, md5(b"hello"))
    assert (await blobs.resume(staging.number)).staged == staged
    packed = await blobs.compressed(staged)
    assert packed.md5 == md5(gzipped(b"hello"))
    assert (packed.length, packed.sent_md5, packed.encoding) == (5, md5(b"hello"), "gzip")
    await blobs.drop([staging.number, packed.staging])
    with pytest.raises(BytesGone):
        await blobs.resume(staging.number)


async def test_a_large_upload_is_resumed_where_it_was(node, blobs):
    data = os.urandom(WINDOW_BYTES + 12_345)
    staging = blobs.stage(OCTETS, lease=RESUMABLE)
    await write(staging, data[:-5], WINDOW_BYTES)
    await staging.flush()
    again = await blobs.resume(staging.number)
    await again.write(data[-5:])
    staged = await again.seal()
    assert (staged.md5, stored(node, staged.blob, len(data))) == (md5(data), data)
    await again.drop()


async def test_two_that_go_on_at_once_do_not_double_bytes(blobs):
    staging = blobs.stage(OCTETS, lease=RESUMABLE)
    await staging.write(b"abc")
    await staging.flush()
    late = await blobs.resume(staging.number)
    await staging.write(b"d")
    await staging.flush()
    await late.write(b"d")
    with pytest.raises(OffsetMismatch) as caught:
        await late.flush()
    assert caught.value.offset == 4
    await staging.drop()


async def test_an_upload_that_is_sealed_before_anything_was_flushed_can_be_resumed(blobs):
    staging = blobs.stage(OCTETS, lease=RESUMABLE)
    await staging.write(b"abc")
    staged = await staging.seal()
    assert blobs.find_staging(staged.staging).row.resumable
    assert (await blobs.resume(staged.staging)).staged == staged
    await blobs.prolong(staged.staging, 1000.0, b"other")
    assert blobs.find_staging(staged.staging).row.purpose == b"other"
    await staging.drop()
