"""The counts by id and by sequence: right after every write, and read without a scan of everything."""

import random
from itertools import pairwise

import pytest

from docstore.core.edit import Edit
from docstore.storage import databases, keys
from docstore.storage.documents import counted, documents
from docstore.storage.documents.document_change import DocumentChange
from tests.storage.stores import Store, rev

BEGINNINGS = [64, 76, 417, 1624, 2189, 2306, 2550, 2683]


def begins(doc_id: str) -> bool:
    return counted.begins_block(doc_id.encode())


def test_where_blocks_begin_is_part_of_the_format() -> None:
    assert [number for number in range(3000) if begins(f"d{number}")] == BEGINNINGS


@pytest.mark.parametrize("form", ["{}", "{:08}", "doc-{}", "{0:x}/{0}"])
def test_blocks_are_of_a_useful_size(form: str) -> None:
    ids = sorted(form.format(number) for number in range(100_000))
    places = [place for place, doc_id in enumerate(ids) if begins(doc_id)]
    assert 140 < len(places) < 260
    assert max(after - before for before, after in pairwise(places)) < 6000


@pytest.mark.usefixtures("small_blocks")
def test_blocks_begin_at_the_same_documents_however_they_came(store: Store) -> None:
    ids = [f"d{number}" for number in range(40)]
    at_once, singly, backwards = store.create("a"), store.create("b"), store.create("c")
    store.put(at_once, *ids)
    for doc_id in ids:
        store.put(singly, doc_id)
    for doc_id in reversed(ids):
        store.put(backwards, doc_id)
    with store.read() as txn:
        found = [[(key[4:], count) for key, count in counted.blocks(txn, db)] for db in (at_once, singly, backwards)]
    assert found[0] == found[1] == found[2]
    in_order = sorted(ids)
    assert [key.decode() for key, _ in found[0] if key] == [doc_id for doc_id in in_order if begins(doc_id)]


def test_offsets_are_exact_with_deleted_documents_in_between(store: Store) -> None:
    db = store.create()
    ids = [f"{number:05}" for number in range(0, 6000, 2)]
    random.Random(5).shuffle(ids)
    for start in range(0, len(ids), 700):
        store.put(db, *ids[start : start + 700])
    with store.read() as txn:
        found = documents.get_records(txn, db, ids)
    gone = set(ids[::3])
    store.edit(db, *(Edit(doc_id, found[doc_id].winner, True, b"{}", b"j") for doc_id in gone))
    live = sorted(set(ids) - gone)
    with store.read() as txn:
        for number in range(0, 6001, 131):
            doc_id = f"{number:05}"
            assert counted.live_before(txn, db, doc_id) == sum(each < doc_id for each in live)
        assert counted.live_before(txn, db, "") == 0
        assert counted.live_before(txn, db, "\U0010ffff") == len(live)
        assert counted.live_between(txn, db, "01000", "02000") == sum("01000" <= each < "02000" for each in live)
        assert counted.live_between(txn, db, "02000", "01000") == 0


def test_a_database_between_others_counts_its_own(store: Store) -> None:
    numbers = [store.create(name) for name in ("a", "b", "c")]
    for place, db in enumerate(numbers):
        store.put(db, *(f"d{number}" for number in range(place + 1)))
    with store.read() as txn:
        for place, db in enumerate(numbers):
            assert counted.live_before(txn, db, "e") == place + 1
            assert counted.live_before(txn, db, "a") == 0


@pytest.mark.usefixtures("small_blocks")
def test_a_block_whose_first_document_is_purged_joins_the_one_before(store: Store) -> None:
    db = store.create()
    ids = [f"d{number}" for number in range(30)]
    for order in (ids, ids[::-1], random.Random(2).sample(ids, 30)):
        store.put(db, *ids)
        with store.read() as txn:
            found = documents.get_records(txn, db, ids)
        left = set(ids)
        for doc_id in order:
            store.purge(db, doc_id, found[doc_id].winner)
            left.remove(doc_id)
            assert store.findings() == []
            with store.read() as txn:
                assert counted.live_before(txn, db, "d5") == sum(each < "d5" for each in left)
        with store.read() as txn:
            assert list(counted.blocks(txn, db)) == []


@pytest.mark.usefixtures("small_blocks")
def test_many_are_purged_and_made_in_one_batch(store: Store) -> None:
    db = store.create()
    ids = [f"d{number}" for number in range(60)]
    store.put(db, *ids[::2])
    with store.write() as txn:
        state = databases.get_state(txn, db)
        found = documents.get_records(txn, db, ids)
        changes = []
        for place, doc_id in enumerate(ids):
            state.update_seq += 1
            change = DocumentChange(db, doc_id, found.get(doc_id))
            if doc_id not in found:
                change.create([rev(1, "a")], state.update_seq, place % 3 == 0, b"{}", 1000)
            elif place % 4 == 0:
                change.remove(txn)
            changes.append(change)
        documents.write_batch(txn, db, state, changes)
    assert store.findings() == []
    left = [doc_id for place, doc_id in enumerate(ids) if place % 4 and not (place % 2 and place % 3 == 0)]
    with store.read() as txn:
        for doc_id in ids:
            assert counted.live_before(txn, db, doc_id) == sum(each < doc_id for each in left)


def test_pending_is_exact_from_both_ends(store: Store) -> None:
    db = store.create()
    ids = [f"d{number}" for number in range(3000)]
    store.put(db, *ids)
    with store.read() as txn:
        found = documents.get_records(txn, db, ids)
    changed = ids[::2]
    store.edit(db, *(Edit(doc_id, found[doc_id].winner, False, b"{}", b"k") for doc_id in changed))
    with store.read() as txn:
        seqs = sorted(record.seq for record in documents.get_records(txn, db, ids).values())
        state = databases.get_state(txn, db)
        for since in [0, 1, 2, 1023, 1024, 1025, 2048, 2999, 3000, 3001, 4095, 4096, 4499, 4500, 99999, -1]:
            assert counted.rows_after(txn, db, state, since) == sum(seq > since for seq in seqs)


def test_a_block_of_sequences_without_rows_is_removed(store: Store) -> None:
    db = store.create()
    store.put(db, "a")
    for _ in range(3):
        with store.read() as txn:
            record = documents.get_record(txn, db, "a")
        assert record is not None
        store.edit(db, *(Edit("b", None, False, b"{}", b"j") for _ in range(1)))
        with store.write() as txn:
            state = databases.get_state(txn, db)
            state.update_seq += 1500
            databases.put_state(txn, db, state)
        store.edit(db, Edit("a", record.winner, False, b"{}", b"j"))
    with store.read() as txn, txn.cursor(txn.tables.seq_counts) as cursor:
        assert [keys.seq_of(key) for key in cursor.iternext(values=False)] == [0, 4500 >> 10]
