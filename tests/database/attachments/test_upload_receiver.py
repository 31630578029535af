"""The bytes of one request: in windows, durable, and on trial if they have a checksum."""

import asyncio
import hashlib
import os
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import pytest

from docstore.database.attachments import upload_receiver
from docstore.database.attachments.upload_receiver import WINDOW_BYTES, RunningDigest, Upload
from docstore.database.commands import AppendUpload
from docstore.errors import (
    AttachmentTooLarge,
    InconsistentUploadLength,
    NotFound,
    StorageFailed,
    StorageFull,
)
from docstore.storage.attachments.blob_rows import CHUNK_BYTES

Make = Callable[..., Awaitable[Upload]]


@pytest.fixture
def make(node, db) -> Make:
    async def create(length: int | None = None, content_type: str = "image/png") -> Upload:
        return await node.uploads.create(
            db.number, doc_id="doc", name="a", content_type=content_type, rev=None, length=length
        )

    return create


def now(node, upload: Upload) -> Upload:
    return node.uploads.find(upload.database, upload.uuid)


def bytes_of(node, upload: Upload) -> bytes:
    from docstore.storage.attachments.blobs import read_range
    from docstore.storage.attachments.staging import get_staging
    from docstore.storage.attachments.uploads import bytes_there

    with node.env.snapshot() as snapshot:
        row = now(node, upload).row
        held = get_staging(snapshot, row.staging)
        return read_range(snapshot, held.blob, 0, bytes_there(snapshot, row))


async def test_pieces_are_gathered_and_flushed(node, make):
    upload = await make()
    data = os.urandom(10_000)
    async with node.uploads.receive(upload) as receiver:
        for start in range(0, len(data), 100):
            await receiver.write(data[start : start + 100])
        assert receiver.offset == len(data)
        assert await receiver.flush() == len(data)
        assert receiver.durable == len(data)
    assert now(node, upload) == receiver.upload._replace(row=now(node, upload).row)
    assert receiver.upload.row.offset == len(data)
    assert bytes_of(node, upload) == data


async def test_windows_are_cut_where_chunks_end(node, make, monkeypatch):
    upload = await make()
    offsets = []
    submit = node.writer.submit

    def watch(command):
        if isinstance(command, AppendUpload):
            offsets.append(command.offset)
        return submit(command)

    monkeypatch.setattr(node.writer, "submit", watch)
    piece = os.urandom(100_000)
    data = piece * (2 * WINDOW_BYTES // len(piece) + 1)
    async with node.uploads.receive(upload) as receiver:
        for _ in range(len(data) // len(piece)):
            await receiver.write(piece)
        await receiver.flush()
    assert bytes_of(node, upload) == data
    assert len(offsets) > 2
    assert [offset % CHUNK_BYTES for offset in offsets] == [0] * len(offsets)


async def test_a_window_that_waits_goes_by_itself(node, make, monkeypatch):
    monkeypatch.setattr(upload_receiver, "FLUSH_SECONDS", 0.0)
    upload = await make()
    told = asyncio.Queue()
    async with node.uploads.receive(upload, on_durable=told.put_nowait) as receiver:
        await receiver.write(b"abc")
        assert await told.get() == 3
        assert now(node, upload).row.offset == 3
        await receiver.write(b"de")
        await receiver.write(b"f")
        assert await told.get() == 6
    assert bytes_of(node, upload) == b"abcdef"


async def test_whatever_ends_the_request_its_bytes_are_kept(node, make):
    upload = await make()

    async def broken() -> None:
        async with node.uploads.receive(upload) as receiver:
            await receiver.write(b"abc")
            raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await broken()
    assert now(node, upload).row.offset == 3

    async def cancelled() -> None:
        async with node.uploads.receive(now(node, upload)) as receiver:
            await receiver.write(b"def")
            begun.set()
            await asyncio.Event().wait()

    begun = asyncio.Event()
    task = asyncio.create_task(cancelled())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert bytes_of(node, upload) == b"abcdef"


async def test_not_more_than_the_length(node, make):
    upload = await make(length=5)

    async def send() -> None:
        async with node.uploads.receive(upload) as receiver:
            await receiver.write(b"abcd")
            await receiver.write(b"ef")

    with pytest.raises(InconsistentUploadLength):
        await send()
    assert bytes_of(node, upload) == b"abcd"


async def test_not_more_than_the_limit(node, make):
    node.uploads.max_size = 5
    upload = await make()
    with pytest.raises(AttachmentTooLarge):
        async with node.uploads.receive(upload) as receiver:
            await receiver.write(b"abcdef")


async def test_an_upload_that_is_cancelled_meanwhile(node, make):
    upload = await make()

    async def send() -> None:
        async with node.uploads.receive(upload) as receiver:
            await receiver.write(b"abc")
            await node.uploads.cancel(upload)
            await receiver.flush()

    with pytest.raises(NotFound):
        await send()


async def test_bytes_with_a_right_checksum(node, make):
    upload = await make()
    data = os.urandom(CHUNK_BYTES + 5)
    checksum = hashlib.sha1(usedforsecurity=False)
    async with node.uploads.receive(upload, checksum=checksum) as receiver:
        await receiver.write(data)
        await receiver.flush()
        assert now(node, upload).row.offset == receiver.durable == 0
        assert checksum.digest() == hashlib.sha1(data, usedforsecurity=False).digest()
        await receiver.accept()
    assert now(node, upload).row.offset == receiver.durable == len(data)


@pytest.mark.parametrize("before", [b"", b"abc"])
async def test_bytes_that_are_not_accepted_leave_no_trace(node, make, before):
    upload = await make()
    async with node.uploads.receive(upload) as receiver:
        await receiver.write(before)
        await receiver.flush()

    async def broken() -> None:
        checksum = hashlib.md5(usedforsecurity=False)
        async with node.uploads.receive(receiver.upload, checksum=checksum) as trial:
            await trial.write(os.urandom(2 * CHUNK_BYTES))
            raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await broken()
    assert now(node, upload).row.offset == len(before)
    assert bytes_of(node, upload) == before
    async with node.uploads.receive(receiver.upload) as again:
        assert again.running_digest.sha256.digest() == hashlib.sha256(before).digest()


async def test_bytes_for_trial_of_a_killed_process_are_removed_by_the_next_request(node, make):
    upload = await make()
    await node.writer.submit(AppendUpload(upload.database, upload.uuid, 0, b"tried", 0, trial=True))
    async with node.uploads.receive(upload) as receiver:
        await receiver.write(b"abc")
        await receiver.flush()
    assert bytes_of(node, upload) == b"abc"


async def test_a_digest_runs_along_from_request_to_request(node, make):
    upload = await make()
    for piece in (b"abc", b"", b"def"):
        async with node.uploads.receive(now(node, upload)) as receiver:
            await receiver.write(piece)
            await receiver.flush()
    digest = receiver.running_digest
    assert (digest.offset, digest.sha256.digest()) == (6, hashlib.sha256(b"abcdef").digest())


async def test_no_digest_runs_along_with_what_is_gzipped_in_the_end(node, make):
    upload = await make(content_type="text/plain")
    async with node.uploads.receive(upload) as receiver:
        await receiver.write(b"abc")
    assert receiver.running_digest is None


# --- a window that cannot be appended ---------------------------------------------------------------------------


class FailingAppends:
    """A writer whose appends fail at the given places; ``after`` they were written, or instead of it."""

    def __init__(self, node, places: Sequence[int], *, after: bool = False) -> None:
        self.offsets: list[int] = []
        self.failed = asyncio.Event()
        self._submit = node.writer.submit
        self._places = set(places)
        self._after = after

    def submit(self, command: object) -> Awaitable[object]:
        if not isinstance(command, AppendUpload):
            return self._submit(command)
        self.offsets.append(command.offset)
        failing = len(self.offsets) - 1 in self._places
        return self._fail(command) if failing else self._submit(command)

    async def _fail(self, command: AppendUpload) -> None:
        self.failed.set()
        if self._after:
            await self._submit(command)
            raise StorageFailed
        raise StorageFull


@pytest.fixture
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload_receiver, "WINDOW_BYTES", 4_000)
    monkeypatch.setattr(upload_receiver, "CHUNK_BYTES", 1_000)
    monkeypatch.setattr(upload_receiver, "FLUSH_SECONDS", 0.0)


async def send_stubbornly(receiver, data: bytes, dice: random.Random) -> None:
    """All of it in pieces, however often a step is refused; another answer than that of the disk is raised."""
    while data:
        size = dice.choice([1, 700, 1_000, 3_999, 4_000, 9_001])
        with suppress(StorageFull, StorageFailed):
            await receiver.write(data[:size])
            if dice.random() < 0.2:
                await receiver.flush()
            if dice.random() < 0.3:
                await asyncio.sleep(0)
        data = data[size:]


@pytest.mark.parametrize("seed", range(24))
async def test_nothing_is_appended_behind_a_hole(node, make, monkeypatch, small_windows, seed):
    """Whichever appends fail, and however a caller goes on: what is there is how the upload begins, and can go on."""
    dice = random.Random(seed)
    data = dice.randbytes(30_000)
    upload = await make(len(data), dice.choice(["image/png", "text/plain"]))
    failing = FailingAppends(node, dice.sample(range(6), dice.randint(1, 3)), after=dice.random() < 0.3)
    checksum = hashlib.md5(usedforsecurity=False) if dice.random() < 0.3 else None
    receiver = None
    with monkeypatch.context() as patch:
        patch.setattr(node.writer, "submit", failing.submit)
        with suppress(StorageFull, StorageFailed, ConnectionResetError):
            async with node.uploads.receive(upload, checksum=checksum) as receiver:
                await send_stubbornly(receiver, data, dice)
                if dice.random() < 0.5:
                    raise ConnectionResetError
    there = now(node, upload).row.offset
    assert receiver.durable <= there
    if checksum is None:
        assert bytes_of(node, upload) == data[:there]
    async with node.uploads.receive(now(node, upload)) as again:
        await again.write(data[there:])
        await again.flush()
    assert bytes_of(node, upload) == data
    digest = again.running_digest
    assert digest is None or digest.sha256.digest() == hashlib.sha256(data).digest()


async def test_a_window_that_fails_by_itself_is_told_by_every_later_step(node, make, monkeypatch, small_windows):
    upload = await make()
    failing = FailingAppends(node, [0])
    monkeypatch.setattr(node.writer, "submit", failing.submit)

    async def send() -> None:
        async with node.uploads.receive(upload) as receiver:
            await receiver.write(b"abc")
            await failing.failed.wait()
            with pytest.raises(StorageFull):
                await receiver.flush()
            with pytest.raises(StorageFull):
                await receiver.write(b"def")
            with pytest.raises(StorageFull):
                await receiver.accept()

    with pytest.raises(StorageFull):
        await send()
    assert failing.offsets == [0]
    assert bytes_of(node, upload) == b""


async def test_what_ended_the_request_is_told_though_its_last_bytes_cannot_be_kept(node, make, monkeypatch, caplog):
    upload = await make()
    monkeypatch.setattr(node.writer, "submit", FailingAppends(node, [0]).submit)

    async def broken() -> None:
        async with node.uploads.receive(upload) as receiver:
            await receiver.write(b"abc")
            raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await broken()
    assert f"upload {upload.uuid.hex()} ends at byte 0" in caplog.text


def test_a_digest_can_be_copied():
    digest = RunningDigest()
    digest.update(b"abc")
    other = digest.copy()
    other.update(b"def")
    assert (digest.offset, other.offset) == (3, 6)
    assert digest.md5.digest() == hashlib.md5(b"abc", usedforsecurity=False).digest()
    assert other.md5.digest() == hashlib.md5(b"abcdef", usedforsecurity=False).digest()
