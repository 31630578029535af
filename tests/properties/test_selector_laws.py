"""Laws of selectors: sets of arguments find what comparing with each of them finds, and budgets change no answer."""

from hypothesis import given
from hypothesis import strategies as st

from docstore.core import collation
from docstore.core.json_text import JsonValue, encode
from docstore.core.selector.normal_form import normalize
from docstore.core.selector.operators import compare_raw
from docstore.core.selector.selector import compile_selector
from docstore.core.steps import OutOfSteps, Steps

# Few values, many of which collate equal: 1 and 1.0, letters composed or not, characters that are ignored.
TEXTS = st.text(st.sampled_from("aAé\u00c5\u212be\u0301\u0000\u200d_-\U0001f600"), max_size=3)
NUMBERS = st.sampled_from([0, 0.0, -0.0, 1, 1.0, 2**53, 2.0**53, 2**53 + 1, 10**300, 1e300, -1])
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


@given(VALUES, VALUES)
def test_keys_are_equal_where_the_values_are(left: JsonValue, right: JsonValue) -> None:
    equal = collation.compare(left, right) == 0
    assert (collation.equality_key(left) == collation.equality_key(right)) is equal
    if equal:
        assert hash(collation.equality_key(left)) == hash(collation.equality_key(right))


@given(VALUES | st.lists(VALUES, max_size=4), st.lists(VALUES, max_size=5), st.sampled_from(["a", "_id"]))
def test_in_is_comparing_with_each(value: JsonValue, arguments: list[JsonValue], field: str) -> None:
    compare = compare_raw if field == "_id" else collation.compare
    members = value if isinstance(value, list) else [value]
    found = any(compare(member, each) == 0 for each in arguments for member in members)
    assert compile_selector({field: {"$in": arguments}})({field: value}) is found
    assert compile_selector({field: {"$nin": arguments}})({field: value}) is not found


@given(VALUES | st.lists(VALUES, max_size=4), st.lists(VALUES, max_size=5))
def test_all_is_the_very_same_json(value: JsonValue, arguments: list[JsonValue]) -> None:
    found = False
    if isinstance(value, list) and arguments:
        whole = len({encode(each) for each in arguments}) == 1 and encode(arguments[0]) == encode(value)
        found = whole or all(encode(each) in map(encode, value) for each in arguments)
    assert compile_selector({"a": {"$all": arguments}})({"a": value}) is found


CONDITIONS = st.recursive(
    st.builds(
        lambda name, operator, argument: {name: {operator: argument}},
        st.sampled_from(["a", "a.0", "b"]),
        st.sampled_from(["$eq", "$ne", "$lt", "$gte"]),
        VALUES,
    )
    | st.builds(lambda argument: {"a": {"$in": argument}}, st.lists(VALUES, max_size=3)),
    lambda inner: (
        st.builds(
            lambda each, name: {name: each}, st.lists(inner, max_size=3), st.sampled_from(["$and", "$or", "$nor"])
        )
        | st.builds(lambda each, name: {"a": {name: each}}, inner, st.sampled_from(["$elemMatch", "$allMatch"]))
        | st.builds(lambda each: {"$not": each}, inner)
    ),
    max_leaves=6,
)


@given(CONDITIONS, st.dictionaries(st.sampled_from("ab"), VALUES, max_size=2), st.integers(0, 60))
def test_a_budget_ends_the_work_or_changes_nothing(selector: JsonValue, document: JsonValue, limit: int) -> None:
    matches = compile_selector(selector)
    unlimited = matches(document)
    try:
        assert matches(document, Steps(limit)) is unlimited
    except OutOfSteps:
        steps = Steps(1_000_000)
        assert matches(document, steps) is unlimited
        assert 1_000_000 - steps.left > limit


@given(CONDITIONS, st.dictionaries(st.sampled_from("ab"), VALUES, max_size=2))
def test_the_normal_form_is_its_own_and_means_the_same(selector: JsonValue, document: JsonValue) -> None:
    normal = normalize(selector)
    assert normalize(normal) == normal
    assert compile_selector(normal)(document) is compile_selector(selector)(document)
