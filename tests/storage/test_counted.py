"""The counts by id and by sequence: right after every write, and read without a scan of everything."""

import random

import pytest

from docstore.core.edit import Edit
from docstore.storage import counted, databases, documents, keys
from docstore.storage.counted import BLOCK_MAX
from tests.storage.stores import Store


def block_sizes(store: Store, db: int) -> list[int]:
    with store.read() as txn:
        return [count.rows for _, count in counted.blocks(txn, db)]


def test_blocks_are_cut_when_they_are_full(store: Store) -> None:
    db = store.create()
    store.put(db, *(f"{number:05}" for number in range(BLOCK_MAX)))
    assert block_sizes(store, db) == [BLOCK_MAX]
    store.put(db, "00500a")
    assert block_sizes(store, db) == [BLOCK_MAX // 2, BLOCK_MAX // 2, 1]
    store.put(db, *(f"00700{number:05}" for number in range(3 * BLOCK_MAX)))
    sizes = block_sizes(store, db)
    assert sum(sizes) == 4 * BLOCK_MAX + 1
    assert max(sizes) <= BLOCK_MAX


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


def test_an_empty_block_joins_the_one_before(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counted, "BLOCK_MAX", 4)
    db = store.create()
    ids = [f"d{number}" for number in range(8)]
    store.put(db, *ids)
    assert block_sizes(store, db) == [2, 2, 2, 2]
    with store.read() as txn:
        found = documents.get_records(txn, db, ids)
    for doc_id in ("d2", "d3", "d0", "d1"):
        store.purge(db, doc_id, found[doc_id].winner)
        assert store.findings() == []
    assert block_sizes(store, db) == [2, 2]
    with store.read() as txn:
        assert counted.live_before(txn, db, "d5") == 1
    store.put(db, "d1")
    assert block_sizes(store, db) == [1, 2, 2]


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
