"""Resumable uploads: they survive the process, and become attachments as a plain PUT would make them."""

import asyncio
import hashlib
import os
from pathlib import Path

import pytest

from docstore.core.rev import Rev
from docstore.database.attachments.upload_receiver import Upload
from docstore.database.commands import AppendUpload, CompleteUpload, EditDocuments
from docstore.database.database import Database
from docstore.errors import (
    AttachmentTooLarge,
    BadRequest,
    BytesGone,
    Conflict,
    DatabaseNotFound,
    DigestMismatch,
    InconsistentUploadLength,
    NotFound,
    OffsetMismatch,
    UploadCompleted,
)
from docstore.node import Node
from docstore.storage.attachments.blob_rows import CHUNK_BYTES
from docstore.storage.attachments.upload_rows import Refusal, UploadState
from tests.database.helpers import document, rev, settings
from tests.storage_findings import storage_findings

TEXT = b"To be stored gzipped, as CouchDB would. " * 20_000
BYTES = os.urandom(CHUNK_BYTES + 1_000)
HELLO_AS_TEXT = "md5-iMaiC8wqiFlD2NjLTemvCQ=="
"""What CouchDB's digest of the text "hello" is (that of the gzipped bytes)."""


async def begin(node: Node, db: Database, content_type: str = "image/png", **more: object) -> Upload:
    told = {"doc_id": "doc", "name": "a", "rev": None, "length": None, **more}
    return await node.uploads.create(db.number, content_type=content_type, **told)


async def send(node: Node, upload: Upload, data: bytes) -> Upload:
    async with node.uploads.receive(upload) as receiver:
        await receiver.write(data)
        await receiver.flush()
    return receiver.upload


async def received(node: Node, db: Database, data: bytes, content_type: str = "image/png", **more: object) -> Upload:
    return await send(node, await begin(node, db, content_type, **more), data)


async def attachment(db: Database, doc_id: str = "doc", name: str = "a") -> bytes:
    opened = db.open_attachment(doc_id, name)
    return b"".join([piece async for piece in opened.decoded()])


async def plain_put(db: Database, doc_id: str, data: bytes, content_type: str) -> Rev | None:
    async with db.blobs.stage(content_type) as staging:
        await staging.write(data)
        staged = await staging.seal()
        return (await db.put_attachment(doc_id, None, staged.linked("a", content_type))).rev


@pytest.mark.parametrize(
    ("data", "content_type"),
    [(BYTES, "image/png"), (b"", "image/png"), (TEXT, "text/plain"), (b"", "text/plain"), (b"x", "application/json")],
)
async def test_an_upload_becomes_what_a_plain_put_makes(node, db, data, content_type):
    upload = await received(node, db, data, content_type)
    made = await node.uploads.complete(upload, None)
    assert made == await plain_put(db, "other", data, content_type)
    ours, plain = db.open_attachment("doc", "a").meta, db.open_attachment("other", "a").meta
    assert ours == plain
    assert await attachment(db) == data
    row = node.uploads.find(db.number, upload.uuid).row
    assert (row.state, row.result, row.rev, row.offset, row.length) == (
        UploadState.COMPLETED,
        made,
        None,
        len(data),
        len(data),
    )
    assert node.uploads.counts == {"created": 1, "bytes": len(data), "completed": 1}


async def test_text_has_the_digest_of_couchdb(node, db):
    await node.uploads.complete(await received(node, db, b"hello", "text/plain"), None)
    assert db.open_attachment("doc", "a").meta.digest == HELLO_AS_TEXT


async def test_what_comes_gzipped_is_kept_so(node, db):
    upload = await received(node, db, b"\x1f\x8b not looked at", "text/plain", encoding="gzip")
    await node.uploads.complete(upload, None)
    meta = db.open_attachment("doc", "a").meta
    assert (meta.encoding, meta.length, meta.encoded_length) == ("gzip", 16, 16)


async def test_an_attachment_is_added_to_a_revision(node, db):
    first = (await db.update_doc(document("doc", value=1))).rev
    upload = await received(node, db, BYTES)
    made = await node.uploads.complete(upload, first)
    assert made.generation == 2
    assert db.open_doc("doc").rev == made
    assert await attachment(db) == BYTES


@pytest.mark.parametrize("content_type", ["image/png", "text/plain"])
async def test_a_conflict_keeps_the_bytes_for_another_revision(node, db, content_type):
    first = (await db.update_doc(document("doc", value=1))).rev
    second = (await db.update_doc(document("doc", first, value=2))).rev
    upload = await received(node, db, TEXT, content_type, rev=first)
    for wrong in (first, None, rev("2-b")):
        with pytest.raises(Conflict):
            await node.uploads.complete(node.uploads.find(db.number, upload.uuid), wrong)
        row = node.uploads.find(db.number, upload.uuid).row
        assert row.state is UploadState.RECEIVED
        assert row.refusal is not None
        assert storage_findings(node) == []
    made = await node.uploads.complete(node.uploads.find(db.number, upload.uuid), second)
    assert db.open_doc("doc").rev == made
    assert await attachment(db) == TEXT
    row = node.uploads.find(db.number, upload.uuid).row
    assert (row.state, row.refusal, row.rev) == (UploadState.COMPLETED, None, second)
    assert node.uploads.counts["conflicts"] == 3


async def test_a_conflict_is_told_in_couchdbs_words(node, db):
    first = (await db.update_doc(document("doc", value=1))).rev
    upload = await received(node, db, b"abc")
    with pytest.raises(Conflict):
        await node.uploads.complete(upload, None)
    assert node.uploads.find(db.number, upload.uuid).row.refusal == Refusal("conflict", "Document update conflict.")
    with pytest.raises(Conflict):
        await node.uploads.complete(node.uploads.find(db.number, upload.uuid), rev("5-e"))
    assert node.uploads.find(db.number, upload.uuid).row.refusal == Refusal("not_found", "missing_rev")
    assert db.open_doc("doc").rev == first


async def test_a_completed_upload_is_not_completed_again(node, db):
    upload = await received(node, db, b"abc")
    await node.uploads.complete(upload, None)
    with pytest.raises(UploadCompleted):
        await node.uploads.complete(node.uploads.find(db.number, upload.uuid), None)
    assert db.open_doc("doc").rev.generation == 1


async def test_an_upload_that_lacks_bytes_is_not_completed(node, db):
    upload = await received(node, db, b"abc", length=5)
    with pytest.raises(InconsistentUploadLength):
        await node.uploads.complete(upload, None)
    upload = await send(node, upload, b"de")
    await node.uploads.complete(upload, None)
    assert await attachment(db) == b"abcde"


@pytest.mark.parametrize("content_type", ["image/png", "text/plain"])
async def test_a_wrong_digest_ends_the_upload(node, db, content_type):
    upload = await received(node, db, b"abc", content_type, md5=b"\x00" * 16)
    with pytest.raises(DigestMismatch):
        await node.uploads.complete(upload, None)
    with pytest.raises(NotFound):
        node.uploads.find(db.number, upload.uuid)
    right = hashlib.md5(b"abc", usedforsecurity=False).digest()
    assert await node.uploads.complete(await received(node, db, b"abc", content_type, md5=right), None)


async def test_the_length_is_told_once(node, db):
    upload = await received(node, db, b"abc")
    for wrong in (2, -1):
        with pytest.raises(InconsistentUploadLength):
            await node.uploads.set_length(upload, wrong)
    with pytest.raises(AttachmentTooLarge):
        await node.uploads.set_length(upload, node.uploads.max_size + 1)
    upload = await node.uploads.set_length(upload, 5)
    assert upload.row.length == node.uploads.find(db.number, upload.uuid).row.length == 5
    assert await node.uploads.set_length(upload, 5) == upload
    with pytest.raises(InconsistentUploadLength):
        await node.uploads.set_length(upload, 6)


async def test_what_cannot_be_uploaded(node, db):
    with pytest.raises(AttachmentTooLarge):
        await begin(node, db, length=node.uploads.max_size + 1)
    with pytest.raises(BadRequest):
        await begin(node, db, name="_a")
    await node.registry.delete("db")
    with pytest.raises(DatabaseNotFound):
        await begin(node, db)


async def test_two_requests_with_the_same_offset_never_double_bytes(node, db):
    upload = await begin(node, db)
    commands = [AppendUpload(db.number, upload.uuid, 0, piece, 0) for piece in (b"abc", b"xyz", b"abc")]
    ends = await asyncio.gather(*map(node.writer.submit, commands), return_exceptions=True)
    assert ends[0] == 3
    assert [type(end) for end in ends[1:]] == [OffsetMismatch] * 2
    assert [end.offset for end in ends[1:]] == [3, 3]
    await node.uploads.complete(node.uploads.find(db.number, upload.uuid), None)
    assert await attachment(db) == b"abc"


async def test_a_late_request_is_told_where_the_end_is(node, db):
    upload = await received(node, db, b"abcdef")
    with pytest.raises(OffsetMismatch) as late:
        await node.writer.submit(AppendUpload(db.number, upload.uuid, 3, b"def", 0))
    assert late.value.offset == 6
    await node.uploads.complete(upload, None)
    with pytest.raises(OffsetMismatch):
        await node.writer.submit(AppendUpload(db.number, upload.uuid, 6, b"g", 0))


async def test_a_cancelled_upload_is_gone(node, db):
    upload = await received(node, db, b"abc")
    await node.uploads.cancel(upload)
    await node.uploads.cancel(upload)
    with pytest.raises(NotFound):
        node.uploads.find(db.number, upload.uuid)
    with pytest.raises(NotFound):
        await node.writer.submit(CompleteUpload(upload.uuid, EditDocuments(db.number, ()), 0))
    assert node.uploads.counts["cancelled"] == 1


async def test_a_completed_upload_can_be_forgotten(node, db):
    upload = await received(node, db, b"abc")
    await node.uploads.complete(upload, None)
    await node.uploads.cancel(upload)
    assert await attachment(db) == b"abc"


async def test_an_upload_belongs_to_its_database(node, db):
    upload = await received(node, db, b"abc")
    other = await node.registry.create("other")
    with pytest.raises(NotFound):
        node.uploads.find(other.number, upload.uuid)


async def test_the_uploads_of_a_deleted_database_are_swept(node, db):
    upload = await received(node, db, b"abc")
    await node.registry.delete("db")
    with pytest.raises((DatabaseNotFound, NotFound, BytesGone)):  # as far as the sweep has come
        await node.uploads.complete(upload, None)
    await node.registry.finish_sweeps()
    with pytest.raises(NotFound):
        node.uploads.find(db.number, upload.uuid)


class Clock:
    """Microseconds that pass when the test says so."""

    def __init__(self, node: Node) -> None:
        self.now = node.uploads._clock()
        node.uploads._clock = lambda: self.now

    def advance(self, seconds: float) -> None:
        self.now += int(seconds * 1_000_000)


async def test_uploads_expire_a_lifetime_after_their_last_byte(node, db):
    clock = Clock(node)
    lifetime = node.uploads.lifetime
    upload = await begin(node, db)
    assert node.uploads.seconds_left(upload.row) == lifetime
    clock.advance(lifetime - 1)
    upload = await send(node, node.uploads.find(db.number, upload.uuid), b"abc")
    clock.advance(lifetime - 1)
    assert await node.uploads.expire() == 0
    assert node.uploads.seconds_left(node.uploads.find(db.number, upload.uuid).row) == 1
    clock.advance(1)
    with pytest.raises(NotFound):
        node.uploads.find(db.number, upload.uuid)
    assert await node.uploads.expire() == 1
    assert node.uploads.counts["expired"] == 1


async def test_a_refused_upload_expires_too(node, db):
    clock = Clock(node)
    await db.update_doc(document("doc"))
    upload = await received(node, db, TEXT, "text/plain")
    with pytest.raises(Conflict):
        await node.uploads.complete(upload, None)
    clock.advance(node.uploads.lifetime)
    assert await node.uploads.expire() == 1
    await node.registry.blobs.collector.collect()
    with node.env.snapshot() as snapshot, snapshot.cursor(snapshot.tables.blobs) as cursor:
        assert not cursor.first()


async def test_bytes_that_vanished_are_told(node, db):
    upload = await received(node, db, b"abc")
    with pytest.raises(Conflict):
        await node.uploads.complete(upload, rev("1-a"))
    received_upload = node.uploads.find(db.number, upload.uuid)
    await node.uploads.cancel(upload)
    with pytest.raises(BytesGone):
        await node.uploads.complete(received_upload, None)


# --- another process ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content_type", ["image/png", "text/plain"])
async def test_an_upload_goes_on_in_another_process(tmp_path: Path, content_type: str):
    data = TEXT[:CHUNK_BYTES] + BYTES
    async with Node(settings(tmp_path)) as node:
        db = await node.registry.create("db")
        upload = await received(node, db, data[:300_000], content_type, length=len(data))
    async with Node(settings(tmp_path)) as node:
        db = node.registry.open("db")
        upload = node.uploads.find(db.number, upload.uuid)
        assert upload.row.offset == 300_000
        upload = await send(node, upload, data[300_000:])
    async with Node(settings(tmp_path)) as node:
        db = node.registry.open("db")
        made = await node.uploads.complete(node.uploads.find(db.number, upload.uuid), None)
        assert made == await plain_put(db, "other", data, content_type)
        assert await attachment(db) == data
        assert storage_findings(node) == []


@pytest.mark.parametrize("content_type", ["image/png", "text/plain"])
async def test_a_refused_upload_is_completed_in_another_process(tmp_path: Path, content_type: str):
    async with Node(settings(tmp_path)) as node:
        db = await node.registry.create("db")
        first = (await db.update_doc(document("doc"))).rev
        upload = await received(node, db, TEXT, content_type)
        with pytest.raises(Conflict):
            await node.uploads.complete(upload, None)
    async with Node(settings(tmp_path)) as node:
        db = node.registry.open("db")
        upload = node.uploads.find(db.number, upload.uuid)
        assert upload.row.refusal is not None
        await node.uploads.complete(upload, first)
        assert await attachment(db) == TEXT
        assert storage_findings(node) == []


async def test_a_digest_that_missed_some_bytes_is_not_used(node, db):
    upload = await received(node, db, b"abc")
    await node.writer.submit(AppendUpload(db.number, upload.uuid, 3, b"def", 0))
    upload = await send(node, node.uploads.find(db.number, upload.uuid), b"ghi")
    await node.uploads.complete(upload, None)
    assert db.open_attachment("doc", "a").meta.md5 == hashlib.md5(b"abcdefghi", usedforsecurity=False).digest()


async def test_digests_of_many_uploads_are_not_all_kept(node, db, monkeypatch):
    monkeypatch.setattr("docstore.database.attachments.uploads.MAX_DIGESTS", 2)
    uploads = [await received(node, db, b"%d" % number, doc_id=str(number)) for number in range(4)]
    assert len(node.uploads._digests) == 2
    for number, upload in enumerate(uploads):
        await node.uploads.complete(upload, None)
        assert await attachment(db, str(number)) == b"%d" % number
