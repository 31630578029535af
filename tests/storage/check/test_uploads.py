"""The check finds whatever is wrong with uploads."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from docstore.core.rev import Rev
from docstore.storage import keys
from docstore.storage.attachments import expiries, staging, uploads
from docstore.storage.attachments.blob_rows import StagingRow
from docstore.storage.attachments.upload_rows import UploadRow, UploadState, decode_upload, encode_upload
from docstore.storage.engine.transactions import GroupTransaction
from docstore.storage.keys import upload_key
from tests.storage.blob_bytes import LATER, stage
from tests.storage.stores import Store

DB = 1
UUID = b"u" * 16
OTHER = b"v" * 16
NAME = f"upload {UUID.hex()}"
EXPIRES = LATER


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store with an upload of three bytes."""
    store = Store(tmp_path)
    store.create()
    with store.write() as txn:
        uploads.begin(txn, DB, UUID, UploadRow("doc", "a", "image/png", None, EXPIRES))
        uploads.append(txn, DB, UUID, 0, b"abc", EXPIRES)
    assert store.findings() == []
    yield store
    store.environment.close()


def findings(store: Store, wreck: Callable[[GroupTransaction], object]) -> list[str]:
    with store.write() as txn:
        wreck(txn)
    return store.findings()


def row_of(txn: GroupTransaction) -> UploadRow:
    row = uploads.find_upload(txn, DB, UUID)
    assert row is not None
    return row


def put(txn: GroupTransaction, row: UploadRow, uuid: bytes = UUID, db: int = DB) -> None:
    key = upload_key(db, uuid)
    before = txn.get(txn.tables.uploads, key)
    txn.put(txn.tables.uploads, key, encode_upload(row))
    old = None if before is None else expiries.upload_entry(key, decode_upload(before))
    expiries.move(txn, old, expiries.upload_entry(key, row))


def change(**members: object) -> Callable[[GroupTransaction], None]:
    return lambda txn: put(txn, row_of(txn)._replace(**members))


def test_more_was_acknowledged_than_is_there(store: Store) -> None:
    assert findings(store, change(offset=4)) == [f"{NAME}: 4 bytes were acknowledged, 3 are there (OPEN)"]


def test_more_is_there_than_was_announced(store: Store) -> None:
    assert findings(store, change(length=2)) == [f"{NAME}: has 3 bytes of 2"]


def test_a_received_upload_is_not_sealed(store: Store) -> None:
    wreck = change(state=UploadState.RECEIVED, length=3)
    assert findings(store, wreck) == [f"{NAME}: all of 3 bytes were received, 3 were acknowledged (OPEN)"]


def test_the_bytes_are_gone(store: Store) -> None:
    assert findings(store, lambda txn: staging.release(txn, [1])) == [f"{NAME}: its bytes are gone (staging 1)"]


def test_the_lease_ends_too_early(store: Store) -> None:
    wreck = change(expires=EXPIRES + uploads.LEASE_MARGIN + 1)
    assert findings(store, wreck) == [f"{NAME}: its staging 1 does not live as long"]


def test_the_lease_does_not_outlive_the_process(store: Store) -> None:
    row = StagingRow(EXPIRES + uploads.LEASE_MARGIN, 1, resumable=False, purpose=uploads.PURPOSE)
    wrong = findings(store, lambda txn: staging.put_staging(txn, 1, staging.get_staging(txn, 1), row))
    assert wrong == [f"{NAME}: its staging 1 does not live as long"]


def test_two_uploads_hold_the_same_bytes(store: Store) -> None:
    wrong = findings(store, lambda txn: put(txn, row_of(txn), OTHER))
    assert wrong == [f"upload {OTHER.hex()}: holds staging 1, as {NAME} does"]


def test_bytes_are_held_for_no_upload(store: Store) -> None:
    def wreck(txn: GroupTransaction) -> None:
        txn.delete(txn.tables.expiries, expiries.upload_entry(upload_key(DB, UUID), row_of(txn)))
        txn.delete(txn.tables.uploads, upload_key(DB, UUID))

    assert findings(store, wreck) == ["staging 1: is held for an upload that is not there"]


def test_an_upload_to_no_database(store: Store) -> None:
    def wreck(txn: GroupTransaction) -> None:
        put(txn, row_of(txn)._replace(state=UploadState.COMPLETED, staging=0, result=Rev(1, b"x" * 16)), OTHER, 9)

    [wrong] = findings(store, wreck)
    assert wrong == f"upload {OTHER.hex()}: belongs to database 9, which has no name and no pending sweep"


def test_an_upload_to_a_database_that_is_being_swept(store: Store) -> None:
    def wreck(txn: GroupTransaction) -> None:
        txn.put(txn.tables.sweeps, keys.prefix(9), b"gone")
        put(txn, row_of(txn)._replace(state=UploadState.COMPLETED, staging=0, result=Rev(1, b"x" * 16)), OTHER, 9)

    assert findings(store, wreck) == []


def test_a_completed_upload_still_holds_bytes(store: Store) -> None:
    wreck = change(state=UploadState.COMPLETED)
    assert findings(store, wreck) == [f"{NAME}: is completed, with staging 1 and revision None"]


def test_a_revision_without_completion(store: Store) -> None:
    wrong = findings(store, change(result=Rev(1, b"x" * 16)))
    assert wrong == [f"{NAME}: has the revision {Rev(1, b'x' * 16)}, though it is not completed"]


def test_a_row_that_cannot_be_read(store: Store) -> None:
    wrong = findings(store, lambda txn: txn.put(txn.tables.uploads, upload_key(DB, UUID), b"\xc1"))
    assert wrong
    assert all(one.startswith("the check ended at a row that cannot be read") for one in wrong)


def test_a_lease_of_another_kind_is_no_business_of_uploads(store: Store) -> None:
    stage(store, b"other")
    assert store.findings() == []
