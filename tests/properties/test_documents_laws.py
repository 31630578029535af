"""Batches of edits, purges and compaction steps, in any order: the tables hold what plain trees in memory hold."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from docstore.core.edit import Create, Edit, Extend, Rewrite, decide, decide_replicated, head_of
from docstore.core.rev import Rev
from docstore.core.revtree import EMPTY, Node, RevTree, branch_points
from docstore.storage import databases, keys, rows
from docstore.storage.documents import compaction, counted, documents, scans
from docstore.storage.documents.document_change import DocumentChange
from docstore.storage.engine.transactions import GroupTransaction
from tests.examples import examples
from tests.storage.stores import Store, tell

IDS = ("a", "b", "\U0001f600", "l" * 400, "l" * 400 + "\x00", "l" * 500 + "z", "m" * 7168)


@dataclass
class Model:
    """One document: its tree, its place in the changes, every body that it still may have, and those for merges."""

    tree: RevTree = EMPTY
    seq: int = 0
    bodies: dict[int, bytes] = field(default_factory=dict)
    bases: dict[int, bytes] = field(default_factory=dict)


@dataclass
class World:
    store: Store
    db: int
    revs_limit: int
    documents: dict[str, Model] = field(default_factory=dict)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = Store(tmp_path_factory.mktemp("laws"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counted, "BLOCK_MEAN", 2)
        yield store
    store.environment.close()


rev_ids = st.sampled_from([b"a" * 16, b"b" * 16, b"c" * 16]) | st.sampled_from(
    [b"x", "\u00e9".encode(), b"17-characters-odd"]
)
edits = st.fixed_dictionaries(
    {
        "id": st.sampled_from(IDS),
        "kind": st.sampled_from(["winner", "leaf", "none", "path", "path", "grow"]),
        "deleted": st.sampled_from([False, False, False, True]),
        "pick": st.integers(0, 1000),
        "rev_ids": st.lists(rev_ids, min_size=1, max_size=5),
        "long": st.sampled_from([0, 0, 0, 0, 70, 200]),
    }
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("batch"), st.lists(edits, min_size=1, max_size=8)),
        st.tuples(st.just("batch"), st.lists(edits, min_size=1, max_size=8)),
        st.tuples(st.just("purge"), st.tuples(st.sampled_from(IDS), st.integers(0, 1000))),
        st.tuples(st.just("compact"), st.tuples(st.integers(1, 4), st.integers(1, 4))),
        st.tuples(st.just("limit"), st.sampled_from([1, 2, 3, 10, 80, 1000])),
    ),
    min_size=1,
    max_size=12,
)


@given(steps=steps)
@settings(max_examples=examples(25, 120), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_tables_hold_what_the_trees_hold(shared: Store, steps: list[tuple[str, Any]]) -> None:
    world = World(shared, shared.create(), 1000)
    try:
        for kind, argument in steps:
            with shared.write() as txn:
                _STEPS[kind](txn, world, argument)
            compare(world)
    finally:
        with shared.write() as txn:
            assert databases.delete_database(txn, "db") == world.db
            while not compaction.sweep(txn, world.db, limit=50):
                pass
    with shared.read() as txn:
        assert sum(txn.transaction.stat(table)["entries"] for _, table in txn.tables.of_database()) == 0


@given(
    wanted=st.lists(edits, min_size=1, max_size=25),
    limit=st.sampled_from([1, 3, 80, 1000]),
    cuts=st.sets(st.integers(1, 24)),
)
@settings(max_examples=examples(16, 80), deadline=None)
def test_tables_do_not_depend_on_how_edits_are_batched(
    shared: Store, wanted: list[dict[str, Any]], limit: int, cuts: set[int]
) -> None:
    worlds = [World(shared, shared.create(name, limit), limit) for name in ("grouped", "singly")]
    try:
        for start, end in pairwise([0, *sorted(cut for cut in cuts if cut < len(wanted)), len(wanted)]):
            with shared.write() as txn:
                batch(txn, worlds[0], wanted[start:end])
            for each in wanted[start:end]:
                with shared.write() as txn:
                    batch(txn, worlds[1], [each])
        assert shared.findings() == []
        grouped, singly = (all_rows(shared, world.db) for world in worlds)
        assert grouped == singly
    finally:
        with shared.write() as txn:
            for name in ("grouped", "singly"):
                number = databases.delete_database(txn, name)
                while not compaction.sweep(txn, number):
                    pass


def all_rows(store: Store, db: int) -> dict[str, list[tuple[bytes, bytes]]]:
    """Everything of a database but its name, without its number."""
    first, end = keys.prefix(db), keys.prefix_end(db)
    found: dict[str, list[tuple[bytes, bytes]]] = {}
    with store.read() as txn:
        for name, table in txn.tables.of_database():
            with txn.cursor(table) as cursor:
                inside = [(key[4:], value) for key, value in cursor.iternext() if first <= key < end]
            found[name] = [(key, value) for key, value in inside if (name, key) != ("properties", keys.PROPERTY_NAME)]
    state = rows.decode_state(found.pop("states")[0][1])
    with store.read() as txn:
        name_bytes = len(databases.get_property(txn, db, keys.PROPERTY_NAME) or b"")
    state.grow(-name_bytes)
    found["state"] = [(b"", rows.encode_state(state))]
    return found


def batch(txn: GroupTransaction, world: World, wanted: list[dict[str, Any]]) -> None:
    db = world.db
    state = databases.get_state(txn, db)
    found = documents.get_records(txn, db, [each["id"] for each in wanted])
    changes: dict[str, DocumentChange] = {}
    for each in wanted:
        doc_id = each["id"]
        change = changes.setdefault(doc_id, DocumentChange(db, doc_id, found.get(doc_id)))
        model = world.documents.setdefault(doc_id, Model())
        for number in range(each["long"] or 1) if each["kind"] == "grow" else (0,):
            seq = state.update_seq + 1
            body = b'{"n":%d}' % (seq + number)
            edit, new_edits = make_edit(model, each, body, number)
            rule = decide if new_edits else decide_replicated
            if number % 50 == 0:
                assert change.tree(txn) == model.tree
            head, expected = change.head(), head_of(model.tree, model.seq) if model.tree.nodes else None
            assert head == expected or head == expected._replace(length=0)
            outcome = rule(head, lambda change=change: change.tree(txn), edit, seq, state.revs_limit)
            if tell(txn, change, outcome, seq, body, state.revs_limit):
                state.update_seq = model.seq = seq
                follow(model, outcome, seq, body, state.revs_limit)
    documents.write_batch(txn, db, state, changes.values())


def make_edit(model: Model, each: dict[str, Any], body: bytes, number: int) -> tuple[Edit, bool]:
    leaves = model.tree.leaves()
    term = b"m" + body
    parent: Rev | None = None
    if each["kind"] in ("winner", "grow") and leaves:
        parent = leaves[0]
    elif each["kind"] == "leaf" and leaves:
        parent = leaves[each["pick"] % len(leaves)]
    if parent is not None and model.tree.nodes[leaves[0]].deleted:
        parent = None
    if each["kind"] != "path":
        return Edit(each["id"], parent, each["deleted"] and number % 7 == 0, body, term), True
    known = sorted(model.tree.nodes)
    below = known[each["pick"] % len(known)] if known and each["pick"] % 3 else None
    base = model.tree.path_to(below) if below else ()
    start = below.generation if below else each["pick"] % 4
    new_ids = [*each["rev_ids"], *(bytes([n % 251]) * 16 for n in range(each["long"]))]
    fresh = [Rev(start + 1 + n, rev_id) for n, rev_id in enumerate(new_ids)]
    path = (*reversed(fresh), *base[: each["pick"] % 5])
    return Edit(each["id"], None, each["deleted"], body, term, path=path), False


def follow(model: Model, outcome: object, seq: int, body: bytes, revs_limit: int) -> None:
    match outcome:
        case Create(_, deleted, path):
            model.tree = RevTree.from_path(path, seq, deleted)
        case Extend(rev, deleted):
            winner = model.tree.winner()
            model.tree = RevTree({**model.tree.nodes, rev: Node(winner, seq, deleted)}).stem(revs_limit)
        case Rewrite(_, _, tree, stored):
            model.tree = tree
            for leaf in tree.leaves():
                # Forged histories make an old revision a leaf again, when its body may be gone, or put aside.
                seq_of_leaf = tree.nodes[leaf].seq
                if seq_of_leaf not in model.bodies:
                    model.bodies[seq_of_leaf] = model.bases.pop(seq_of_leaf, b"{}")
            if not stored[0]:
                return
    model.bodies[seq] = body


def purge(txn: GroupTransaction, world: World, argument: tuple[str, int]) -> None:
    doc_id, pick = argument
    model = world.documents.get(doc_id)
    if model is None or not model.tree.nodes:
        return
    revs = [
        sorted(model.tree.nodes)[pick % len(model.tree.nodes)],
        model.tree.leaves()[pick % len(model.tree.leaves())],
    ]
    state = databases.get_state(txn, world.db)
    state.update_seq += 1
    change = DocumentChange(world.db, doc_id, documents.get_record(txn, world.db, doc_id))
    tree, removed = model.tree.purge_leaves(revs)
    assert change.remove_leaves(txn, revs, state.update_seq) == removed
    documents.write_batch(txn, world.db, state, [change])
    model.tree, model.seq = tree or EMPTY, state.update_seq


def compact(txn: GroupTransaction, world: World, argument: tuple[int, int]) -> None:
    limit, bodies = argument
    position: int | None = 0
    steps = 0
    while position is not None:
        position = compaction.compact_documents(txn, world.db, position, limit=limit, bodies=bodies)
        steps += 1
        assert steps < 5000
    revs_limit = databases.get_state(txn, world.db).revs_limit
    for model in world.documents.values():
        tree = model.tree = model.tree.stem(revs_limit)
        leaves = {tree.nodes[rev].seq for rev in tree.leaves()}
        bases = {tree.nodes[rev].seq for rev in branch_points(tree)}
        model.bases = {seq: body for seq, body in (model.bodies | model.bases).items() if seq in bases - leaves}
        model.bodies = {seq: body for seq, body in model.bodies.items() if seq in leaves}
    present = set().union(*(model.bodies for model in world.documents.values()))
    present |= {keys.merge_base(seq) for model in world.documents.values() for seq in model.bases}
    with txn.cursor(txn.tables.bodies) as cursor:
        assert {keys.seq_of(key) for key in cursor.iternext(values=False)} == present


def limit(txn: GroupTransaction, world: World, argument: int) -> None:
    state = databases.get_state(txn, world.db)
    state.revs_limit = argument
    databases.put_state(txn, world.db, state)


_STEPS = {"batch": batch, "purge": purge, "compact": compact, "limit": limit}


def compare(world: World) -> None:
    assert world.store.findings() == []
    there = {doc_id: model for doc_id, model in world.documents.items() if model.tree.nodes}
    with world.store.read() as txn:
        found = documents.get_records(txn, world.db, IDS)
        assert found.keys() == there.keys()
        for doc_id, model in there.items():
            tree = documents.get_tree(txn, world.db, found[doc_id])
            assert tree == model.tree
            assert found[doc_id].seq == model.seq
            kept = {node.seq for node in tree.nodes.values()}
            model.bodies = {seq: body for seq, body in model.bodies.items() if seq in kept}
            model.bases = {seq: body for seq, body in model.bases.items() if seq in kept}
            assert documents.get_bodies(txn, world.db, model.bodies.keys()) == model.bodies
            assert documents.get_bodies(txn, world.db, model.bases.keys()) == {}
            assert {seq: documents.get_merge_body(txn, world.db, seq) for seq in model.bases} == model.bases
        live = sorted(doc_id for doc_id, model in there.items() if not model.tree.nodes[model.tree.winner()].deleted)
        assert [row[0] for row in scans.scan_documents(txn, world.db)] == live
        for place, doc_id in enumerate(live):
            assert counted.live_before(txn, world.db, doc_id) == place
        in_order = sorted(there, key=lambda doc_id: there[doc_id].seq)
        assert [rows.change_id(row) for _, row in scans.scan_changes(txn, world.db)] == in_order
        state = databases.get_state(txn, world.db)
        for place, doc_id in enumerate(in_order):
            assert counted.rows_after(txn, world.db, state, there[doc_id].seq) == len(there) - place - 1
