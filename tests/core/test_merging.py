import pytest

from docstore.core.json_text import JsonValue
from docstore.core.merging import (
    MISSING,
    POINTERS_AT_MOST,
    Merged,
    Version,
    changed_places,
    merge_versions,
    read_pointer,
    same_json,
)

Body = dict[str, JsonValue]


def merge(ancestor: Body | None, *leaves: Body) -> Merged:
    base = None if ancestor is None else Version(ancestor, {})
    return merge_versions(base, [Version(leaf, {}) for leaf in leaves])


def test_changes_to_different_places_are_all_taken() -> None:
    merged = merge({"name": "Ann", "age": 30}, {"name": "Ann", "age": 31}, {"name": "Eve", "age": 30})
    assert merged == Merged({"name": "Eve", "age": 31}, {}, ())


def test_a_place_changed_twice_keeps_the_winners_value_and_is_named() -> None:
    merged = merge({"a": {"b/c": 1, "d": 1}}, {"a": {"b/c": 2, "d": 1}}, {"a": {"b/c": 3, "d": 4}})
    assert merged.body == {"a": {"b/c": 2, "d": 4}}
    assert merged.clashes == ("/a/b~1c",)


def test_the_same_change_on_both_sides_is_no_clash() -> None:
    assert merge({"a": 1}, {"a": 2, "n": [1]}, {"a": 2, "n": [1]}) == Merged({"a": 2, "n": [1]}, {}, ())


def test_removal_against_no_change_removes_and_against_a_change_clashes() -> None:
    assert merge({"a": 1, "b": 1}, {"b": 1}, {"a": 1, "b": 2}) == Merged({"b": 2}, {}, ())
    assert merge({"a": 1}, {}, {"a": 2}) == Merged({}, {}, ("/a",))
    assert merge({"a": 1}, {"a": 2}, {}) == Merged({"a": 2}, {}, ("/a",))


def test_keys_stand_in_the_ancestors_order_then_the_winners_then_the_others() -> None:
    merged = merge({"z": 1, "a": 1}, {"new": 1, "a": 1, "z": 1}, {"other": 1, "z": 1, "a": 2})
    assert list(merged.body) == ["z", "a", "new", "other"]


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "merged"),
    [
        (["a"], ["a", "b"], ["c"], ["b", "c"]),
        ([1, 2, 3], [1, 3], [1, 2, 3, 4], [1, 3, 4]),
        ([], ["x"], ["y"], ["x", "y"]),
        ([1], [1, 1.0], [1, True], [1, 1.0, True]),
    ],
)
def test_arrays_of_unique_scalars_merge_as_sets(
    base: list[JsonValue], ours: list[JsonValue], theirs: list[JsonValue], merged: list[JsonValue]
) -> None:
    result = merge({"t": base}, {"t": ours}, {"t": theirs})
    assert result.clashes == ()
    assert same_json(result.body["t"], merged)


@pytest.mark.parametrize(
    ("base", "ours", "theirs"),
    [
        ([1, 2], [2, 1], [1, 2, 3]),  # an order was changed
        ([1, 1], [1], [1, 1, 2]),  # not unique
        ([{}], [{}, 1], [{}, 2]),  # not scalars
        ("text", [1], [2]),
    ],
)
def test_other_arrays_are_atoms(base: JsonValue, ours: JsonValue, theirs: JsonValue) -> None:
    assert merge({"t": base}, {"t": ours}, {"t": theirs}) == Merged({"t": ours}, {}, ("/t",))


def test_kinds_of_numbers_differ() -> None:
    assert merge({"n": 1}, {"n": 1.0}, {"n": 2}).clashes == ("/n",)
    assert merge({"n": 0.0}, {"n": -0.0}, {"n": 2}).clashes == ("/n",)
    assert not same_json(True, 1)
    assert not same_json(MISSING, None)


def test_three_leaves_fold_in_winner_order() -> None:
    merged = merge(
        {"a": 1, "b": 1, "c": 1}, {"a": 2, "b": 1, "c": 1}, {"a": 1, "b": 2, "c": 1}, {"a": 1, "b": 3, "c": 3}
    )
    assert merged == Merged({"a": 2, "b": 2, "c": 3}, {}, ("/b",))


def test_without_an_ancestor_every_difference_is_a_clash() -> None:
    merged = merge(None, {"a": 1, "same": {"x": 1}}, {"b": 1, "same": {"x": 1}, "a": 2})
    assert merged == Merged({"a": 1, "same": {"x": 1}}, {}, ("/a", "/b"))


def test_attachments_merge_by_name_and_digest() -> None:
    base = Version({}, {"a": "md5-1", "b": "md5-1", "c": "md5-1"})
    merged = merge_versions(
        base,
        [
            Version({}, {"a": "md5-2", "b": "md5-1", "c": "md5-2"}),
            Version({}, {"a": "md5-1", "c": "md5-3", "n": "md5-9"}),
        ],
    )
    assert merged == Merged({}, {"a": "md5-2", "c": "md5-2", "n": "md5-9"}, ("/_attachments/c",))


def test_one_leaf_is_its_own_merge_and_none_is_refused() -> None:
    assert merge({"a": 1}, {"a": 2}) == Merged({"a": 2}, {}, ())
    with pytest.raises(ValueError, match="at least one leaf"):
        merge_versions(None, [])


def test_changed_places() -> None:
    before: Body = {"a": 1, "b": {"c": [1], "d~": 1}, "gone": None}
    after: Body = {"a": 1, "b": {"c": [2], "d~": 2}, "new": 1}
    assert changed_places(before, after) == ("/b/c", "/b/d~0", "/gone", "/new")


def test_read_pointer() -> None:
    value: JsonValue = {"a/b": [{"~": 5}]}
    assert read_pointer(value, "/a~1b/0/~0") == 5
    assert read_pointer(value, "") == value
    with pytest.raises(KeyError):
        read_pointer(value, "/a~1b/1")
    with pytest.raises(ValueError, match="no slash"):
        read_pointer(value, "no slash")


@pytest.mark.parametrize("index", ["00", "-1", "1", "٠", "x", "", "9" * 5_000])
def test_read_pointer_takes_indexes_as_the_rfc_spells_them(index: str) -> None:
    with pytest.raises(KeyError):
        read_pointer([5], f"/{index}")


def nested(depth: int, inner: JsonValue, *, arrays: bool = False) -> JsonValue:
    """``inner`` within as many objects, or arrays."""
    for _ in range(depth):
        inner = [inner] if arrays else {"a": inner}
    return inner


@pytest.mark.parametrize("depth", [499, 20_000])
def test_nesting_does_not_use_up_the_stack(depth: int) -> None:
    base, ours, theirs = ({"t": nested(depth, {"n": 0, side: 1})} for side in ("b", "o", "t"))
    merged = merge(base, ours, theirs)
    assert merged.clashes == ()
    assert read_pointer(merged.body, "/t" + "/a" * depth) == {"n": 0, "o": 1, "t": 1}
    deep = [{"t": nested(depth, number, arrays=True)} for number in range(3)]
    assert merge(*deep).clashes == ("/t",)
    assert not same_json(deep[0], deep[1])
    assert changed_places(base, ours) == tuple("/t" + "/a" * depth + name for name in ("/b", "/o"))


def test_the_places_named_are_bounded() -> None:
    sides = [{"n" * 40_000: {str(number): side for number in range(1_000)}} for side in (1, 2)]
    clashes = merge({}, *sides).clashes
    assert clashes == ("/" + "n" * 40_000 + "/0", "/" + "n" * 40_000 + "/1")
    assert len(changed_places({}, {"n" * POINTERS_AT_MOST: 1, "m": 1})) == 1
