"""Scans by id and by sequence, in both directions, from anywhere to anywhere."""

from itertools import product

import pytest

from docstore.core.edit import Edit
from docstore.core.rev import Rev
from docstore.storage import rows
from docstore.storage.documents import documents, scans
from tests.storage.stores import Store, rev

LONG = "c" * 500
IDS = ["a", "b", LONG, LONG + "x", "d", "e"]


@pytest.fixture
def db(store: Store) -> int:
    before, number, after = store.create("before"), store.create("db"), store.create("after")
    store.put(before, "a", "z")
    store.put(after, "a", "z")
    for doc_id in IDS:
        store.replicate(number, doc_id, Rev(1, b"odd") if doc_id == "e" else rev(1, "a"), deleted=doc_id in ("b", LONG))
    return number


def scan(store: Store, db: int, **options: object) -> list[str]:
    with store.read() as txn:
        return [row[0] for row in scans.scan_documents(txn, db, **options)]


def test_a_row_tells_the_winner_and_where_its_body_is(store: Store, db: int) -> None:
    with store.read() as txn:
        found = list(scans.scan_documents(txn, db, deleted=True))
    revs = {doc_id: "1-odd" if doc_id == "e" else "1-" + "61" * 16 for doc_id in IDS}
    assert found == [(doc_id, revs[doc_id], doc_id in ("b", LONG), place) for place, doc_id in enumerate(IDS, 1)]


def test_the_whole_database_and_nothing_else(store: Store, db: int) -> None:
    assert scan(store, db) == ["a", LONG + "x", "d", "e"]
    assert scan(store, db, deleted=True) == IDS
    assert scan(store, db, deleted=True, descending=True) == IDS[::-1]
    assert scan(store, store.create("empty")) == []


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize(("inclusive_start", "inclusive_end"), [*product([False, True], repeat=2)])
def test_every_range(store: Store, db: int, descending: bool, inclusive_start: bool, inclusive_end: bool) -> None:
    probes = [None, "", "a", "aa", "b", "c", LONG, LONG + "a", LONG + "x", LONG + "y", "d", "e", "\U0010ffff"]
    for start, end in product(probes, repeat=2):
        low, high = (end, start) if descending else (start, end)
        low_in, high_in = (inclusive_end, inclusive_start) if descending else (inclusive_start, inclusive_end)
        wanted = [
            doc_id
            for doc_id in IDS
            if (low is None or doc_id > low or (doc_id == low and low_in))
            and (high is None or doc_id < high or (doc_id == high and high_in))
        ]
        found = scan(
            store,
            db,
            start=start,
            end=end,
            descending=descending,
            inclusive_start=inclusive_start,
            inclusive_end=inclusive_end,
            deleted=True,
        )
        assert found == (wanted[::-1] if descending else wanted)


def test_changes_come_in_the_order_of_their_last_edits(store: Store) -> None:
    before, db = store.create("before"), store.create("db")
    store.put(before, "z")
    store.put(db, "a", "b", "c")
    with store.read() as txn:
        record = documents.get_record(txn, db, "a")
    assert record is not None
    store.edit(db, Edit("a", record.winner, True, b"{}", b"j"))
    store.put(store.create("after"), "z")

    def seqs(**options: object) -> list[tuple[int, str]]:
        with store.read() as txn:
            return [(seq, rows.change_id(row)) for seq, row in scans.scan_changes(txn, db, **options)]

    assert seqs() == [(2, "b"), (3, "c"), (4, "a")]
    assert seqs(descending=True) == [(4, "a"), (3, "c"), (2, "b")]
    assert seqs(after=2) == [(3, "c"), (4, "a")]
    assert seqs(after=2, before=4) == [(3, "c")]
    assert seqs(after=2, descending=True, before=4) == [(3, "c")]
    assert seqs(after=4) == seqs(after=4, descending=True) == []


def conflicted(store: Store, db: int, *doc_ids: str) -> None:
    """Make each of these a document with three live leaves and a deleted one."""
    for doc_id in doc_ids:
        for letter in "abc":
            store.replicate(db, doc_id, rev(1, letter))
        store.replicate(db, doc_id, rev(2, "z"), deleted=True)


def test_conflicts_are_told_with_their_place_and_their_live_leaves(store: Store, db: int) -> None:
    conflicted(store, db, "d")
    store.replicate(db, "e", rev(2, "q"), deleted=True)
    with store.read() as txn:
        [found] = scans.scan_conflicts(txn, db)
        record = documents.get_record(txn, db, "d")
        assert record is not None
        assert found == (("d", str(rev(1, "c")), False, record.body_seq), 3, record.seq)
        assert [seq for seq, _ in scans.changes_at(txn, db, [found.seq])] == [record.seq]


@pytest.mark.parametrize("at_once", [1, 2, 64])
@pytest.mark.parametrize("descending", [False, True])
def test_every_range_of_conflicts(store: Store, db: int, descending: bool, at_once: int) -> None:
    among = ["a", LONG, LONG + "x", "e"]
    conflicted(store, db, *among)
    probes = [None, "", "a", "b", LONG, LONG + "a", LONG + "x", "d", "e", "\U0010ffff"]
    for start, end in product(probes, repeat=2):
        for options in ({}, {"inclusive_start": False}, {"inclusive_end": False}):
            wanted = [
                doc_id
                for doc_id in scan(store, db, start=start, end=end, descending=descending, deleted=True, **options)
                if doc_id in among
            ]
            with store.read() as txn:
                found = scans.scan_conflicts(
                    txn, db, start=start, end=end, descending=descending, at_once=at_once, **options
                )
                assert [row.document[0] for row in found] == wanted


def test_changes_at_some_places(store: Store) -> None:
    db = store.create("db")
    store.put(db, "a", "b", "c")
    with store.read() as txn:
        for at_once in (1, 2, 64):
            found = scans.changes_at(txn, db, [3, 9, 1], at_once)
            assert [(seq, rows.change_id(row)) for seq, row in found] == [(3, "c"), (1, "a")]
