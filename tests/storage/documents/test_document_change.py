"""What a document's edits leave to write, before anything is written."""

import pytest

from docstore.core.revtree import EMPTY, Node, RevTree
from docstore.storage import keys
from docstore.storage.documents.document_change import DocumentChange, Leaf
from docstore.storage.documents.records import DocRecord
from tests.storage.stores import Store, line, rev


def test_a_new_id_has_no_head_and_no_tree(store: Store) -> None:
    with store.read() as txn:
        change = DocumentChange(1, "a", None)
        assert change.head() is None
        assert change.tree(txn) is EMPTY
        assert change.leaves_before() == change.leaves_after(txn) == {}
        with pytest.raises(ValueError, match="no document 'a'"):
            change.extend(txn, rev(2, "a"), 1, False, b"{}", 1000)
        with pytest.raises(ValueError, match="no document 'a'"):
            change.remove(txn)


def test_later_edits_see_earlier_ones(store: Store) -> None:
    with store.read() as txn:
        change = DocumentChange(1, "a", None)
        change.create([rev(1, "a")], 1, False, b"{}", 1000)
        change.extend(txn, rev(2, "a"), 2, True, b'{"n":2}', 1000)
        assert change.tree(txn) == RevTree({rev(1, "a"): Node(None, 1, False), rev(2, "a"): Node(rev(1, "a"), 2, True)})
        assert change.bodies == {1: b"{}", 2: b'{"n":2}'}
        assert change.leaves_after(txn) == {2: Leaf(False, 7)}
        change.rewrite(txn, RevTree({**change.tree(txn).nodes, rev(1, "b"): Node(None, 3, False)}), 3, {3: b"[]"})
        assert change.record is not None
        assert (change.record.branched, change.record.winner, change.record.body_size) == (True, rev(1, "b"), 2)
        assert change.leaves_after(txn) == {2: Leaf(False, None), 3: Leaf(True, None)}
        assert change.remove_leaves(txn, [rev(1, "b")], 4) == [rev(1, "b")]
        assert (change.record.winner, change.record.seq, change.record.body_seq) == (rev(2, "a"), 4, 2)
        assert change.record.body_size == 7
        assert sorted(change.bodies) == [1, 2]
        assert change.dropped == frozenset()


def test_a_path_is_cut_to_the_limit(store: Store) -> None:
    with store.read() as txn:
        change = DocumentChange(1, "a", None)
        change.create(line(9, 1), 1, False, b"{}", 3)
        assert change.tree(txn).path_to(rev(9, "a")) == line(9, 7)


def test_chunks_of_this_batch_are_read_before_they_are_written(store: Store) -> None:
    with store.read() as txn:
        change = DocumentChange(1, "a", None)
        change.create(line(200, 1), 1, False, b"{}", 1000)
        assert len(change.chunks) == 2
        for generation in range(201, 301):
            change.extend(txn, rev(generation, "a"), generation, False, b"{}", 1000)
        assert change.tree(txn).path_to(rev(300, "a")) == line(300, 1)
        change.extend(txn, rev(301, "a"), 301, False, b"{}", 5)
        assert set(change.chunks.values()) == {None}
        assert sorted(change.bodies) == [297, 298, 299, 300, 301]


def test_a_stored_body_is_dropped_a_pending_one_is_forgotten(store: Store) -> None:
    with store.read() as txn:
        change = DocumentChange(1, "a", DocRecord(rev(1, "a"), False, 10, 10, 2))
        change.extend(txn, rev(2, "a"), 11, False, b"{}", 1)
        assert change.dropped == {10, keys.merge_base(10)}
        change.extend(txn, rev(3, "a"), 12, False, b"{}", 1)
        assert change.dropped == {10, keys.merge_base(10)}
        assert change.bodies == {12: b"{}"}


def test_a_long_id_stands_in_its_record(store: Store) -> None:
    with store.read() as txn:
        change = DocumentChange(1, "x" * 399 + "\u00e9", None)
        change.create([rev(1, "a")], 1, False, b"{}", 1000)
        assert change.record is not None
        assert change.record.long_id == change.id_bytes
        change.extend(txn, rev(2, "a"), 2, False, b"{}", 1000)
        assert change.record.long_id == change.id_bytes
        change.rewrite(txn, RevTree({**change.tree(txn).nodes, rev(1, "b"): Node(None, 3, False)}), 3, {3: b"[]"})
        assert change.record.long_id == change.id_bytes
