"""Staging what is in memory: many small attachments with few commands."""

import hashlib
import os

import pytest

from docstore.core.attachment import Inline
from docstore.database.attachments import blob_store
from docstore.database.attachments.staging import WINDOW_BYTES
from docstore.database.commands import StageBlobs
from docstore.errors import StorageFull
from docstore.storage.attachments.blobs import read_range
from docstore.storage.attachments.staging import scan_stagings

OCTETS = "application/octet-stream"


@pytest.fixture
def blobs(node):
    return node.registry.blobs


def stored(node, staged):
    with node.env.snapshot() as snapshot:
        return read_range(snapshot, staged.blob, 0, staged.encoded_length)


def inline(*datas):
    return [Inline(f"a{place}", OCTETS, data) for place, data in enumerate(datas)]


@pytest.mark.parametrize(
    "sizes",
    [[], [0], [5, 0, 7], [40_000, 40_000], [3, WINDOW_BYTES + 1, 4], [WINDOW_BYTES, WINDOW_BYTES, 1, WINDOW_BYTES]],
)
async def test_every_item_in_its_place(node, blobs, sizes):
    datas = [os.urandom(size) for size in sizes]
    found = await blobs.stage_inline(inline(*datas))
    assert [stored(node, one) for one in found] == datas
    assert [one.length for one in found] == sizes
    assert [one.md5 for one in found] == [hashlib.md5(data).digest() for data in datas]


async def test_small_ones_share_a_command(node, blobs):
    before = node.writer.commands
    await blobs.stage_inline(inline(*(b"%d" % number for number in range(100))))
    assert node.writer.commands == before + 1


async def test_commands_are_not_too_large(node, blobs, monkeypatch):
    costs = []
    submit = node.writer.submit

    def note(command):
        costs.append(command.cost)
        return submit(command)

    monkeypatch.setattr(node.writer, "submit", note)
    await blobs.stage_inline(inline(*(os.urandom(WINDOW_BYTES) for _ in range(5))))
    assert len(costs) == 3
    assert max(costs) <= 2 * WINDOW_BYTES


async def test_some_are_gzipped(node, blobs):
    text, pixels = await blobs.stage_inline([Inline("a", "text/plain", b"hello"), Inline("b", "image/png", b"hello")])
    assert (text.encoding, text.length, text.encoded_length) == ("gzip", 5, 25)
    assert (pixels.encoding, pixels.length, pixels.encoded_length) == (None, 5, 5)
    assert text.linked("a", "text/plain").attachment.digest == "md5-iMaiC8wqiFlD2NjLTemvCQ=="


async def test_what_fails_in_the_middle_leaves_nothing(node, blobs, monkeypatch):
    submit = node.writer.submit

    def fail(command):
        if isinstance(command, StageBlobs) and command.blobs[0].data == b"x" * 11:
            raise StorageFull
        return submit(command)

    monkeypatch.setattr(node.writer, "submit", fail)
    monkeypatch.setattr(blob_store, "WINDOW_BYTES", 10)
    with pytest.raises(StorageFull):
        await blobs.stage_inline(inline(b"a" * 10, b"b" * 10, b"c" * 5, b"x" * 11))
    with node.env.snapshot() as snapshot:
        assert list(scan_stagings(snapshot)) == []


async def test_giving_up_does_not_fail(blobs, node, monkeypatch, caplog):
    def fail(command):
        raise StorageFull

    monkeypatch.setattr(node.writer, "submit", fail)
    await blobs.give_up([1])
    assert "left to expire" in caplog.text
    await blobs.give_up([])


async def test_no_such_staging(blobs):
    assert blobs.find_staging(77) is None
    await blobs.drop([77])
    await blobs.drop([])
