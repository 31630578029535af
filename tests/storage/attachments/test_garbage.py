"""The removal of blobs that nothing holds."""

import os

from docstore.storage.attachments import garbage
from docstore.storage.attachments.blob_rows import CHUNK_BYTES
from tests.storage.blob_bytes import body, collect, counts, release, row, stage, waiting
from tests.storage.stores import Store


def rows_of_blobs(store: Store) -> dict[str, int]:
    with store.read() as txn:
        names = ("blobs", "digests", "blob_refs", "stagings", "garbage")
        return {name: txn.transaction.stat(getattr(txn.tables, name))["entries"] for name in names}


def test_nothing_is_left(store: Store) -> None:
    found = stage(store, b"a", os.urandom(3 * CHUNK_BYTES + 1), b"", b"c")
    release(store, *(one.staging for one in found))
    assert set(waiting(store)) == {one.blob for one in found}
    collect(store)
    assert set(rows_of_blobs(store).values()) == {0}


def test_a_large_blob_goes_in_steps(store: Store) -> None:
    [(staging, blob)] = stage(store, os.urandom(5 * CHUNK_BYTES))
    release(store, staging)
    chunks = []
    while row(store, blob) is not None:
        with store.write() as txn:
            finished = garbage.collect(txn, [blob], limit=2)
        assert store.findings() == []
        assert finished == (row(store, blob) is None)
        chunks.append(rows_of_blobs(store)["blobs"])
    assert chunks == [3, 1, 0]


def test_many_small_ones_go_in_steps(store: Store) -> None:
    found = stage(store, *(b"%d" % number for number in range(10)))
    release(store, *(one.staging for one in found))
    assert collect(store, limit=4) == 3


def test_what_is_held_is_passed_over(store: Store) -> None:
    db = store.create()
    [held, named, free] = stage(store, b"held", b"named", b"free")
    store.put(db, "a", body=body((named.blob, b"named")))
    release(store, named.staging, free.staging)
    with store.write() as txn:
        assert garbage.collect(txn, [held.blob, named.blob, free.blob, 77])
    assert (counts(store, held.blob), counts(store, named.blob)) == ((0, 1), (1, 0))
    assert row(store, free.blob) is None


def test_what_is_waiting(store: Store) -> None:
    with store.read() as txn:
        assert not garbage.is_waiting(txn)
    found = stage(store, b"a", b"b", b"c")
    release(store, *(one.staging for one in found))
    with store.read() as txn:
        assert garbage.is_waiting(txn)
        assert garbage.waiting(txn, 2) == [one.blob for one in found[:2]]
    collect(store)
