"""Laws of the keys: the order of the rows is the order of the ids, whatever the ids are."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from docstore.core.edit import Edit
from docstore.storage import databases, keys
from docstore.storage.documents import compaction, counted, documents, long_ids, records, scans
from tests.storage.stores import Store

numbers = st.integers(1, keys.MAX_NUMBER)
seqs = st.integers(0, keys.MAX_SEQ)
labels = st.integers(0, keys.LABEL_MAX)
short_ids = st.binary(max_size=keys.LONG_ID_FROM - 1)
# Ids with common beginnings of every length that matters: none, just below and above where ids are long, and much more.
beginnings = st.sampled_from(
    ["", "x", "x" * 398, "x" * 399, "x" * 400, "x" * 600, "x" * 7000, "\u00e9" * 200, "y" * 400]
)
tails = st.text(st.sampled_from("\x00\x01axyz\x7f\u0080\u00e9\uffff\U00010000\U0010ffff"), max_size=6)
doc_ids = st.builds(str.__add__, beginnings, tails).filter(bool)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = Store(tmp_path_factory.mktemp("keys"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counted, "BLOCK_MEAN", 2)
        yield store
    store.environment.close()


@given(numbers, short_ids, numbers, short_ids)
def test_short_keys_sort_by_database_then_id(db: int, doc_id: bytes, other_db: int, other_id: bytes) -> None:
    key, other = keys.short_key(db, doc_id), keys.short_key(other_db, other_id)
    assert (key < other) == ((db, doc_id) < (other_db, other_id))
    assert keys.number_of(key) == db
    assert keys.prefix(db) <= key < keys.prefix_end(db)


@given(numbers, seqs, numbers, seqs)
def test_seq_keys_sort_by_database_then_seq(db: int, seq: int, other_db: int, other_seq: int) -> None:
    key, other = keys.pack_seq_key(db, seq), keys.pack_seq_key(other_db, other_seq)
    assert (key < other) == ((db, seq) < (other_db, other_seq))
    assert (keys.number_of(key), keys.seq_of(key)) == (db, seq)


@given(numbers, seqs, seqs, seqs, seqs)
def test_run_keys_sort_by_owner_then_block(db: int, owner: int, block: int, other_owner: int, other_block: int) -> None:
    key, other = keys.pack_run_key(db, owner, block), keys.pack_run_key(db, other_owner, other_block)
    assert (key < other) == ((owner, block) < (other_owner, other_block))
    assert keys.run_key_parts(key) == (db, owner, block)


@given(numbers, st.binary(min_size=keys.LONG_ID_FROM, max_size=600), labels, labels, short_ids)
def test_long_keys_sort_by_label_within_a_group_and_among_short_ones(
    db: int, doc_id: bytes, label: int, other_label: int, short_id: bytes
) -> None:
    group = keys.group_key(db, doc_id)
    key = keys.long_key(group, label)
    assert (key < keys.long_key(group, other_label)) == (label < other_label)
    assert keys.label_of(key) == label
    assert len(key) == keys.LONG_KEY_BYTES
    short = keys.short_key(db, short_id)
    assert (short < key) == (short_id < doc_id)
    assert short != key


@given(st.lists(doc_ids, min_size=1, max_size=25, unique=True), st.data())
@settings(max_examples=60, deadline=None)
def test_rows_stand_in_the_order_of_ids(shared: Store, ids: list[str], data: st.DataObject) -> None:
    db = shared.create()
    try:
        cut = data.draw(st.integers(0, len(ids)))
        shared.put(db, *ids[:cut])
        shared.put(db, *ids[cut:])
        in_order = sorted(ids, key=str.encode)
        assert in_order == sorted(ids)
        absent = data.draw(doc_ids)
        with shared.read() as txn:
            assert [row[0] for row in scans.scan_documents(txn, db)] == in_order
            assert documents.get_records(txn, db, ids).keys() == set(ids)
            assert (documents.get_record(txn, db, absent) is None) == (absent not in ids)
            assert counted.live_before(txn, db, absent) == sum(doc_id < absent for doc_id in ids)
            from_there = [row[0] for row in scans.scan_documents(txn, db, start=absent)]
            assert from_there == [doc_id for doc_id in in_order if doc_id >= absent]
            back = [row[0] for row in scans.scan_documents(txn, db, start=absent, descending=True)]
            assert back == [doc_id for doc_id in reversed(in_order) if doc_id <= absent]
        assert shared.findings() == []
    finally:
        _drop(shared, db)


@given(st.lists(st.integers(0, 60), min_size=1, max_size=60, unique=True))
@settings(max_examples=20, deadline=None)
def test_labels_are_found_whatever_the_order_of_arrival(shared: Store, places: list[int]) -> None:
    """Ids that halve the same gap again and again, so that groups are labelled anew."""
    db = shared.create()
    try:
        ids = ["g" * 500 + "\x00" * (60 - place) + "z" for place in places]
        for doc_id in ids:
            shared.put(db, doc_id)
        with shared.read() as txn:
            assert [row[0] for row in scans.scan_documents(txn, db)] == sorted(ids)
            for doc_id in ids:
                found = long_ids.find(txn, txn.tables.docs, db, doc_id.encode(), records.id_of_long)
                assert found is not None
                assert records.id_of_long(found[1]) == doc_id.encode()
        assert shared.findings() == []
    finally:
        _drop(shared, db)


def _drop(store: Store, db: int) -> None:
    with store.write() as txn:
        databases.delete_database(txn, "db")
        while not compaction.sweep(txn, db):
            pass


def test_an_edit_of_a_long_id_finds_its_own_row(shared: Store) -> None:
    db = shared.create()
    ids = ["w" * 600 + letter for letter in "abc"]
    shared.put(db, *ids)
    with shared.read() as txn:
        found = documents.get_records(txn, db, ids)
    shared.edit(db, *(Edit(doc_id, found[doc_id].winner, False, b"{}", b"j") for doc_id in reversed(ids)))
    with shared.read() as txn:
        again = documents.get_records(txn, db, ids)
    assert [again[doc_id].seq for doc_id in ids] == [6, 5, 4]
    assert shared.findings() == []
    _drop(shared, db)
