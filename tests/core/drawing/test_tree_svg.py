import re
from xml.etree import ElementTree

import pytest

from docstore.core.drawing.tree_svg import MAX_LEAVES, draw_svg
from docstore.core.drawing.tree_view import TreeView
from docstore.core.rev import Rev
from docstore.core.revtree import Node, RevTree
from tests.core.drawn import branched
from tests.core.trees import tree

SVG = "{http://www.w3.org/2000/svg}"


class Picture:
    """A parsed picture: each revision's group by its title, all texts, and the circles' places."""

    def __init__(self, view: TreeView) -> None:
        self.text = draw_svg(view)
        self.root = ElementTree.fromstring(self.text)
        self.groups = {group.find(f"{SVG}title").text: group for group in self.root.iter(f"{SVG}g")}
        self.texts = [text.text for text in self.root.iter(f"{SVG}text")]
        self.circles = [(int(one.get("cx")), int(one.get("cy"))) for one in self.root.iter(f"{SVG}circle")]
        self.size = (int(self.root.get("width")), int(self.root.get("height")))


def test_what_is_shown_of_each_revision():
    made = tree("1-a", "2-b 1-a", "3-c 2-b 1-a", "3-d 2-b x")
    picture = Picture(TreeView("d", made, {1, 3, 4}))
    assert picture.texts[:2] == ["d", "4 revisions, 2 leaves (1 live, 1 deleted)"]
    classes = {title: group.get("class") for title, group in picture.groups.items()}
    assert classes == {
        "1-a: body stored; seq 1": "",
        "2-b: body not stored here; seq 2": "gone",
        "3-c: winner; body stored; seq 3": "winner",
        "3-d: deleted; body stored; seq 4": "deleted",
    }
    assert {"1-a", "3-c", "winner", "deleted"} <= set(picture.texts)


def test_where_nobody_knows_of_bodies():
    assert set(Picture(TreeView("d", tree("2-b 1-a"), None)).groups) == {"1-a", "2-b: winner"}


def test_revisions_do_not_cover_each_other_and_lie_within():
    made = branched(1000, *[(10 * number, 3 + number) for number in range(1, 25)])
    picture = Picture(TreeView("d", made, None))
    assert len(set(picture.circles)) == len(picture.circles)
    width, height = picture.size
    assert all(0 < x < width and 0 < y < height for x, y in picture.circles)
    by_lane: dict[int, list[int]] = {}
    for x, y in picture.circles:
        by_lane.setdefault(y, []).append(x)
    for places in by_lane.values():
        assert all(right - left >= 80 for left, right in zip(sorted(places), sorted(places)[1:], strict=False))


def test_a_thousand_revisions_and_several_branches():
    made = branched(1000, (100, 50), (500, 300), (990, 5), deleted=frozenset({3}))
    picture = Picture(TreeView("d", made, None))
    assert len(picture.circles) == 5 + 2 * 3
    assert len(picture.text) < 8_000
    assert picture.size[0] < 2_000
    assert {"98 revisions", "399 revisions", "489 revisions", "9 revisions"} <= set(picture.texts)


@pytest.mark.parametrize("branches", [[(1, 1)] * 2000, [(number, 30) for number in range(1, 900)]])
def test_the_size_is_bounded(branches):
    picture = Picture(TreeView("d", branched(1000, *branches), None))
    assert len(picture.text) < 64_000
    assert picture.size[0] < 12_000
    assert picture.size[1] < 3_000
    assert f"{len(branches) + 1 - MAX_LEAVES:,} more leaves are not shown" in picture.texts


def test_a_lone_revision_and_one_whose_ancestors_are_unknown():
    assert len(Picture(TreeView("d", tree("1-a"), {1})).circles) == 1
    stemmed = Picture(TreeView("d", tree("7-a"), {1}))
    assert len(list(stemmed.root.iter(f"{SVG}path"))) == 1, "a tail to the left"


def test_any_id_makes_a_picture_that_can_be_read():
    hostile = '</text><script>alert(1)</script>&"\x00\x1b\ud800￾ ' + "x" * 100
    nodes = {Rev(1, b'<&">\x07'): Node(None, 1, False)}
    picture = Picture(TreeView(hostile, RevTree(nodes), {1}))
    assert not list(picture.root.iter(f"{SVG}script"))
    assert len(picture.texts[0]) == 60
    assert any(title.startswith('1-<&">') for title in picture.groups)


def test_nothing_is_fetched_and_nothing_runs():
    text = draw_svg(TreeView("d", branched(50, (3, 3)), None))
    assert re.findall(r"https?://[^\"]+", text) == ["http://www.w3.org/2000/svg"]
    assert "script" not in text
    assert "url(" not in text
