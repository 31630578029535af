"""The check finds whatever is wrong with blobs."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from docstore.core.attachment import Attachment, pack_attachments
from docstore.storage import keys, rows
from docstore.storage.attachments.blob_rows import (
    CHUNK_BYTES,
    BlobRow,
    BlobState,
    StagingRow,
    encode_blob,
    encode_staging,
)
from docstore.storage.check.store import check
from docstore.storage.engine.transactions import GroupTransaction
from docstore.storage.keys import pack_blob_key, pack_chunk_key, pack_digest_key, pack_seq_key
from tests.storage.blob_bytes import begin, body, release, stage, whole
from tests.storage.stores import Store

DATA = os.urandom(2 * CHUNK_BYTES + 5)
NAMED, HELD, FREE, OPEN = 1, 2, 3, 4
DB = 1


@pytest.fixture
def blobs(tmp_path: Path) -> Iterator[Store]:
    """A blob that a body names, one that a staging holds, one that nothing holds, and an open one."""
    store = Store(tmp_path)
    store.create()
    named, _, free = stage(store, DATA, b"held", b"free")
    store.put(DB, "a", body=body((NAMED, DATA)))
    release(store, named.staging, free.staging)
    assert begin(store, b"open") == OPEN
    assert store.findings() == []
    yield store
    store.environment.close()


def findings(store: Store, wreck: Callable[[GroupTransaction], object]) -> list[str]:
    with store.write() as txn:
        wreck(txn)
    return store.findings()


def put(table: str, key: bytes, value: bytes) -> Callable[[GroupTransaction], object]:
    return lambda txn: txn.put(getattr(txn.tables, table), key, value)


def delete(table: str, key: bytes) -> Callable[[GroupTransaction], object]:
    return lambda txn: txn.delete(getattr(txn.tables, table), key)


def blob(number: int, **changes: object) -> Callable[[GroupTransaction], object]:
    states = {NAMED: (1, 0, DATA), HELD: (0, 1, b"held"), FREE: (0, 0, b"free")}
    references, leases, data = states[number]
    found = BlobRow(BlobState.SEALED, references, leases, len(data), whole(data).sha256, whole(data).md5)
    return put("blob_refs", pack_blob_key(number), encode_blob(found._replace(**changes)))


@pytest.mark.parametrize(
    ("wreck", "told"),
    [
        (blob(NAMED, references=2), "has 2 references and 0 leases, there are 1 bodies and 0 stagings"),
        (blob(NAMED, references=1, leases=1), "has 1 references and 1 leases"),
        (blob(HELD, leases=0), "has 0 references and 0 leases, there are 0 bodies and 1 stagings"),
        (delete("garbage", pack_blob_key(FREE)), "is held by nothing, but no garbage"),
        (put("garbage", pack_blob_key(HELD), b""), "is garbage, though it is held"),
        (put("garbage", pack_blob_key(77), b""), "blob 77 is garbage, but is not there"),
        (blob(NAMED, length=len(DATA) - 1), "an attachment says"),
        (blob(NAMED, md5=bytes(16)), "an attachment says"),
        (blob(HELD, md5=bytes(16)), "its bytes have the md5"),
        (blob(HELD, sha256=bytes(32)), "is not found by its digest"),
        (blob(HELD, state=BlobState.OPEN), "leads to blob 2, which is not it"),
        (blob(NAMED, state=BlobState.OPEN), "is open, but not held by its own staging alone"),
        (blob(NAMED, state=BlobState.DOOMED), "is being removed, though it is held"),
        (delete("digests", pack_digest_key(whole(b"held").sha256, 4)), "is not found by its digest"),
        (put("digests", bytes(40), rows.encode_number(HELD)), "leads to blob 2, which is not it"),
        (put("digests", bytes(40), rows.encode_number(77)), "leads to blob 77, which is not it"),
        (delete("blobs", pack_chunk_key(NAMED, 0)), "has no chunk 0"),
        (delete("blobs", pack_chunk_key(NAMED, 1)), "has no chunk 1"),
        (delete("blobs", pack_chunk_key(NAMED, 2)), "has 2 chunks, its length makes 3"),
        (delete("blobs", pack_chunk_key(OPEN, 0)), "has 0 chunks, its length makes 1"),
        (put("blobs", pack_chunk_key(NAMED, 3), b"x"), "has 4 chunks, its length makes 3"),
        (put("blobs", pack_chunk_key(NAMED, 1), b"x"), "its chunk 1 has 1 bytes"),
        (put("blobs", pack_chunk_key(HELD, 0), b"hell"), "its bytes have the sha256"),
        (put("blobs", pack_chunk_key(77, 0), b"x"), "chunks of blob 77, which is not there"),
        (delete("blob_refs", pack_blob_key(NAMED)), "blob 1 is named by 1 bodies and 0 stagings, but is not there"),
        (delete("blob_refs", pack_blob_key(HELD)), "blob 2 is named by 0 bodies and 1 stagings, but is not there"),
        (delete("stagings", pack_blob_key(HELD)), "there are 0 bodies and 0 stagings"),
        (put("stagings", pack_blob_key(9), encode_staging(StagingRow(1, NAMED))), "there are 1 bodies and 1 stagings"),
        (put("stagings", pack_blob_key(9), encode_staging(StagingRow(1, NAMED))), "staging 9 has a number that is yet"),
        (put("meta", keys.META_NEXT_BLOB, rows.encode_number(4)), "blob 4 has a number that is yet to be given out"),
        (put("bodies", pack_seq_key(DB, 1), body((NAMED, DATA), (NAMED, b"y"))), "another"),
        (put("bodies", pack_seq_key(DB, 1), b"{}"), "there are 0 bodies"),
        (put("blob_refs", pack_blob_key(HELD), b"short"), "the check ended at a row that cannot be read"),
    ],
)  # fmt: skip
def test_it_is_found(blobs: Store, wreck: Callable[[GroupTransaction], object], told: str) -> None:
    assert any(told in finding for finding in findings(blobs, wreck)), blobs.findings()


def test_without_hashing_the_bytes_are_not_looked_at(blobs: Store) -> None:
    assert findings(blobs, put("blobs", pack_chunk_key(HELD, 0), b"hell"))
    with blobs.read() as txn:
        assert list(check(txn, hashing=False)) == []


def test_bodies_of_a_pending_sweep_count(blobs: Store) -> None:
    with blobs.write() as txn:
        txn.put(txn.tables.sweeps, keys.prefix(9), b"gone")
        value = pack_attachments([Attachment("a", "t", whole(b"held").md5, 4, 4, None, 1, HELD)])
        txn.put(txn.tables.bodies, pack_seq_key(9, 1), rows.encode_body(b"{}", value))
    assert [finding for finding in blobs.findings() if "blob 2" in finding] == [
        "blob 2: has 0 references and 1 leases, there are 1 bodies and 1 stagings"
    ]
