"""Blobs: what bodies do to their counts, and how ranges of them are read."""

import os

import pytest

from docstore.errors import BytesGone
from docstore.storage import databases
from docstore.storage.attachments import blobs
from docstore.storage.attachments.blob_rows import CHUNK_BYTES
from docstore.storage.attachments.blobs import References
from docstore.storage.documents import compaction
from tests.storage.blob_bytes import begin, body, bytes_of, counts, release, row, stage, waiting
from tests.storage.stores import Store, line, rev


def put(store: Store, db: int, doc_id: str, value: bytes) -> None:
    store.put(db, doc_id, body=value)


def test_a_body_counts_once_however_often_it_names_a_blob(store: Store) -> None:
    db = store.create()
    [(staging, blob)] = stage(store, b"x")
    put(store, db, "a", body((blob, b"x"), (blob, b"x")))
    assert counts(store, blob) == (1, 1)
    release(store, staging)
    assert counts(store, blob) == (1, 0)


def test_every_body_counts(store: Store) -> None:
    db, other = store.create(), store.create("other")
    [(staging, blob), (second, two)] = stage(store, b"x", b"y")
    store.put(db, "a", "b", body=body((blob, b"x")))
    put(store, other, "a", body((blob, b"x"), (two, b"y")))
    release(store, staging, second)
    assert (counts(store, blob), counts(store, two)) == ((3, 0), (1, 0))
    assert waiting(store) == []


def test_a_purged_body_lets_go(store: Store) -> None:
    db = store.create()
    [(staging, blob)] = stage(store, b"x")
    store.replicate(db, "a", *line(1, 1), body=body((blob, b"x")))
    release(store, staging)
    store.purge(db, "a", rev(1, "a"))
    assert counts(store, blob) == (0, 0)
    assert waiting(store) == [blob]


def test_stemming_lets_go_of_one_and_takes_the_next_in_one_batch(store: Store) -> None:
    db = store.create(revs_limit=1)
    [(staging, blob)] = stage(store, b"x")
    value = body((blob, b"x"))
    for generation in range(1, 5):
        path = line(generation, max(generation - 1, 1))
        store.replicate(db, "a", *path, body=value)
        release(store, staging)
        assert counts(store, blob) == (1, 0)
        assert waiting(store) == []


def test_a_superseded_body_holds_until_compaction(store: Store) -> None:
    db = store.create()
    [(staging, blob)] = stage(store, b"x")
    store.replicate(db, "a", *line(1, 1), body=body((blob, b"x")))
    release(store, staging)
    store.replicate(db, "a", *line(2, 1))
    assert counts(store, blob) == (1, 0)
    with store.write() as txn:
        assert compaction.compact_documents(txn, db, 0) is None
    assert waiting(store) == [blob]


def test_a_branch_point_keeps_its_attachments(store: Store) -> None:
    db = store.create()
    [(staging, blob)] = stage(store, b"x")
    store.replicate(db, "a", *line(1, 1), body=body((blob, b"x")))
    release(store, staging)
    store.replicate(db, "a", rev(2, "b"), rev(1, "a"))
    store.replicate(db, "a", rev(2, "c"), rev(1, "a"))
    with store.write() as txn:
        compaction.compact_documents(txn, db, 0)
    assert counts(store, blob) == (1, 0)


def test_compaction_stops_early_with_the_counts_right(store: Store) -> None:
    db = store.create()
    staged = stage(store, b"x", b"y", b"z")
    for generation, (_, blob) in enumerate(staged, 1):
        data = (b"x", b"y", b"z")[generation - 1]
        store.replicate(db, "a", *line(generation, 1), body=body((blob, data)))
    release(store, *(one.staging for one in staged))
    store.replicate(db, "a", *line(4, 1))
    for dropped in (1, 2, 3):
        with store.write() as txn:
            compaction.compact_documents(txn, db, 0, bodies=1)
        assert waiting(store) == [one.blob for one in staged[:dropped]]
        assert store.findings() == []


def test_a_swept_database_lets_go(store: Store) -> None:
    db, other = store.create(), store.create("other")
    [(staging, blob), (second, two)] = stage(store, b"x", b"y")
    store.put(db, "a", "b", "c", body=body((blob, b"x"), (two, b"y")))
    put(store, other, "a", body((two, b"y")))
    release(store, staging, second)
    with store.write() as txn:
        databases.delete_database(txn, "db")
        txn.delete(txn.tables.states, db.to_bytes(4))
    assert counts(store, blob) == (3, 0)
    assert store.findings() == []
    steps = 0
    finished = False
    while not finished:
        with store.write() as txn:
            finished = compaction.sweep(txn, db, limit=2)
        assert store.findings() == []
        steps += 1
    assert steps > 3
    assert (counts(store, blob), counts(store, two)) == ((0, 0), (1, 0))
    assert waiting(store) == [blob]


def test_a_sweep_reads_only_so_many_bytes_at_a_time(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "STEP_BYTES", 10)
    db = store.create()
    store.put(db, "a", "b", "c", body=b'{"a":"0123456789"}')
    with store.write() as txn:
        databases.delete_database(txn, "db")
        txn.delete(txn.tables.states, db.to_bytes(4))
    steps = 1
    while True:
        with store.write() as txn:
            if compaction.sweep(txn, db):
                break
        steps += 1
    assert steps == 4


def test_a_blob_that_is_named_again_is_no_garbage(store: Store) -> None:
    db = store.create()
    [(staging, blob)] = stage(store, b"x")
    release(store, staging)
    assert waiting(store) == [blob]
    put(store, db, "a", body((blob, b"x")))
    assert waiting(store) == []
    assert counts(store, blob) == (1, 0)


def test_counts_that_cannot_be_are_refused(store: Store) -> None:
    [(_, blob)] = stage(store, b"x")
    open_blob = begin(store, b"x")
    for number, dropped in ((blob, True), (77, False), (open_blob, False)):
        references = References()
        (references.dropped if dropped else references.written)(body((number, b"x")))
        with store.write() as txn, pytest.raises(ValueError, match=f"blob {number} cannot have"):
            references.apply(txn)


def test_nothing_changes_where_nothing_is_left_over(store: Store) -> None:
    references = References()
    references.written(body((77, b"x")))
    references.dropped(body((77, b"x")))
    with store.write() as txn:
        references.apply(txn)


@pytest.mark.parametrize("length", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES + 5])
def test_ranges(store: Store, length: int) -> None:
    data = os.urandom(length)
    [(_, blob)] = stage(store, data)
    assert bytes_of(store, blob) == data
    places = sorted({0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, length - 1, length})
    inside = [place for place in places if 0 <= place <= length]
    with store.read() as txn:
        for start in inside:
            for end in inside:
                if start <= end:
                    assert blobs.read_range(txn, blob, start, end - start) == data[start:end]
                    pieces = blobs.read_pieces(txn, blob, start, end - start)
                    assert b"".join(pieces) == data[start:end]
                    assert all(pieces)


def test_missing_chunks_are_told(store: Store) -> None:
    with store.read() as txn, pytest.raises(BytesGone):
        blobs.read_range(txn, 77, 0, 1)


def test_only_sealed_blobs_may_be_named(store: Store) -> None:
    [(_, blob)] = stage(store, b"x")
    number = begin(store, b"y")
    with store.read() as txn:
        assert blobs.sealed(txn, [blob, number, 77]) == {blob}
    assert row(store, 77) is None


def test_numbers_are_never_given_again(store: Store) -> None:
    with store.write() as txn:
        assert list(blobs.take_numbers(txn, 3)) == [1, 2, 3]
        assert list(blobs.take_numbers(txn, 1)) == [4]
