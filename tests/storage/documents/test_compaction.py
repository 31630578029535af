"""Online compaction and sweeps, step by step."""

import pytest

from docstore.core.edit import Edit
from docstore.errors import DatabaseNotFound
from docstore.storage import databases, keys
from docstore.storage.documents import compaction, documents, local, purges, scans
from docstore.storage.documents.purges import PurgeInfo
from tests.storage.stores import Store, line, rev


def present(store: Store, db: int) -> list[int]:
    with store.read() as txn:
        return sorted(documents.bodies_present(txn, db, range(1, 2000)))


def compact(store: Store, db: int, **options: int) -> int:
    """Step until the end, each step a transaction; how many steps."""
    position: int | None = 0
    steps = 0
    while position is not None:
        with store.write() as txn:
            position = compaction.compact_documents(txn, db, position, **options)
        steps += 1
        assert store.findings() == []
    return steps


def update(store: Store, db: int, doc_id: str, times: int) -> None:
    for number in range(times):
        with store.read() as txn:
            record = documents.get_record(txn, db, doc_id)
        assert record is not None
        store.edit(db, Edit(doc_id, record.winner, False, b'{"n":%d}' % number, b"m%d" % number))


def test_superseded_bodies_go_and_leaves_stay(store: Store) -> None:
    db = store.create()
    store.put(db, "a", "b")
    update(store, db, "a", 3)
    store.put(db, "c")
    before = store.state(db)
    assert compact(store, db) == 1
    assert present(store, db) == [2, 5, 6]
    after = store.state(db)
    assert (after.active_size, after.external_size) == (before.active_size, before.external_size)
    assert after.file_size == after.active_size
    tree = store.tree(db, "a")
    assert [tree.nodes[rev].seq for rev in tree.path_to(tree.winner())] == [5, 4, 3, 1]


def test_branch_points_of_live_leaves_stay(store: Store) -> None:
    db = store.create()
    for letter in "ab":
        store.replicate(db, letter, *line(1, 1, "r"))
        store.replicate(db, letter, rev(2, "p"), *line(1, 1, "r"))
        store.replicate(db, letter, rev(3, "x"), rev(2, "p"), *line(1, 1, "r"))
        store.replicate(db, letter, rev(3, "y"), rev(2, "p"), *line(1, 1, "r"), deleted=letter == "b")
    compact(store, db)
    assert present(store, db) == [3, 4, 7, 8]
    with store.read() as txn:
        assert documents.get_body(txn, db, 2) is None
        assert documents.get_merge_body(txn, db, 2) == b"{}"
        assert [documents.get_merge_body(txn, db, seq) for seq in (1, 5, 6)] == [None] * 3
    before = store.state(db)
    assert compact(store, db) == 1
    assert store.state(db) == before


def test_a_branch_point_that_merges_need_no_more_goes_with_the_next_compaction(store: Store) -> None:
    db = store.create()
    store.replicate(db, "a", *line(1, 1, "r"))
    store.replicate(db, "a", rev(2, "x"), *line(1, 1, "r"))
    store.replicate(db, "a", rev(2, "y"), *line(1, 1, "r"))
    compact(store, db)
    store.purge(db, "a", rev(2, "x"))
    assert store.findings() == []
    compact(store, db)
    with store.read() as txn:
        assert documents.get_merge_body(txn, db, 1) is None
    assert store.state(db).file_size == store.state(db).active_size


def set_limit(store: Store, db: int, limit: int) -> None:
    with store.write() as txn:
        state = databases.get_state(txn, db)
        state.revs_limit = limit
        databases.put_state(txn, db, state)


@pytest.mark.parametrize("limit", [1, 2, 70, 150])
def test_a_lowered_limit_stems_what_is_there(store: Store, limit: int) -> None:
    db = store.create()
    store.put(db, "a", "other")
    update(store, db, "a", 180)
    compact(store, db)
    update(store, db, "a", 5)
    for letter in "xy":
        store.replicate(db, "b", *line(9, 5, letter), rev(4, "p"), *line(3, 1, "r"))
    before, trees = store.state(db), {doc_id: store.tree(db, doc_id) for doc_id in ("a", "b")}
    with store.read() as txn:
        changes = dict(scans.scan_changes(txn, db))
    set_limit(store, db, limit)
    compact(store, db, bodies=2)
    for doc_id, tree in trees.items():
        assert store.tree(db, doc_id) == tree.stem(limit)
    after = store.state(db)
    assert (after.update_seq, after.doc_count, after.conflict_count) == (before.update_seq, 3, 1)
    assert (after.external_size, after.revs_limit) == (before.external_size, limit)
    with store.read() as txn:
        assert dict(scans.scan_changes(txn, db)) == changes
    assert compact(store, db) == 1
    assert store.state(db) == after
    update(store, db, "a", 100)
    assert store.findings() == []
    assert len(store.tree(db, "a").nodes) == min(limit, 286)


def test_a_step_is_small_and_goes_on_where_it_stopped(store: Store) -> None:
    db = store.create()
    store.put(db, *(f"d{number}" for number in range(10)))
    for number in range(10):
        update(store, db, f"d{number}", 2)
    assert compact(store, db, limit=3) == 4
    assert len(present(store, db)) == 10


def test_a_step_stops_within_a_document_with_many_bodies(store: Store) -> None:
    db = store.create()
    store.put(db, "a", "b")
    update(store, db, "a", 20)
    with store.write() as txn:
        assert compaction.compact_documents(txn, db, 0, bodies=5) == 21
    assert len(present(store, db)) == 22 - 5
    assert compact(store, db, bodies=5) > 1
    assert len(present(store, db)) == 2


def test_a_step_looks_for_so_many_bodies_and_no_more(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    db = store.create()
    store.put(db, "a", "b", "c")
    for doc_id in "abc":
        update(store, db, doc_id, 5)
    compact(store, db)
    monkeypatch.setattr(compaction, "STEP_LOOKUPS", 5)
    assert compact(store, db) == 3


def test_large_bodies_are_dropped_a_few_at_a_time(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    db = store.create()
    store.put(db, "a")
    update(store, db, "a", 6)
    monkeypatch.setattr(compaction, "STEP_BYTES", 14)
    assert compact(store, db) == 3
    assert len(present(store, db)) == 1


def test_bodies_in_sealed_chunks_go_too_even_of_stemmed_revisions(store: Store) -> None:
    db = store.create(revs_limit=150)
    store.put(db, "a")
    update(store, db, "a", 180)
    assert len(present(store, db)) > 150
    compact(store, db)
    assert present(store, db) == [181]
    update(store, db, "a", 70)
    assert present(store, db) == list(range(181, 252))


def test_compacting_what_is_compact_writes_nothing(store: Store) -> None:
    db = store.create()
    store.put(db, "a")
    update(store, db, "a", 2)
    compact(store, db)
    before = store.state(db)
    assert compact(store, db) == 1
    assert store.state(db) == before


def test_a_database_that_is_gone_is_not_compacted(store: Store) -> None:
    with store.write() as txn, pytest.raises(DatabaseNotFound):
        compaction.compact_documents(txn, 77, 0)


def test_a_sweep_removes_everything_of_one_database_and_nothing_else(store: Store) -> None:
    before, db, after = store.create("before"), store.create("db"), store.create("after")
    for number in (before, db, after):
        store.put(number, *(f"d{place}" for place in range(50)))
        store.replicate(number, "long", *line(300, 1))
        store.replicate(number, "x" * 500, rev(1, "a"))
        store.replicate(number, "x" * 500, rev(1, "b"))
        with store.write() as txn:
            state = databases.get_state(txn, number)
            local.put_local(txn, number, state, "l", 1, b"{}")
            purges.add_purge(txn, number, state, PurgeInfo("u", "a", ()))
            databases.put_state(txn, number, state)
    states = store.state(before), store.state(after)
    with store.write() as txn:
        databases.delete_database(txn, "db")
    assert store.findings() == []
    steps = 0
    done = False
    while not done:
        with store.write() as txn:
            done = compaction.sweep(txn, db, limit=20)
        steps += 1
        assert store.findings() == []
    assert steps > 5
    assert (store.state(before), store.state(after)) == states
    with store.read() as txn:
        assert databases.pending_sweeps(txn) == []
        for _, table in txn.tables.of_database():
            with txn.cursor(table) as cursor:
                assert db not in {keys.number_of(key) for key in cursor.iternext(values=False)}


def test_a_sweep_of_nothing_ends_at_once(store: Store) -> None:
    with store.write() as txn:
        assert compaction.sweep(txn, 99)
