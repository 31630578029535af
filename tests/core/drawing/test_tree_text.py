from docstore.core.drawing.tree_layout import MAX_LEAVES
from docstore.core.drawing.tree_text import Line, draw_text
from docstore.core.drawing.tree_view import State, TreeView
from docstore.core.rev import Rev
from docstore.core.revtree import Node, RevTree
from tests.core.drawn import branched
from tests.core.trees import tree


def drawn(view: TreeView) -> list[str]:
    return [text for text, _ in draw_text(view)]


def test_a_line():
    assert drawn(TreeView("d", tree("1-a", "2-b 1-a"), {1, 2})) == [
        '"d": 2 revisions, 1 leaf (1 live, 0 deleted)',
        "",
        "● 1-a",
        "★ 2-b  winner",
        "",
    ]


def test_forks_folds_roots_and_bodies():
    made = tree("1-a", "9-i 8-h 7-g 6-f 5-e 4-d 3-c 2-b 1-a", "4-y 3-x 2-b", "5-z 4-w 3-x x", "3-r 2-q")
    assert drawn(TreeView("d", made, {1, 2, 3, 4, 5})) == [
        '"d": 15 revisions, 4 leaves (3 live, 1 deleted), in conflict',
        "",
        "● 1-a",
        "○ 2-b",
        "├─○ 3-x",
        "│ ├─○ 4-w",
        "│ │ × 5-z  deleted",
        "│ ◆ 4-y  conflict",
        "┆ 6 revisions",
        "★ 9-i  winner",
        "",
        "┆ older revisions are not known here",
        "○ 2-q",
        "◆ 3-r  conflict",
        "",
        "○ the body of the revision is not stored here",
    ]


def test_where_nobody_knows_of_bodies_none_is_said_to_be_missing():
    lines = drawn(TreeView("d", tree("3-c 2-b 1-a"), None))
    assert lines[2:] == ["● 1-a", "● 2-b", "★ 3-c  winner", ""]


def test_a_deleted_document():
    assert Line("× 2-b  deleted", State.DELETED) in list(draw_text(TreeView("d", tree("2-b 1-a x"), {1})))


def test_nothing_steers_the_terminal():
    nodes = {Rev(1, b"\x1b[2Jx"): Node(None, 1, False)}
    lines = drawn(TreeView("\x1b]0;me\x07\n", RevTree(nodes), {1}))
    assert lines[0].startswith('"\\u001b]0;me\\u0007\\u000a": ')
    assert lines[2] == "★ 1-\\u001b[2Jx  winner"


def test_a_thousand_revisions_and_several_branches_are_a_few_lines():
    made = branched(1000, (100, 50), (500, 300), (990, 5), deleted=frozenset({3}))
    lines = drawn(TreeView("d", made, None))
    assert len(lines) == 2 + 9 + 3 * 3 + 1
    assert "┆ 399 revisions" in lines


def test_more_leaves_than_can_be_drawn():
    made = branched(3, *[(1, 1)] * (MAX_LEAVES + 9))
    lines = drawn(TreeView("d", made, None))
    assert len(lines) == 3 + 3 + MAX_LEAVES - 1 + 1
    assert lines[-1] == "10 more leaves are not shown."


def test_branches_of_branches_as_deep_as_can_be():
    paths = ["1-a"] + [f"{number}-b{number} {number - 1}-b{number - 1}" for number in range(2, 80)]
    made = tree("1-b1", *paths[1:], *(f"{number}-c {number - 1}-b{number - 1}" for number in range(2, 80)))
    lines = drawn(TreeView("d", made, None))
    assert max(map(len, lines)) < 80
    assert sum("conflict" in line for line in lines[1:]) == MAX_LEAVES - 1
