"""Uploads in the store: bytes are appended at the end only, and nothing that was acknowledged is lost."""

import os
from itertools import pairwise

import pytest

from docstore.core.rev import Rev
from docstore.errors import BytesGone, NotFound, OffsetMismatch
from docstore.storage.attachments import staging, uploads
from docstore.storage.attachments.blob_rows import CHUNK_BYTES
from docstore.storage.attachments.upload_rows import Refusal, UploadRow, UploadState
from tests.storage.blob_bytes import bytes_of, collect, counts, stage, waiting, whole
from tests.storage.stores import Store

DB = 1
UUID = b"u" * 16
OTHER = b"v" * 16
EXPIRES = 1_000
REV = Rev(1, b"\x01" * 16)


@pytest.fixture
def upload(store: Store) -> Store:
    """A store with a database and an upload to it."""
    assert store.create() == DB
    begin(store)
    return store


def begin(store: Store, uuid: bytes = UUID, *, db: int = DB, expires: int = EXPIRES) -> None:
    with store.write() as txn:
        uploads.begin(txn, db, uuid, UploadRow("doc", "a", "image/png", None, expires))


def append(store: Store, offset: int, data: bytes, *, trial: bool = False, expires: int = EXPIRES) -> int:
    with store.write() as txn:
        return uploads.append(txn, DB, UUID, offset, data, expires, trial=trial)


def found(store: Store, uuid: bytes = UUID, db: int = DB) -> UploadRow:
    with store.read() as txn:
        row = uploads.find_upload(txn, db, uuid)
    assert row is not None
    return row


def there(store: Store) -> bytes:
    """The bytes that the upload's staging holds."""
    with store.read() as txn:
        held = staging.get_staging(txn, found(store).staging)
    assert held is not None
    return bytes_of(store, held.blob)


def rewind(store: Store) -> int:
    """Rewind to the end; the steps that it took."""
    steps = 1
    while True:
        with store.write() as txn:
            if uploads.rewind(txn, DB, UUID):
                return steps
        assert store.findings() == []
        steps += 1


def test_pieces_of_any_size(upload: Store) -> None:
    data = os.urandom(2 * CHUNK_BYTES + 100)
    cuts = [0, 0, 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES + 100]
    for start, end in pairwise(cuts):
        assert append(upload, start, data[start:end]) == end
        assert found(upload).offset == end
        assert there(upload) == data[:end]
        assert upload.findings() == []


def test_bytes_are_appended_at_the_end_only(upload: Store) -> None:
    append(upload, 0, b"abc")
    for offset in (0, 2, 4):
        with pytest.raises(OffsetMismatch) as caught:
            append(upload, offset, b"x")
        assert caught.value.offset == 3
    assert there(upload) == b"abc"


def test_nothing_is_appended_to_an_upload_that_is_not_there(upload: Store) -> None:
    with upload.write() as txn:
        assert uploads.cancel(txn, DB, UUID)
        assert not uploads.cancel(txn, DB, UUID)
    with pytest.raises(NotFound):
        append(upload, 0, b"x")
    assert waiting(upload) == [1]
    collect(upload)


def test_an_append_prolongs_the_upload_and_never_shortens_it(upload: Store) -> None:
    append(upload, 0, b"a", expires=5_000)
    append(upload, 1, b"b", expires=10)
    assert found(upload).expires == 5_000


def test_bytes_for_trial_do_not_count_until_they_are_accepted(upload: Store) -> None:
    append(upload, 0, b"abc")
    assert append(upload, 3, b"def", trial=True) == 6
    assert append(upload, 6, b"ghi", trial=True) == 9
    assert found(upload).offset == 3
    assert there(upload) == b"abcdefghi"
    with upload.write() as txn, pytest.raises(OffsetMismatch):
        uploads.accept(txn, DB, UUID, 6)
    with upload.write() as txn:
        uploads.accept(txn, DB, UUID, 9)
    assert found(upload).offset == 9


@pytest.mark.parametrize("kept", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1])
@pytest.mark.parametrize("tried", [1, CHUNK_BYTES, 3 * CHUNK_BYTES + 5])
def test_bytes_for_trial_can_be_removed_again(upload: Store, kept: int, tried: int) -> None:
    data = os.urandom(kept)
    append(upload, 0, data)
    append(upload, kept, os.urandom(tried), trial=True)
    assert rewind(upload) == 1
    assert there(upload) == data
    assert rewind(upload) == 1
    more = os.urandom(CHUNK_BYTES + 7)
    assert append(upload, kept, more) == kept + len(more)
    assert there(upload) == data + more


def test_many_bytes_for_trial_are_removed_in_steps(upload: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "STEP_CHUNKS", 2)
    append(upload, 0, b"abc")
    append(upload, 3, os.urandom(5 * CHUNK_BYTES), trial=True)
    assert rewind(upload) == 3
    assert there(upload) == b"abc"


def test_sealed_bytes_take_no_more(upload: Store) -> None:
    append(upload, 0, b"abc")
    digests = whole(b"abc")
    with upload.write() as txn:
        row = uploads.seal(txn, DB, UUID, 3, digests.sha256, digests.md5)
    assert row == found(upload)
    assert (row.state, row.length) == (UploadState.RECEIVED, 3)
    with pytest.raises(OffsetMismatch):
        append(upload, 3, b"d")
    assert rewind(upload) == 1
    assert upload.findings() == []


def test_a_twin_is_used_where_there_is_one(upload: Store) -> None:
    [(_, twin)] = stage(upload, b"abc")
    append(upload, 0, b"abc")
    digests = whole(b"abc")
    with upload.write() as txn:
        uploads.seal(txn, DB, UUID, 3, digests.sha256, digests.md5)
    assert counts(upload, twin) == (0, 2)
    assert there(upload) == b"abc"
    assert upload.findings() == []


def test_other_bytes_can_be_adopted(upload: Store) -> None:
    append(upload, 0, b"abc")
    received = found(upload).staging
    [(packed, blob)] = stage(upload, b"packed")
    with upload.write() as txn:
        row = uploads.adopt(txn, DB, UUID, 3, packed)
    assert (row.state, row.offset, row.length, row.staging) == (UploadState.RECEIVED, 3, 3, packed)
    assert counts(upload, blob) == (0, 1)
    assert waiting(upload) == [received]
    with upload.read() as txn:
        lease = staging.get_staging(txn, packed)
        assert lease is not None
        assert lease.resumable
    assert upload.findings() == []


def test_bytes_that_are_gone_cannot_be_adopted(upload: Store) -> None:
    append(upload, 0, b"abc")
    with upload.write() as txn, pytest.raises(BytesGone):
        uploads.adopt(txn, DB, UUID, 3, 999)


def test_a_refused_upload_keeps_its_bytes(upload: Store) -> None:
    append(upload, 0, b"abc")
    refusal = Refusal("conflict", "Document update conflict.")
    with upload.write() as txn:
        uploads.refuse(txn, DB, UUID, refusal)
    assert found(upload).refusal == refusal
    assert there(upload) == b"abc"


def test_a_completed_upload_tells_its_revision_and_holds_nothing(upload: Store) -> None:
    append(upload, 0, b"abc")
    digests = whole(b"abc")
    with upload.write() as txn:
        uploads.seal(txn, DB, UUID, 3, digests.sha256, digests.md5)
        uploads.refuse(txn, DB, UUID, Refusal("conflict", ""))
    with upload.write() as txn:
        staging.release(txn, [found(upload).staging])
        uploads.complete(txn, DB, UUID, None, REV, 7_000)
    row = found(upload)
    assert (row.state, row.result, row.staging, row.refusal, row.expires) == (
        UploadState.COMPLETED,
        REV,
        0,
        None,
        7_000,
    )
    assert upload.findings() == []


def test_the_length_can_be_told_later(upload: Store) -> None:
    with upload.write() as txn:
        uploads.set_length(txn, DB, UUID, 10)
    assert found(upload).length == 10


def test_uploads_expire(upload: Store) -> None:
    append(upload, 0, b"abc")
    begin(upload, OTHER, expires=EXPIRES + 1)
    with upload.write() as txn:
        assert uploads.find_expired(txn, EXPIRES - 1) == []
        [over] = uploads.find_expired(txn, EXPIRES)
        gone = (over[0], b"gone" * 4)
        assert uploads.expire(txn, [over, gone], EXPIRES - 1) == 0  # it may have gone on since it was found
        assert uploads.expire(txn, [over, gone], EXPIRES) == 1
    with upload.read() as txn:
        assert [uuid for _, uuid, _ in uploads.scan_uploads(txn)] == [OTHER]
    collect(upload)


def test_not_all_expire_at_once(upload: Store) -> None:
    for number in range(5):
        begin(upload, bytes([number]) * 16)
    with upload.write() as txn:
        for count in (4, 2):
            assert uploads.expire(txn, uploads.find_expired(txn, EXPIRES, limit=4), EXPIRES) == count


def test_the_lease_on_the_bytes_outlives_the_upload(upload: Store) -> None:
    append(upload, 0, b"abc", expires=9_000)
    with upload.write() as txn:
        assert staging.find_expired(txn, 9_000) == []
    assert there(upload) == b"abc"


def test_the_uploads_of_one_database_can_be_swept(upload: Store) -> None:
    other = upload.create("other")
    begin(upload, OTHER)
    begin(upload, OTHER, db=other)
    with upload.write() as txn:
        assert not uploads.sweep(txn, DB, limit=1)
        assert not uploads.sweep(txn, DB, limit=1)
        assert uploads.sweep(txn, DB, limit=1)
    with upload.read() as txn:
        assert [db for db, _, _ in uploads.scan_uploads(txn)] == [other]
