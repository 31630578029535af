"""The key of a unique index: equal JSON values have one key, and others another."""

from collections.abc import Hashable

from hypothesis import given
from hypothesis import strategies as st

from docstore.core.json_text import JsonValue, decode, encode
from docstore.core.unique.definition import Definition, definition_of
from docstore.core.unique.rule import LONG, key_of, read_document, rule_of

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([1.0, -0.0, 0.5, 2.0**60, 2**60, 2**60 + 1])
    | st.sampled_from(["", "a", "A", "b", "1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=4,
)


def plain(value: JsonValue) -> Hashable:
    """Equal for equal JSON values: Python's own equality, with booleans told from numbers."""
    if isinstance(value, bool) or value is None:
        return ("constant", value)
    if isinstance(value, list):
        return ("array", tuple(map(plain, value)))
    if isinstance(value, dict):
        return ("object", frozenset((name, plain(inner)) for name, inner in value.items()))
    return ("string" if isinstance(value, str) else "number", value)


@given(st.lists(json_values, max_size=3), st.lists(json_values, max_size=3))
def test_keys_are_equal_exactly_if_the_values_are(left: list[JsonValue], right: list[JsonValue]) -> None:
    assert (key_of(left) == key_of(right)) == (plain(left) == plain(right))


def test_numbers_are_what_they_are_and_not_how_they_are_spelled() -> None:
    assert key_of([1]) == key_of([1.0]) == key_of([1e0])
    assert key_of([0]) == key_of([-0.0])
    assert key_of([10**300]) != key_of([1e300])
    assert key_of([2**53 + 1]) != key_of([float(2**53)])
    assert key_of([True]) != key_of([1])
    assert key_of(["1"]) != key_of([1])


def test_strings_do_not_collate_and_objects_have_no_order() -> None:
    assert key_of(["a"]) != key_of(["A"])
    assert key_of([""]) != key_of(["\u0000"])
    assert key_of(["é"]) != key_of(["e\u0301"])
    assert key_of([{"a": 1, "b": 2}]) == key_of([{"b": 2, "a": 1}])
    assert key_of([[1, 2]]) != key_of([[2, 1]])
    assert key_of([["a"], "b"]) != key_of([["a", "b"]])


def key(definition: Definition, **members: JsonValue) -> bytes | None:
    rule = rule_of(definition)
    return rule.key(read_document("a", encode(members), rule.names))


def test_a_document_that_lacks_a_field_has_no_key() -> None:
    both = definition_of(["email", "address.city"])
    assert key(both, email="a", address={"city": "b"}) is not None
    assert key(both, email="a") is None
    assert key(both, email="a", address={"street": "b"}) is None
    assert key(both, email="a", address="b") is None
    assert key(both, email=None, address={"city": None}) is not None


def test_fields_are_paths_as_in_selectors() -> None:
    assert key(definition_of(["a\\.b"]), **{"a.b": 1}) == key(definition_of(["x"]), x=1)
    assert key(definition_of(["list.1"]), list=[5, 6]) == key(definition_of(["x"]), x=6)
    assert key(definition_of(["list.2"]), list=[5, 6]) is None


def test_a_document_that_the_selector_does_not_match_has_no_key() -> None:
    some = definition_of(["email"], {"active": True, "_id": {"$gt": "0"}})
    assert key(some, email="a", active=True) is not None
    assert key(some, email="a", active=False) is None
    assert key(some, email="a") is None


def test_a_document_that_takes_the_selector_too_long_has_a_key() -> None:
    slow = definition_of(["email"], {"list": {"$elemMatch": {"$eq": "no"}}})
    assert key(slow, email="a", list=["a"] * 10) is None
    assert key(slow, email="a", list=["a"] * 10_000) is not None


def test_a_selector_that_is_refused_nowadays_matches_everything() -> None:
    assert key(Definition(("email",), b'{"email":{"$gone":1}}'), email="a") is not None


@given(json_values, st.dictionaries(st.sampled_from(["email", "active", "other", "list"]), json_values))
def test_what_is_read_of_a_document_is_enough(value: JsonValue, others: dict[str, JsonValue]) -> None:
    """A document that is passed over in part, a long one too, has the key that it has when it is read in whole."""
    rule = rule_of(
        definition_of(["email"], {"$or": [{"active": True}, {"$not": {"list.0": 1}}, {"$nor": [{"_id": "b"}]}]})
    )
    text = encode(others | {"email": value})
    long = encode(others | {"email": value, "filler": "x" * LONG})
    expected = rule.key(decode(text) | {"_id": "a"})
    assert rule.key(read_document("a", text, rule.names)) == expected
    assert rule.key(read_document("a", long, rule.names)) == expected


def test_a_field_may_be_a_number_that_is_longer_than_any() -> None:
    digits = "9" * 4_090
    assert key(definition_of([f"a.{digits}"]), a=[1]) is None
    assert key(definition_of([f"a.{digits}"]), a={digits: 1}) is not None


def test_a_body_that_is_no_json_has_no_key() -> None:
    rule = rule_of(definition_of(["email"]))
    assert rule.key(read_document("a", b'{"email":', rule.names)) is None
