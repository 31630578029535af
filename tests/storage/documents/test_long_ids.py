"""Ids longer than a key may be: found exactly, in the right order, whatever they share."""

import random
from itertools import pairwise

import pytest

from docstore.storage import keys
from docstore.storage.documents import counted, documents, long_ids, records, scans
from docstore.storage.documents.long_ids import MIDDLE, STEP
from tests.storage.stores import Store

HEAD = "h" * 600


def labels(store: Store) -> dict[bytes, int]:
    with store.read() as txn, txn.cursor(txn.tables.docs) as cursor:
        return {records.id_of_long(value): keys.label_of(key) for key, value in cursor.iternext()}


def ids_in_order(store: Store, db: int) -> list[str]:
    with store.read() as txn:
        return [row[0] for row in scans.scan_documents(txn, db)]


def test_labels_grow_at_the_ends_and_halve_in_between(store: Store) -> None:
    db = store.create()
    store.put(db, HEAD + "m")
    store.put(db, HEAD + "z")
    store.put(db, HEAD + "a")
    store.put(db, HEAD + "n")
    assert list(labels(store).values()) == [MIDDLE - STEP, MIDDLE, MIDDLE + STEP // 2, MIDDLE + STEP]


@pytest.mark.parametrize("shared", [399, 400, 401, 600, 7000])
def test_ids_with_the_same_beginning_are_told_apart(store: Store, shared: int) -> None:
    db = store.create()
    beginning = "s" * (shared - 1) + "\u0000"
    ids = [
        beginning,
        *(beginning + tail for tail in ("\x00", "\x00\x00", "a", "a\x00", "b" * 100, "\u00e9", "\U0001f600")),
    ]
    shuffled = ids.copy()
    random.Random(shared).shuffle(shuffled)
    store.put(db, *shuffled[:4])
    store.put(db, *shuffled[4:])
    assert ids_in_order(store, db) == sorted(ids, key=str.encode)
    with store.read() as txn:
        assert documents.get_records(txn, db, [*ids, beginning + "absent"]).keys() == set(ids)
        assert documents.get_record(txn, db, beginning + "aa") is None


def test_short_and_long_ids_stand_in_one_order(store: Store) -> None:
    db = store.create()
    ids = ["x" * length for length in (1, 398, 399, 400, 401, 500, 7168)] + ["x" * 399 + "\x00", "x" * 399 + "y", "y"]
    store.put(db, *reversed(ids))
    assert ids_in_order(store, db) == sorted(ids)


def test_a_group_without_room_is_labelled_anew(store: Store) -> None:
    db = store.create()
    ids = [HEAD + "a", HEAD + "b"]
    store.put(db, *ids)
    # Each new id goes right behind the first: the room between them halves every time.
    for count in range(70):
        ids.append(HEAD + "a" + "\x00" * (100 - count))
        store.put(db, ids[-1])
    assert ids_in_order(store, db) == sorted(ids)
    spread = sorted(labels(store).values())
    assert all(after > before for before, after in pairwise(spread))


@pytest.mark.usefixtures("small_blocks")
def test_new_labels_take_conflicts_and_counts_along(store: Store) -> None:
    db = store.create()
    ids = [HEAD + letter for letter in "abcdefgh"]
    for doc_id in ids:
        store.replicate(db, doc_id, *_conflict(1))
        store.replicate(db, doc_id, *_conflict(2))
    with store.read() as txn:
        assert len(list(counted.blocks(txn, db))) > 1
    for count in range(40):
        ids.append(HEAD + "c" + "\x00" * (100 - count))
        store.put(db, ids[-1])
        assert store.findings() == []
    with store.read() as txn:
        for place, doc_id in enumerate(sorted(ids)):
            assert counted.live_before(txn, db, doc_id) == place


def _conflict(number: int) -> list[records.Rev]:
    return [records.Rev(1, bytes([number]) * 16)]


def test_a_label_at_the_very_end_leaves_room_before_it() -> None:
    assert long_ids._label_between(keys.LABEL_MAX - 10, None) == keys.LABEL_MAX - 5
    assert long_ids._label_between(None, 10) == 4
    assert long_ids._label_between(None, 0) is None
    assert long_ids._label_between(keys.LABEL_MAX, None) is None
    assert long_ids._label_between(0, 1) is None
    assert long_ids._label_between(0, 2) == 1


def test_many_ids_of_one_group_are_found_by_halving(store: Store) -> None:
    db = store.create()
    ids = [f"{HEAD}{number:05}" for number in range(0, 400, 2)]
    random.Random(3).shuffle(ids)
    store.put(db, *ids)
    assert ids_in_order(store, db) == sorted(ids)
    with store.read() as txn:
        assert documents.get_records(txn, db, ids).keys() == set(ids)
        for number in (1, 199, 201, 399, 401):
            assert documents.get_record(txn, db, f"{HEAD}{number:05}") is None


def test_bounds_separate_what_is_before_an_id(store: Store) -> None:
    db = store.create()
    ids = sorted([HEAD + "a", HEAD + "c", "g", "h" * 399, "h" * 400, "i", "h" * 400 + "\x00"])
    store.put(db, *ids)
    with store.read() as txn:
        stored = {}
        with txn.cursor(txn.tables.docs) as cursor:
            for key, value in cursor.iternext():
                doc_id = records.id_of_long(value) if keys.is_long_key(key) else key[keys.PREFIX_BYTES :]
                stored[doc_id.decode()] = key
        for probe in [*ids, "", "\U0010ffff", HEAD, HEAD + "b", "h" * 399 + "z", "h" * 400 + "\x00\x00", "g" * 7000]:
            for after in (False, True):
                bound = long_ids.bound(txn, txn.tables.docs, db, probe.encode(), records.id_of_long, after=after)
                for doc_id, key in stored.items():
                    below = doc_id <= probe if after else doc_id < probe
                    assert (key < bound) == below


def test_what_room_for_a_row_costs_does_not_grow_with_its_group(store: Store) -> None:
    """As for a view, whose places are kept in the same way; every row goes between the last one and its successor."""
    moved = 0
    with store.write() as txn:
        table, group = txn.tables.local, b"g"
        for number in range(2_000):
            long = b"%04d" % number
            txn.put(table, long_ids.place_in_group(txn, table, group, long, bytes)[0], long)
        for number in range(1, 1_000):
            long = b"1000" + b"a" * number
            key, others = long_ids.place_in_group(txn, table, group, long, bytes)
            assert len(others) < 500
            moved += len(others)
            txn.put(table, key, long)
        with txn.cursor(table) as cursor:
            rows = list(cursor.iternext())
        txn.deletemulti(table, [key for key, _ in rows])
    found = [value for _, value in rows]
    assert found == sorted(found)
    assert len(found) == 2_999
    assert 0 < moved < 20_000
