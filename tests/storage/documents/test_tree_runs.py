"""Trees as runs: chains, chunks and whole trees."""

from docstore.core.rev import Rev
from docstore.core.revtree import Node, RevTree
from docstore.storage.documents import tree_runs
from docstore.storage.documents.tree_runs import BLOCK, ENTRY_BYTES, TAIL_MAX
from tests.storage.stores import line, rev


def test_a_chain_stores_its_ancestors_oldest_first() -> None:
    tree = RevTree(
        {
            rev(2, "a"): Node(None, 5, True),
            rev(3, "b"): Node(rev(2, "a"), 0, False),
            rev(4, "c"): Node(rev(3, "b"), 9, False),
        }
    )
    entries = tree_runs.pack_chain(tree)
    assert entries == tree_runs.pack_entry(b"a" * 16, 5, True) + tree_runs.pack_entry(b"b" * 16, 0, False)
    assert dict(tree_runs.chain_nodes(entries, 2)) == {
        rev(2, "a"): Node(None, 5, True),
        rev(3, "b"): Node(rev(2, "a"), 0, False),
    }
    assert tree_runs.entry_seqs(entries) == [5]


def test_one_revision_is_a_chain_without_entries() -> None:
    assert tree_runs.pack_chain(RevTree.from_path([rev(1, "a")], 1, False)) == b""


def test_branches_strays_and_odd_ids_are_no_chains() -> None:
    two_leaves = RevTree({rev(1, "a"): Node(None, 1, False), rev(1, "b"): Node(None, 2, False)})
    stray = RevTree({rev(1, "a"): Node(None, 1, False), rev(1, "b"): Node(None, 0, False)})
    odd = RevTree({Rev(1, b"x"): Node(None, 1, False)})
    far = RevTree({Rev(tree_runs.MAX_GENERATION + 1, b"a" * 16): Node(None, 1, False)})
    for tree in (two_leaves, stray, odd, far):
        assert tree_runs.pack_chain(tree) is None
        assert tree_runs.unpack_tree(tree_runs.pack_tree(tree)) == tree


def test_a_tail_is_sealed_in_blocks_of_generations() -> None:
    def tail(first: int, last: int) -> bytes:
        return b"".join(tree_runs.pack_entry(b"a" * 16, n, False) for n in range(first, last + 1))

    assert tree_runs.seal(tail(1, TAIL_MAX), TAIL_MAX + 1) == ([], tail(1, TAIL_MAX))
    chunks, rest = tree_runs.seal(tail(1, TAIL_MAX + 1), TAIL_MAX + 2)
    assert chunks == [(0, tail(1, BLOCK - 1))]
    assert rest == tail(BLOCK, TAIL_MAX + 1)
    chunks, rest = tree_runs.seal(tail(100, 400), 401)
    assert [block for block, _ in chunks] == [1, 2, 3, 4, 5]
    assert [len(chunk) // ENTRY_BYTES for _, chunk in chunks] == [28, 64, 64, 64, 64]
    assert b"".join(chunk for _, chunk in chunks) + rest == tail(100, 400)


def test_a_whole_tree_keeps_everything() -> None:
    nodes = {
        rev(1, "r"): Node(None, 0, False),
        rev(2, "a"): Node(rev(1, "r"), 4, False),
        rev(2, "b"): Node(rev(1, "r"), 2, False),
        rev(3, "c"): Node(rev(2, "b"), 3, True),
        rev(3, "d"): Node(rev(2, "b"), 7, False),
        Rev(4, "p\u00e9".encode()): Node(rev(3, "d"), 8, False),
        Rev(5, b""): Node(Rev(4, "p\u00e9".encode()), 9, True),
        Rev(7, b"second root, odd"[:15]): Node(None, 1, False),
        Rev(10**17, b"z" * 16): Node(None, 6, False),
        rev(9, "s"): Node(None, 0, False),
    }
    tree = RevTree(nodes)
    packed = tree_runs.pack_tree(tree)
    assert tree_runs.unpack_tree(packed) == tree
    assert tree_runs.pack_tree(RevTree(dict(reversed(nodes.items())))) == packed
    assert tree_runs.linear_length(packed) == 0


def test_one_revision_is_found_in_a_whole_tree() -> None:
    """Odd ids stand in the heap of their run, so the runs behind it begin further on."""
    odd = [Rev(3, b"x" * 40), Rev(4, b""), Rev(5, b"y"), Rev(2**40, b"far")]
    paths = [
        ([odd[1], odd[0], rev(2, "a"), rev(1, "a")], 7, False),
        ([rev(5, "f"), rev(4, "f"), odd[0], rev(2, "a"), rev(1, "a")], 8, True),
        ([odd[2], rev(4, "f"), odd[0]], 9, False),
        ([rev(3, "a"), rev(2, "a")], 10, False),
        ([odd[3]], 11, True),
    ]
    tree = RevTree({})
    for path, seq, deleted in paths:
        tree, _ = tree.insert_path(path, seq, deleted)
    packed = tree_runs.pack_tree(tree)
    for each, node in tree.nodes.items():
        assert tree_runs.find_entry(packed, each) == (node.seq, node.deleted)
        for other in (each._replace(generation=each.generation + 1), each._replace(id=each.id + b"z"), Rev(0, each.id)):
            assert (tree_runs.find_entry(packed, other) is not None) == (other in tree.nodes)


def test_the_length_of_a_single_run_is_read_without_unpacking() -> None:
    tree = RevTree.from_path([Rev(3, b"x"), rev(2, "a"), rev(1, "a")], 1, False)
    assert tree_runs.linear_length(tree_runs.pack_tree(tree)) == 3


def test_childless_revisions_come_in_winner_order_and_strays_last() -> None:
    nodes = {
        rev(1, "r"): Node(None, 0, False),
        rev(2, "a"): Node(rev(1, "r"), 1, True),
        rev(2, "b"): Node(rev(1, "r"), 2, False),
        rev(8, "s"): Node(None, 0, False),
    }
    assert tree_runs.childless(RevTree(nodes)) == [rev(2, "b"), rev(2, "a"), rev(8, "s")]


def test_a_sealed_chain_needs_no_more_than_the_record_takes_on_one_page() -> None:
    # LMDB moves values beyond half a page of 4,096 bytes to pages of their own; a key may take 411 of them.
    assert TAIL_MAX * ENTRY_BYTES < 2038 - 200
    assert len(line(5, 1)) == 5
