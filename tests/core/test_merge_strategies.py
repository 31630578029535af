import pytest

from docstore.core.attachment import Attachment
from docstore.core.json_text import JsonValue
from docstore.core.merge_strategies import NAMED_IN_REASON, Content, Latest, ThreeWay, merge_leaves
from docstore.core.rev import Rev, parse_rev
from docstore.errors import AncestorUnavailable, MergeClash


def attachment(name: str, data: str, content_type: str = "image/png", revpos: int = 1) -> Attachment:
    """An attachment whose digest is that of ``data``; the letter also stands for the blob."""
    return Attachment(name, content_type, data.encode() * 16, 1, 1, None, revpos, ord(data))


def content(rev: str, *attachments: Attachment, **body: JsonValue) -> Content:
    return Content(parse_rev(rev), body, attachments)


BASE = content("1-a", name="Ann", age=30)
LEAVES = [content("2-c", name="Ann", age=31), content("2-b", name="Eve", age=30)]


def test_three_way() -> None:
    merged = merge_leaves(ThreeWay(), LEAVES, BASE)
    assert (merged.body, merged.attachments, merged.clashes) == ({"name": "Eve", "age": 31}, (), ())


def test_a_clash_fails_or_lets_the_winner_prevail() -> None:
    leaves = [content("2-c", a=2, b=2), content("2-b", a=3, b=1)]
    base = content("1-a", a=1, b=1)
    with pytest.raises(MergeClash, match=r"The leaves differ at '/a'\.") as raised:
        merge_leaves(ThreeWay(), leaves, base)
    assert raised.value.details == {"clashes": ["/a"]}
    merged = merge_leaves(ThreeWay("winner"), leaves, base)
    assert (merged.body, merged.clashes) == ({"a": 2, "b": 2}, ("/a",))


def test_an_error_names_some_clashes_and_counts_the_others() -> None:
    ours, theirs = ({f"m{number}": side for number in range(8)} for side in (1, 2))
    with pytest.raises(MergeClash, match=rf"'/m{NAMED_IN_REASON - 1}' and {8 - NAMED_IN_REASON} more\.") as raised:
        merge_leaves(ThreeWay(), [content("2-c", **ours), content("2-b", **theirs)], content("1-a"))
    assert raised.value.details["clashes"] == [f"/m{number}" for number in range(8)]
    with pytest.raises(MergeClash) as raised:
        merge_leaves(ThreeWay(), [content("2-c", **{"n" * 9999: 1}), content("2-b", **{"n" * 9999: 2})], content("1-a"))
    assert len(raised.value.reason) < 200


def test_without_the_ancestor() -> None:
    with pytest.raises(AncestorUnavailable):
        merge_leaves(ThreeWay(), LEAVES, None)
    with pytest.raises(MergeClash) as raised:
        merge_leaves(ThreeWay(ancestor="if-available"), LEAVES, None)
    assert raised.value.details == {"clashes": ["/name", "/age"]}
    merged = merge_leaves(ThreeWay("winner", "if-available"), LEAVES, None)
    assert (merged.body, merged.clashes) == ({"name": "Ann", "age": 31}, ("/name", "/age"))
    same = [content("2-c", a=1), content("2-b", a=1)]
    assert merge_leaves(ThreeWay("fail", "if-available"), same, None).clashes == ()


@pytest.mark.parametrize(
    ("values", "chosen"),
    [
        ([1, 2, 1.5], 1),
        (["2024-01-01", "2023-12-31"], 0),
        (["a", "B"], 1),  # the order of views
        ([{"a": 1}, [9], "z", 9, True, None], 0),
        ([1, 1.0, True], 0),  # equal ones: winner order
        ([None, False], 1),
    ],
)
def test_latest(values: list[JsonValue], chosen: int) -> None:
    leaves = [content(f"{9 - place}-a", at={"x/y": value}, place=place) for place, value in enumerate(values)]
    assert merge_leaves(Latest("/at/x~1y"), leaves, None).body["place"] == chosen


def test_a_leaf_without_the_place_is_not_the_latest() -> None:
    leaves = [content("3-c"), content("2-b", at=None), content("2-a", at=[])]
    assert merge_leaves(Latest("/at"), leaves[:2], None).body == {"at": None}
    assert merge_leaves(Latest("/at/0"), [content("3-c", at=[]), content("2-b", at=[0])], None).body == {"at": [0]}
    with pytest.raises(MergeClash, match="No leaf has a value at '/on'") as raised:
        merge_leaves(Latest("/on"), leaves, None)
    assert raised.value.details == {"clashes": ["/on"]}


def test_the_latest_brings_its_attachments() -> None:
    mine, yours = attachment("f", "m"), attachment("f", "y")
    merged = merge_leaves(Latest("/n"), [content("2-c", mine, n=1), content("2-b", yours, n=2)], None)
    assert merged.attachments == ((yours, parse_rev("2-b")),)


def test_attachments_merge_by_name_and_come_from_the_first_leaf_that_has_them() -> None:
    base = content("1-a", attachment("kept", "k"), attachment("changed", "1"), attachment("gone", "g"))
    winner = content("2-c", attachment("new", "n"), attachment("kept", "k"), attachment("changed", "1"))
    loser = content("2-b", attachment("kept", "k", revpos=9), attachment("changed", "2"), attachment("gone", "g"))
    merged = merge_leaves(ThreeWay(), [winner, loser], base)
    assert [(one.attachment.name, chr(one.attachment.blob), str(one.leaf)) for one in merged.attachments] == [
        ("kept", "k", "2-c"),
        ("changed", "2", "2-b"),
        ("new", "n", "2-c"),
    ]


def test_an_attachment_of_another_type_is_another_one() -> None:
    base, winner = content("1-a", attachment("f", "x")), content("2-c", attachment("f", "x"))
    loser = content("2-b", attachment("f", "x", "image/gif"))
    [origin] = merge_leaves(ThreeWay(), [winner, loser], base).attachments
    assert origin.attachment.content_type == "image/gif"
    with pytest.raises(MergeClash) as raised:
        merge_leaves(ThreeWay(), [content("2-c", attachment("f", "z")), loser], base)
    assert raised.value.details == {"clashes": ["/_attachments/f"]}


def test_leaves_are_looked_at_one_by_one() -> None:
    seen: list[Rev] = []

    def leaves():
        for leaf in LEAVES:
            seen.append(leaf.rev)
            yield leaf

    merge_leaves(Latest("/age"), leaves(), None)
    assert len(seen) == 2
