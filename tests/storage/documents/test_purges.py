"""Purging: leaves forgotten without a trace, and the log of it."""

from docstore.core.rev import Rev
from docstore.core.revtree import RevTree
from docstore.storage import databases, rows
from docstore.storage.documents import counted, documents, purges, scans
from docstore.storage.documents.purges import PurgeInfo
from tests.storage.stores import Store, line, rev


def test_purging_the_only_leaf_forgets_the_document(store: Store) -> None:
    db = store.create()
    empty = store.state(db)
    store.replicate(db, "a", *line(90, 1))
    assert store.purge(db, "a", rev(90, "a")) == [rev(90, "a")]
    with store.read() as txn:
        assert documents.get_record(txn, db, "a") is None
        assert list(scans.scan_changes(txn, db)) == []
        assert documents.bodies_present(txn, db, range(10)) == set()
        assert counted.live_before(txn, db, "z") == 0
    empty.update_seq = 2
    assert store.state(db) == empty


def test_purging_one_branch_keeps_the_others(store: Store) -> None:
    db = store.create()
    store.replicate(db, "a", rev(3, "a"), rev(2, "a"), rev(1, "r"), body=b'{"a":1}')
    store.replicate(db, "a", rev(2, "b"), rev(1, "r"), body=b'{"b":1}')
    assert store.state(db).conflict_count == 1
    assert store.purge(db, "a", rev(3, "a")) == [rev(3, "a")]
    assert store.tree(db, "a") == RevTree.from_path([rev(2, "b"), rev(1, "r")], 2, False)
    state = store.state(db)
    assert (state.conflict_count, state.external_size, state.update_seq) == (0, len(b'{"b":1}'), 3)
    with store.read() as txn:
        [(seq, row)] = scans.scan_changes(txn, db)
        assert (seq, rows.change_body_seq(row, seq)) == (3, 2)
        assert documents.bodies_present(txn, db, [1, 2, 3]) == {2}


def test_what_is_no_leaf_is_not_purged(store: Store) -> None:
    db = store.create()
    store.replicate(db, "a", rev(2, "a"), rev(1, "a"))
    before = store.state(db)
    assert store.purge(db, "a", rev(1, "a"), Rev(1, b"x")) == []
    before.update_seq += 1
    assert store.state(db) == before


def test_purging_a_long_id(store: Store) -> None:
    db = store.create()
    store.replicate(db, "x" * 500, rev(1, "a"))
    store.replicate(db, "x" * 500 + "y", rev(1, "a"))
    assert store.purge(db, "x" * 500, rev(1, "a")) == [rev(1, "a")]
    with store.read() as txn:
        assert documents.get_records(txn, db, ["x" * 500, "x" * 500 + "y"]).keys() == {"x" * 500 + "y"}


def log(store: Store, db: int, *uuids: str) -> list[int]:
    with store.write() as txn:
        state = databases.get_state(txn, db)
        numbers = [purges.add_purge(txn, db, state, PurgeInfo(uuid, "a", (rev(1, "a"),))) for uuid in uuids]
        databases.put_state(txn, db, state)
    return numbers


def test_the_log_knows_a_request_by_its_uuid(store: Store) -> None:
    db = store.create()
    assert log(store, db, "u1", "u2") == [1, 2]
    assert log(store, db, "u2", "u3") == [2, 3]
    with store.read() as txn:
        assert purges.find_purge(txn, db, "u1") == 1
        assert purges.find_purge(txn, db, "u9") is None
        assert [(number, info.uuid) for number, info in purges.scan_purges(txn, db)] == [
            (1, "u1"),
            (2, "u2"),
            (3, "u3"),
        ]
        assert [number for number, _ in purges.scan_purges(txn, db, after=2)] == [3]
    assert store.state(db).purge_seq == 3


def test_the_log_is_cut_to_its_limit(store: Store) -> None:
    db = store.create()
    log(store, store.create("later"), "u1")
    log(store, db, *(f"u{number}" for number in range(10)))
    with store.write() as txn:
        state = databases.get_state(txn, db)
        state.purged_infos_limit = 3
        purges.trim_purges(txn, db, state)
        databases.put_state(txn, db, state)
    with store.read() as txn:
        assert [number for number, _ in purges.scan_purges(txn, db)] == [8, 9, 10]
        assert purges.find_purge(txn, db, "u0") is None
    assert store.findings() == []
    assert log(store, db, "u0") == [11]
