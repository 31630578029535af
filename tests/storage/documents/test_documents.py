"""Batches of documents: what is written is what is read, in every table, and the sizes are exact."""

import random

import pytest

from docstore.core.edit import Create, Edit, Extend, Rejected, Rewrite
from docstore.core.rev import Rev
from docstore.core.revtree import Node, RevTree
from docstore.storage import databases, keys, rows
from docstore.storage.documents import documents, scans, tree_runs
from docstore.storage.documents.document_change import DocumentChange
from docstore.storage.rows import DatabaseState
from tests.storage.stores import Store, line, rev

BODY_KEY = 12


def winner(store: Store, db: int, doc_id: str) -> Rev:
    with store.read() as txn:
        record = documents.get_record(txn, db, doc_id)
        assert record is not None
        return record.winner


def update(store: Store, db: int, doc_id: str, body: bytes, *, deleted: bool = False) -> Rev:
    edit = Edit(doc_id, winner(store, db, doc_id), deleted, body, b"m" + body)
    [outcome] = store.edit(db, edit)
    assert isinstance(outcome, Extend | Rewrite)
    return outcome.rev


def bodies(store: Store, db: int) -> dict[int, bytes]:
    with store.read() as txn:
        return documents.get_bodies(txn, db, range(1, 2000))


def superseded(state: DatabaseState) -> int:
    return state.file_size - state.active_size


def test_a_new_document_is_found_by_id_by_sequence_and_by_body(store: Store) -> None:
    db = store.create()
    [outcome] = store.edit(db, Edit("a", None, False, b'{"n":1}', b"j"))
    assert isinstance(outcome, Create)
    with store.read() as txn:
        record = documents.get_record(txn, db, "a")
        assert record is not None
        assert (record.winner, record.deleted, record.seq, record.body_seq) == (outcome.rev, False, 1, 1)
        assert documents.get_body(txn, db, 1) == b'{"n":1}'
        [(seq, row)] = scans.scan_changes(txn, db)
        assert (seq, rows.change_id(row)) == (1, "a")
        assert list(scans.scan_documents(txn, db)) == [("a", str(outcome.rev), False, 1)]
        assert documents.get_record(txn, db, "b") is None
        assert documents.get_body(txn, db, 2) is None
    state = store.state(db)
    assert (state.update_seq, state.doc_count, state.doc_del_count, state.external_size) == (1, 1, 0, 7)
    assert superseded(state) == 0


def test_records_are_found_whatever_the_order_and_however_often_asked(store: Store) -> None:
    db = store.create()
    ids = ["b", "a", "x" * 500, "\u00e9"]
    store.put(db, *ids)
    with store.read() as txn:
        found = documents.get_records(txn, db, ["z", "\u00e9", *ids, "a", "x" * 500, "x" * 501])
        assert found == {doc_id: documents.get_record(txn, db, doc_id) for doc_id in ids}
        assert documents.get_records(txn, db, []) == {}


def test_an_update_moves_the_document_in_the_changes(store: Store) -> None:
    db = store.create()
    store.put(db, "a", "b")
    second = update(store, db, "a", b'{"n":2}')
    with store.read() as txn:
        assert [(seq, rows.decode_change(row, seq)[:4]) for seq, row in scans.scan_changes(txn, db)] == [
            (2, ("b", winner(store, db, "b"), False, 2)),
            (3, ("a", second, False, 3)),
        ]
    assert bodies(store, db) == {1: b"{}", 2: b"{}", 3: b'{"n":2}'}
    state = store.state(db)
    assert (state.doc_count, state.external_size, superseded(state)) == (2, 9, BODY_KEY + 2)


def test_deleting_and_creating_again(store: Store) -> None:
    db = store.create()
    store.put(db, "a", body=b'{"long":"body"}')
    update(store, db, "a", b"{}", deleted=True)
    state = store.state(db)
    assert (state.doc_count, state.doc_del_count, state.external_size) == (0, 1, 0)
    with store.read() as txn:
        assert list(scans.scan_documents(txn, db)) == []
        [(_, row)] = scans.scan_changes(txn, db)
        assert rows.change_deleted(row)
    store.edit(db, Edit("a", None, False, b'{"n":3}', b"j"))
    state = store.state(db)
    assert (state.doc_count, state.doc_del_count, state.external_size) == (1, 0, 7)
    assert winner(store, db, "a").generation == 3


def test_one_id_several_times_in_a_batch(store: Store) -> None:
    db = store.create()
    first, conflict = store.edit(db, Edit("a", None, False, b'{"n":1}', b"1"), Edit("a", None, False, b'{"n":2}', b"2"))
    assert isinstance(first, Create)
    assert isinstance(conflict, Rejected)
    with store.write() as txn:
        state = databases.get_state(txn, db)
        change = DocumentChange(db, "a", documents.get_record(txn, db, "a"))
        for generation in range(2, 6):
            state.update_seq += 1
            body = b'{"n":%d}' % generation
            change.extend(txn, rev(generation, "a"), state.update_seq, False, body, 1000)
        documents.write_batch(txn, db, state, [change])
    assert bodies(store, db) == {seq: b'{"n":%d}' % seq for seq in range(1, 6)}
    with store.read() as txn:
        assert [seq for seq, _ in scans.scan_changes(txn, db)] == [5]
    state = store.state(db)
    assert (state.doc_count, state.external_size, superseded(state)) == (1, 7, 4 * (BODY_KEY + 7))


def test_a_document_created_and_forgotten_in_one_batch_leaves_nothing(store: Store) -> None:
    db = store.create()
    before = store.state(db)
    with store.write() as txn:
        change = DocumentChange(db, "a", None)
        change.create(line(200, 1), 1, False, b"{}", 1000)
        assert change.remove_leaves(txn, [rev(200, "a")], 2) == [rev(200, "a")]
        documents.write_batch(txn, db, before, [change])
    assert bodies(store, db) == {}
    assert store.state(db) == before


def test_conflicts_are_entered_and_removed(store: Store) -> None:
    db = store.create()
    for doc_id in ("a", "x" * 600):
        store.replicate(db, doc_id, rev(1, "a"), body=b'{"a":1}')
        store.replicate(db, doc_id, rev(1, "b"), body=b'{"bb":1}')
        store.replicate(db, doc_id, rev(1, "c"), body=b'{"ccc":1}')
    state = store.state(db)
    assert (state.conflict_count, state.external_size) == (2, 2 * (7 + 8 + 9))
    with store.read() as txn, txn.cursor(txn.tables.conflicts) as cursor:
        assert [rows.decode_count(value) for value in cursor.iternext(keys=False)] == [3, 3]
    for doc_id in ("a", "x" * 600):
        for letter in "cb":
            store.edit(db, Edit(doc_id, rev(1, letter), True, b"{}", b"j"))
    state = store.state(db)
    assert (state.conflict_count, state.doc_count, state.external_size) == (0, 2, 2 * 7)
    with store.read() as txn, txn.cursor(txn.tables.conflicts) as cursor:
        assert not cursor.first()
        [(seq, row), _] = scans.scan_changes(txn, db)
        change = rows.decode_change(row, seq)
        assert (change.id, change.winner, change.body_seq) == ("a", rev(1, "a"), 1)
        assert len(change.others) == 2


def test_a_losing_branch_may_change_last(store: Store) -> None:
    db = store.create()
    store.replicate(db, "a", *line(5, 1))
    store.replicate(db, "a", *line(2, 1, "b"))
    with store.read() as txn:
        record = documents.get_record(txn, db, "a")
        assert record is not None
        assert (record.seq, record.body_seq) == (2, 1)
        assert list(scans.scan_documents(txn, db)) == [("a", str(rev(5, "a")), False, 1)]


def test_the_body_of_an_ancestor_may_come_later(store: Store) -> None:
    db = store.create()
    store.replicate(db, "a", *line(3, 1), body=b'{"leaf":1}')
    before = store.state(db)
    store.replicate(db, "a", *line(2, 1), body=b'{"ancestor":1}')
    state = store.state(db)
    assert state.external_size == before.external_size
    assert superseded(state) == BODY_KEY + len(b'{"ancestor":1}')
    assert store.tree(db, "a").nodes[rev(2, "a")].seq == 2


def test_stemming_removes_the_bodies_of_what_is_stemmed(store: Store) -> None:
    db = store.create(revs_limit=2)
    store.put(db, "a")
    for number in range(5):
        update(store, db, "a", b'{"n":%d}' % number)
    assert sorted(bodies(store, db)) == [5, 6]
    assert [rev.generation for rev in store.tree(db, "a").path_to(winner(store, db, "a"))] == [6, 5]


def test_a_revision_made_and_stemmed_in_one_batch_gets_no_body(store: Store) -> None:
    db = store.create(revs_limit=1)
    with store.write() as txn:
        state = databases.get_state(txn, db)
        state.update_seq = 2
        change = DocumentChange(db, "a", None)
        change.create([rev(1, "a")], 1, False, b'{"n":1}', 1)
        change.extend(txn, rev(2, "a"), 2, False, b'{"n":2}', 1)
        documents.write_batch(txn, db, state, [change])
    assert bodies(store, db) == {2: b'{"n":2}'}


def test_a_history_of_a_thousand_revisions_is_not_rewritten_by_an_edit(store: Store) -> None:
    db = store.create()
    store.put(db, "a")
    for _ in range(4):
        with store.write() as txn:
            state = databases.get_state(txn, db)
            change = DocumentChange(db, "a", documents.get_record(txn, db, "a"))
            for _ in range(300):
                head = change.head()
                assert head is not None
                state.update_seq += 1
                following = Rev(head.winner.generation + 1, b"a" * 16)
                change.extend(txn, following, state.update_seq, False, b"{}", state.revs_limit)
            documents.write_batch(txn, db, state, [change])
    tree = store.tree(db, "a")
    assert {rev.generation for rev in tree.nodes} == set(range(202, 1202))
    with store.read() as txn:
        chunks = dict(txn.cursor(txn.tables.runs).iternext())
        record = documents.get_record(txn, db, "a")
        assert record is not None
        assert len(record.tail) <= tree_runs.TAIL_MAX * tree_runs.ENTRY_BYTES
    update(store, db, "a", b"{}")
    with store.read() as txn:
        after = dict(txn.cursor(txn.tables.runs).iternext())
    assert after.items() <= chunks.items()


def test_a_branch_on_a_long_history_takes_its_chunks_in_and_a_purge_gives_them_back(store: Store) -> None:
    db = store.create()
    store.replicate(db, "a", *line(300, 1))
    tree = store.tree(db, "a")
    store.replicate(db, "a", rev(200, "b"), *line(199, 1))
    with store.read() as txn:
        assert not txn.cursor(txn.tables.runs).first()
    assert len(store.tree(db, "a").nodes) == 301
    assert store.purge(db, "a", rev(200, "b")) == [rev(200, "b")]
    assert store.tree(db, "a") == tree
    with store.read() as txn:
        assert txn.cursor(txn.tables.runs).first()


def test_a_jump_in_a_long_history_writes_only_chunks_that_differ(store: Store) -> None:
    db = store.create()
    store.replicate(db, "a", *line(300, 1))
    with store.read() as txn:
        before = dict(txn.cursor(txn.tables.runs).iternext())
    store.replicate(db, "a", *line(420, 290))
    with store.read() as txn:
        after = dict(txn.cursor(txn.tables.runs).iternext())
    assert before.items() <= after.items()
    assert len(after) == len(before) + 2
    assert len(store.tree(db, "a").nodes) == 420


def test_odd_revision_ids_go_through_everything(store: Store) -> None:
    db = store.create(revs_limit=4)
    odd = [Rev(generation, f"odd{generation}".encode()) for generation in range(1, 4)]
    store.replicate(db, "a", odd[1], odd[0])
    store.replicate(db, "a", odd[2], odd[1], odd[0])
    assert store.tree(db, "a") == RevTree(
        {odd[0]: Node(None, 0, False), odd[1]: Node(odd[0], 1, False), odd[2]: Node(odd[1], 2, False)}
    )
    revs = [update(store, db, "a", b'{"n":%d}' % number) for number in range(3)]
    assert store.tree(db, "a").path_to(revs[-1]) == (*reversed(revs), odd[2])
    with store.read() as txn:
        [(seq, row)] = scans.scan_changes(txn, db)
        assert rows.decode_change(row, seq).winner == revs[-1]
    update(store, db, "a", b"{}")
    with store.read() as txn:
        record = documents.get_record(txn, db, "a")
        assert record is not None
        assert not record.whole


@pytest.mark.parametrize(("newest", "limit"), [(1, 1000), (5, 1000), (72, 1000), (73, 1000), (300, 1000), (300, 150)])
def test_a_revision_is_found_without_the_tree(store: Store, newest: int, limit: int) -> None:
    db = store.create(revs_limit=limit)
    store.replicate(db, "a", *line(newest, 1))
    for _ in range(3):
        update(store, db, "a", b"{}")
    for branch in ((), (rev(2, "b"), rev(1, "b")), (Rev(3, b"odd"),)):
        if branch:
            store.replicate(db, "a", *branch)
        nodes = store.tree(db, "a").nodes
        asked = [*nodes, *line(newest + 5, 1), *line(newest + 5, 1, "f"), Rev(0, b"x"), Rev(2**70, b"odd"), *branch]
        with store.read() as txn:
            record = documents.get_record(txn, db, "a")
            assert record is not None
            with pytest.MonkeyPatch.context() as patch:
                patch.delattr(tree_runs, "unpack_tree")
                patch.delattr(tree_runs, "chain_nodes")
                found = [documents.find_revision(txn, db, record, each) for each in asked]
        assert found == [nodes[each][1:] if each in nodes else None for each in asked]


def test_an_old_revision_that_is_a_leaf_again_has_a_body(store: Store) -> None:
    db = store.create()
    store.replicate(db, "a", rev(1, "a"), body=b'{"old":1}')
    store.replicate(db, "a", rev(2, "c"), rev(1, "a"), body=b'{"new":1}')
    with store.write() as txn:
        txn.delete(txn.tables.bodies, keys.pack_seq_key(db, 1))
        state = databases.get_state(txn, db)
        state.file_size -= BODY_KEY + len(b'{"old":1}')
        databases.put_state(txn, db, state)
    # A forged history: 2-c descends from 1-b as well, the higher parent is kept.
    store.replicate(db, "a", rev(4, "d"), rev(3, "d"), rev(2, "c"), rev(1, "b"))
    assert store.tree(db, "a").leaves() == (rev(4, "d"), rev(1, "a"))
    assert bodies(store, db)[1] == b"{}"


def test_databases_do_not_see_each_other(store: Store) -> None:
    first, second = store.create("first"), store.create("second")
    for db in (first, second, first):
        store.put(db, f"d{store.state(db).update_seq}", body=b'{"db":%d}' % db)
    assert bodies(store, first) == {1: b'{"db":%d}' % first, 2: b'{"db":%d}' % first}
    assert bodies(store, second) == {1: b'{"db":%d}' % second}
    assert (store.state(first).doc_count, store.state(second).doc_count) == (2, 1)


def test_bodies_are_asked_for_without_reading_them(store: Store) -> None:
    db = store.create()
    store.put(db, "a", "b")
    with store.read() as txn:
        assert documents.bodies_present(txn, db, {2, 1, 9}) == {1, 2}
        assert documents.get_bodies(txn, db, []) == {}


@pytest.mark.parametrize("sequential", [True, False])
def test_a_document_takes_at_most_940_bytes_of_file(store: Store, sequential: bool) -> None:
    generator = random.Random(1)
    ids = [f"{number if sequential else generator.getrandbits(128):032x}" for number in range(8000)]
    db = store.create()
    body = b'{"text":"%b"}' % (b"x" * (330 - 11))
    assert len(body) == 330

    def pages() -> int:
        return store.environment.info()["last_pgno"]

    before = pages()
    for start in range(0, len(ids), 1000):
        store.put(db, *ids[start : start + 1000], body=body)
    assert (pages() - before) * 4096 / len(ids) <= 940
