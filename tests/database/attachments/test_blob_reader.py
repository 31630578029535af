"""Reading attachments: ranges, gzip, and holds."""

import gc
import os
import zlib

import pytest

from docstore.core.attachment import Attachment
from docstore.database.attachments.blob_reader import (
    AT_ONCE_BYTES,
    INFLATED_BYTES,
    PORTION_BYTES,
    Holds,
    Inflation,
    read_plain,
)
from docstore.errors import BytesGone, DocstoreError
from docstore.storage.attachments.blob_rows import CHUNK_BYTES


@pytest.fixture
def blobs(node):
    return node.registry.blobs


async def opened(node, data, content_type="application/octet-stream", *, encoding=None):
    blobs = node.registry.blobs
    async with blobs.stage(content_type, encoding=encoding) as staging:
        for start in range(0, len(data), 1 << 20):
            await staging.write(data[start : start + (1 << 20)])
        staged = await staging.seal()
    with node.env.snapshot():
        return blobs.open(staged.linked("a", content_type).attachment)


async def read(pieces):
    return [piece async for piece in pieces]


SIZES = [0, 1, AT_ONCE_BYTES, AT_ONCE_BYTES + 1, CHUNK_BYTES, PORTION_BYTES, 2 * PORTION_BYTES + 5]


@pytest.mark.parametrize("size", SIZES)
async def test_all_bytes(node, size):
    data = os.urandom(size)
    attachment = await opened(node, data)
    pieces = await read(attachment.stored())
    assert b"".join(pieces) == data
    assert all(0 < len(piece) <= CHUNK_BYTES for piece in pieces)
    assert b"".join(await read(attachment.decoded())) == data


@pytest.mark.parametrize("offset", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, PORTION_BYTES - 1, PORTION_BYTES + 7])
@pytest.mark.parametrize("length", [0, 1, CHUNK_BYTES, PORTION_BYTES, None])
async def test_ranges(node, offset, length):
    data = os.urandom(2 * PORTION_BYTES + 5)
    attachment = await opened(node, data)
    wanted = data[offset:] if length is None else data[offset : offset + length]
    assert b"".join(await read(attachment.stored(offset, length))) == wanted


@pytest.mark.parametrize("size", [0, 5, INFLATED_BYTES, 10 * INFLATED_BYTES + 1])
async def test_gzip_is_undone(node, size):
    data = bytes(range(256)) * (size // 256 + 1)
    attachment = await opened(node, data[:size], "text/plain")
    pieces = await read(attachment.decoded())
    assert b"".join(pieces) == data[:size]
    assert all(len(piece) <= INFLATED_BYTES for piece in pieces)


async def test_incompressible_gzip_is_undone(node):
    data = os.urandom(2 * PORTION_BYTES)
    assert b"".join(await read((await opened(node, data, "text/plain")).decoded())) == data


async def test_several_members_are_one_text(node):
    packed = b"".join(zlib.compress(part, wbits=31) for part in (b"one ", b"", b"two"))
    attachment = await opened(node, packed, "text/plain", encoding="gzip")
    assert b"".join(await read(attachment.decoded())) == b"one two"


@pytest.mark.parametrize(
    "packed", [b"no gzip", b"", zlib.compress(b"x" * 100, wbits=31)[:-1], zlib.compress(b"x", wbits=31) + b"!"]
)
async def test_what_is_not_gzip(node, packed):
    attachment = await opened(node, packed, "text/plain", encoding="gzip")
    with pytest.raises(DocstoreError, match="not gzip"):
        await read(attachment.decoded())
    assert b"".join(await read(attachment.stored())) == packed


async def test_a_reader_that_stops_leaves_nothing_behind(node):
    attachment = await opened(node, os.urandom(5 * PORTION_BYTES))
    pieces = attachment.stored()
    assert len(await anext(pieces)) == CHUNK_BYTES
    await pieces.aclose()
    assert node.env.open_snapshots == 0


async def test_no_snapshot_is_held_between_pieces(node):
    attachment = await opened(node, os.urandom(3 * PORTION_BYTES))
    async for _ in attachment.stored():
        assert node.env.oldest_snapshot_age < 1


async def test_bytes_that_are_gone_are_told(node, blobs):
    with node.env.snapshot():
        attachment = blobs.open(Attachment("a", "t", b"", 10, 10, None, 1, 77))
    with pytest.raises(BytesGone):
        await read(attachment.stored())


def test_holds_are_counted():
    holds = Holds()
    one, two = holds.hold([1, 2]), holds.hold([2])
    assert [number in holds for number in (1, 2, 3)] == [True, True, False]
    one.close()
    one.close()
    assert [number in holds for number in (1, 2)] == [False, True]
    with two:
        assert 2 in holds
    assert 2 not in holds


def test_a_forgotten_hold_ends():
    holds = Holds()
    hold = holds.hold([1])
    del hold
    gc.collect()
    assert 1 not in holds


def test_what_was_touched():
    holds = Holds()
    hold = holds.hold([1])
    holds.hold([2]).close()
    assert holds.take_touched() == {1, 2}
    assert holds.take_touched() == {1}
    hold.close()
    assert holds.take_touched() == {1}
    assert holds.take_touched() == set()


def test_inflation_in_small_pieces():
    data = os.urandom(1000) * 3
    inflation, plain = Inflation(), b""
    for byte in zlib.compress(data, wbits=31):
        inflation.feed(bytes([byte]))
        while (piece := inflation.next()) is not None:
            plain += piece
    inflation.finish()
    assert plain == data


async def test_plain_bytes_at_once_up_to_a_limit(node):
    for content_type in ("text/plain", "image/png"):
        attachment = (await opened(node, b"x" * 1000, content_type)).meta
        with node.env.snapshot() as snapshot:
            assert read_plain(snapshot, attachment, 1000) == b"x" * 1000
            assert read_plain(snapshot, attachment, 999) is None


async def test_a_bomb_is_not_read_at_once(node):
    packed = zlib.compress(bytes(10_000_000), wbits=31)
    attachment = (await opened(node, packed, "text/plain", encoding="gzip")).meta
    with node.env.snapshot() as snapshot:
        assert read_plain(snapshot, attachment, 64 * 1024) is None
