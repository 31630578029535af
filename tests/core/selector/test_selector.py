import json
from typing import Any

import pytest

from docstore.core.json_text import JsonValue
from docstore.core.selector.normal_form import MAX_NESTING, normalize, parse_field
from docstore.core.selector.operators import OPERATORS
from docstore.core.selector.selector import compile_selector
from docstore.core.steps import OutOfSteps, Steps
from docstore.errors import BadRequest

# The documents and the answers below are those of CouchDB's _find.
DOCS: dict[str, dict[str, Any]] = {
    "a": {"n": 1, "s": "apple", "t": ["x", "y"], "o": {"p": 1, "q": "z"}, "b": True},
    "b": {"n": 2, "s": "Banana", "t": ["y"], "o": {"p": 2}, "b": False},
    "c": {"n": 3.5, "s": "cherry", "t": [], "o": {}, "nul": None},
    "d": {"n": "4", "s": "date", "t": [1, 2, 3], "l": [{"a": 1, "b": 2}, {"a": 3}]},
    "e": {"n": None, "s": "éclair", "a.b": "dotted", "l": [{"a": 5}]},
    "f": {"m": 12, "s": "fig", "o": {"p": {"r": 7}}},
}


def found(selector: dict[str, Any]) -> str:
    matches = compile_selector(selector)
    return "".join(doc_id for doc_id, members in DOCS.items() if matches({"_id": doc_id, "_rev": "1-a", **members}))


def matches(selector: JsonValue, document: JsonValue) -> bool:
    return compile_selector(selector)(document)


def refusal(selector: JsonValue) -> tuple[str, str]:
    with pytest.raises(BadRequest) as raised:
        compile_selector(selector)
    return raised.value.error, raised.value.reason


@pytest.mark.parametrize(
    ("selector", "ids"),
    [
        ({"n": 1}, "a"),
        ({"n": 1.0}, "a"),
        ({"n": {"$eq": 2}}, "b"),
        ({"n": {"$ne": 1}}, "bcde"),
        ({"n": {"$gt": 1}}, "bcd"),
        ({"n": {"$gte": 2}}, "bcd"),
        ({"n": {"$lt": 3}}, "abe"),
        ({"n": {"$lte": 3.5}}, "abce"),
        ({"n": {"$gt": None}}, "abcd"),
        ({"n": {"$gt": "0"}}, "d"),
        ({"n": {"$in": [1, "4", None]}}, "ade"),
        ({"n": {"$nin": [1, 2]}}, "cde"),
        ({"n": None}, "e"),
        ({"s": {"$gt": "b"}}, "bcdef"),
        ({"s": {"$lt": "b"}}, "a"),
        ({"b": True}, "a"),
        ({"o": {"p": 2}}, "b"),
        ({"t": ["y"]}, "b"),
        ({"n": {"$gte": 1, "$lte": 2}}, "ab"),
        ({"_id": {"$gt": "c"}}, "def"),
        ({}, "abcdef"),
        ({"m": {"$exists": True}}, "f"),
        ({"m": {"$exists": False}}, "abcde"),
        ({"nul": {"$exists": True}}, "c"),
        ({"n": {"$type": "number"}}, "abc"),
        ({"n": {"$type": "string"}}, "d"),
        ({"n": {"$type": "null"}}, "e"),
        ({"b": {"$type": "boolean"}}, "ab"),
        ({"t": {"$type": "array"}}, "abcd"),
        ({"o": {"$type": "object"}}, "abcf"),
        ({"t": {"$size": 0}}, "c"),
        ({"t": {"$size": 3}}, "d"),
        ({"t": {"$all": ["x"]}}, "a"),
        ({"t": {"$all": ["y", "x"]}}, "a"),
        ({"t": {"$all": []}}, ""),
        ({"l": {"$elemMatch": {"a": 3}}}, "d"),
        ({"l": {"$allMatch": {"a": {"$gt": 2}}}}, "e"),
        ({"t": {"$elemMatch": {"$eq": "y"}}}, "ab"),
        ({"t": {"$allMatch": {"$gt": 0}}}, "abd"),
        ({"o": {"$keyMapMatch": {"$eq": "q"}}}, "a"),
        ({"t.0": "x"}, "a"),
        ({"o.p": 1}, "a"),
        ({"o.p.r": 7}, "f"),
        ({"a\\.b": "dotted"}, "e"),
    ],
    ids=json.dumps,
)
def test_what_couchdb_finds(selector: dict[str, Any], ids: str) -> None:
    assert found(selector) == ids


@pytest.mark.parametrize(
    ("selector", "ids"),
    [
        ({"$or": [{"n": 1}, {"n": 2}]}, "ab"),
        ({"$and": [{"n": {"$gt": 1}}, {"b": False}]}, "b"),
        ({"n": 1, "b": False}, ""),
        ({"n": {"$or": [1, {"$gt": 3, "$lt": 4}]}}, "ac"),
        ({"o": {"p": {"r": 7}}}, "f"),
        ({"o": {"p": {"$gt": 1}, "q": {"$exists": False}}}, "bf"),
        ({"l": {"$elemMatch": {"a": 1, "b": 2}}}, "d"),
        ({"l": {"$elemMatch": {"$or": [{"b": 2}, {"a": 5}]}}}, "de"),
        ({"t": {"$elemMatch": {"$gte": 2, "$lt": 3}}}, "d"),
        ({"l.1.a": 3}, "d"),
        ({"t": {"$in": ["x", 3]}}, "ad"),
        ({"t": {"$nin": ["x", 3]}}, "bc"),
        ({"m": {"$mod": [5, 2]}}, "f"),
        ({"s": {"$beginsWith": "é"}}, "e"),
        ({"t": {"$all": [["y"]]}}, "b"),
    ],
    ids=json.dumps,
)
def test_combinations_fields_and_arrays(selector: dict[str, Any], ids: str) -> None:
    assert found(selector) == ids


class TestNegation:
    """A negated condition still asks for the field."""

    @pytest.mark.parametrize(
        ("selector", "ids"),
        [
            ({"$not": {"n": 1}}, "bcde"),
            ({"n": {"$not": {"$gt": 1}}}, "ae"),
            ({"$nor": [{"n": 1}, {"n": 2}]}, "cde"),
            ({"$not": {"$or": [{"n": 1}, {"b": False}]}}, ""),
            ({"$not": {"$and": [{"n": 1}, {"b": True}]}}, "bcde"),
            ({"$not": {"$not": {"n": 1}}}, "a"),
            ({"$not": {"$nor": [{"n": 1}, {"n": 2}]}}, "ab"),
            ({"$not": {"m": {"$exists": False}}}, "f"),
            ({"$not": {"n": {"$in": [1, 2]}}}, "cde"),
            ({"$not": {"n": {"$type": "number"}}}, "de"),
            ({"t": {"$not": {"$elemMatch": {"$eq": "y"}}}}, "cd"),
            ({"t": {"$elemMatch": {"$not": {"$eq": "y"}}}}, "ad"),
        ],
        ids=json.dumps,
    )
    def test_it(self, selector: dict[str, Any], ids: str) -> None:
        assert found(selector) == ids


class TestEmpty:
    @pytest.mark.parametrize("name", ["$and", "$or", "$nor"])
    def test_an_empty_combination_holds(self, name: str) -> None:
        assert found({name: []}) == "abcdef"

    def test_an_empty_object_is_a_value(self) -> None:
        assert found({"o": {}}) == "c"

    def test_an_empty_object_in_a_combination_is_no_document(self) -> None:
        assert found({"$and": [{}]}) == ""

    def test_in_nothing(self) -> None:
        assert found({"n": {"$in": []}}) == ""
        assert found({"n": {"$nin": []}}) == "abcde"


class TestPaths:
    def test_missing_below_something_that_is_no_object(self) -> None:
        assert not matches({"a.b": {"$exists": False}}, {"a": 5})
        assert not matches({"a.b": {"$exists": False}}, {"a": []})
        assert matches({"a.b": {"$exists": False}}, {"a": {}})
        assert matches({"a.b": {"$exists": False}}, {})

    @pytest.mark.parametrize(("index", "holds"), [("0", True), ("00", True), ("+0", True), ("-0", True), ("1", False)])
    def test_an_index(self, index: str, holds: bool) -> None:
        assert matches({f"a.{index}": 7}, {"a": [7]}) is holds

    @pytest.mark.parametrize("index", ["-1", "x", "0x0", " 0", "1_0", "9" * 5000])
    def test_no_index(self, index: str) -> None:
        assert not matches({f"a.{index}": {"$exists": True}}, {"a": [7] * 20})

    def test_a_number_is_a_name_in_an_object(self) -> None:
        assert matches({"a.0": 7}, {"a": {"0": 7}})

    def test_an_element_that_is_an_array(self) -> None:
        assert matches({"a": {"$elemMatch": {"1": 5}}}, {"a": [[4, 5]]})

    def test_a_selector_on_an_element_that_is_no_object(self) -> None:
        assert not matches({"a": {"$elemMatch": {"b": 5}}}, {"a": [5, "b"]})

    @pytest.mark.parametrize(
        ("text", "names"),
        [
            ("a", ("a",)),
            ("a.b.c", ("a", "b", "c")),
            ("a\\.b", ("a.b",)),
            ("a.b\\.c.d", ("a", "b.c", "d")),
            ("a\\b", ("ab",)),
        ],
    )
    def test_names_along_a_path(self, text: str, names: tuple[str, ...]) -> None:
        assert parse_field(text) == names

    @pytest.mark.parametrize("text", ["", "a..b", ".a", "a.", "a\\.b..c"])
    def test_an_empty_name(self, text: str) -> None:
        with pytest.raises(BadRequest) as raised:
            parse_field(text)
        assert raised.value.error == "invalid_field_name"

    def test_it_is_refused_before_any_document_is_looked_at(self) -> None:
        assert refusal({"a..b": 1})[0] == "invalid_field_name"


class TestValues:
    def test_strings_compare_as_in_views(self) -> None:
        assert matches({"s": {"$lt": "B"}}, {"s": "a"})
        assert matches({"s": {"$gt": "a"}}, {"s": "A"})
        assert matches({"s": "3"}, {"s": "٣"})

    def test_ids_compare_bytewise(self) -> None:
        assert not matches({"_id": {"$lt": "B"}}, {"_id": "a"})
        assert not matches({"_id": "3"}, {"_id": "٣"})
        assert matches({"_id": {"$in": ["a"]}}, {"_id": "a"})

    @pytest.mark.parametrize("low", [None, True, 10, [], {}])
    def test_every_id_is_above_what_is_no_string(self, low: JsonValue) -> None:
        assert matches({"_id": {"$gt": low}}, {"_id": "a"})
        assert not matches({"_id": {"$lt": low}}, {"_id": "a"})

    def test_a_nested_member_called_id(self) -> None:
        assert matches({"o": {"_id": {"$lt": "B"}}}, {"o": {"_id": "a"}})
        assert matches({"l": {"$elemMatch": {"_id": {"$lte": 5}}}}, {"l": [{"_id": 5}]})

    def test_types_are_ordered(self) -> None:
        assert matches({"n": {"$lt": {}}}, {"n": ["z"]})
        assert not matches({"n": 1}, {"n": True})
        assert not matches({"n": 0}, {"n": False})

    def test_whole_arrays_and_objects(self) -> None:
        assert matches({"o": {"$eq": {"a": [1]}}}, {"o": {"a": [1.0]}})
        assert not matches({"o": {"$eq": {"a": 1}}}, {"o": {"a": 1, "b": 2}})
        assert not matches({"t": {"$in": [["y"]]}}, {"t": ["y"]})

    @pytest.mark.parametrize(
        ("value", "holds"), [(7, True), (-7, False), (-8, False), (8, False), (7.0, False), ("7", False), (True, False)]
    )
    def test_mod(self, value: JsonValue, holds: bool) -> None:
        assert matches({"n": {"$mod": [3, 1]}}, {"n": value}) is holds

    def test_mod_has_the_sign_of_the_value(self) -> None:
        assert matches({"n": {"$mod": [3, -1]}}, {"n": -7})
        assert matches({"n": {"$mod": [-3, 1]}}, {"n": 7})

    def test_all_asks_for_the_very_same_json(self) -> None:
        assert not matches({"t": {"$all": [1]}}, {"t": [1.0, True]})
        assert matches({"t": {"$all": [{"a": 1}, 1]}}, {"t": [1, 2, {"a": 1}]})
        assert not matches({"t": {"$all": [1]}}, {"t": 1})

    def test_every_element_of_none(self) -> None:
        assert not matches({"t": {"$allMatch": {"$gt": 0}}}, {"t": []})
        assert not matches({"t": {"$allMatch": {"$gt": 0}}}, {"t": 1})

    def test_a_prefix_is_one_of_strings(self) -> None:
        assert matches({"s": {"$beginsWith": ""}}, {"s": "x"})
        assert not matches({"s": {"$beginsWith": "X"}}, {"s": "x"})
        assert not matches({"s": {"$beginsWith": "1"}}, {"s": 1})

    def test_negations_within_elements_do_not_ask_for_the_field(self) -> None:
        assert matches({"t": {"$elemMatch": {"$not": {"b": 1}}}}, {"t": [{"b": 1}, {}]})
        assert not matches({"t": {"$allMatch": {"$not": {"b": 1}}}}, {"t": [{"b": 1}, {}]})
        assert matches({"t": {"$allMatch": {"$nor": [{"b": 1}, {"b": 2}]}}}, {"t": [{"b": 3}, {}]})
        assert matches({"t": {"$elemMatch": {"$nor": []}}}, {"t": [1]})

    def test_names_of_an_object(self) -> None:
        assert matches({"o": {"$keyMapMatch": {"$beginsWith": "a"}}}, {"o": {"b": 1, "ab": 2}})
        assert not matches({"o": {"$keyMapMatch": {"$eq": "a"}}}, {"o": ["a"]})


class TestNormalForm:
    @pytest.mark.parametrize(
        ("selector", "normal"),
        [
            ({}, {}),
            ({"a": 1}, {"a": {"$eq": 1}}),
            ({"a": {"b": {"c": 1}}}, {"a.b.c": {"$eq": 1}}),
            ({"a": 1, "b": {}}, {"$and": [{"a": {"$eq": 1}}, {"b": {"$eq": {}}}]}),
            ({"a": {"$and": [{"$gt": 5}, {"b": 1}]}}, {"$and": [{"a": {"$gt": 5}}, {"a.b": {"$eq": 1}}]}),
            ({"$not": {"a": {"$gt": 1}}}, {"a": {"$lte": 1}}),
            ({"$not": {"$or": [{"a": 1}, {"b": 2}]}}, {"$and": [{"a": {"$ne": 1}}, {"b": {"$ne": 2}}]}),
            ({"$nor": [{"a": 1}]}, {"$and": [{"a": {"$ne": 1}}]}),
            ({"$not": {"a": {"$size": 1}}}, {"a": {"$not": {"$size": 1}}}),
            (
                {"a": {"$elemMatch": {"$gt": 1, "$lt": 3}}},
                {"a": {"$elemMatch": {"$and": [{"": {"$gt": 1}}, {"": {"$lt": 3}}]}}},
            ),
            ({"a": {"$allMatch": {"$not": {"b": 1}}}}, {"a": {"$allMatch": {"$not": {"b": {"$eq": 1}}}}}),
            (
                {"a": {"$elemMatch": {"$nor": [{"b": {"$not": {"c": 1}}}]}}},
                {"a": {"$elemMatch": {"$nor": [{"$not": {"b.c": {"$eq": 1}}}]}}},
            ),
            ({"$not": {"a": {"$elemMatch": {"$eq": 1}}}}, {"a": {"$not": {"$elemMatch": {"": {"$eq": 1}}}}}),
            ({"$not": {"a": {"$regex": "x"}}}, {"a": {"$not": {"$regex": "x"}}}),
            ({"$text": "x", "a": 1}, {"$and": [{"$default": {"$text": "x"}}, {"a": {"$eq": 1}}]}),
        ],
        ids=json.dumps,
    )
    def test_it(self, selector: JsonValue, normal: JsonValue) -> None:
        assert normalize(selector) == normal

    @pytest.mark.parametrize("name", sorted(OPERATORS))
    def test_negating_an_operator_twice_is_the_operator(self, name: str) -> None:
        negation = OPERATORS[name].negation
        assert negation is None or OPERATORS[negation].negation == name


class TestRefusals:
    @pytest.mark.parametrize("name", ["$bad", "$", "$AND", "$regex", "$beginsWith"])
    def test_an_unknown_operator(self, name: str) -> None:
        assert refusal({"t": {name: 1}}) == ("invalid_operator", f"Invalid operator: {name}")

    @pytest.mark.parametrize("name", ["$where", "$near", "$nearSphere", "$geoWithin", "$geoIntersects"])
    def test_an_operator_that_couchdb_knows_but_has_not(self, name: str) -> None:
        assert refusal({"t": {name: 1}}) == ("not_supported", f"Unsupported operator: {name}")

    @pytest.mark.parametrize(
        ("name", "argument", "shown"),
        [
            ("$and", {}, "{[]}"),
            ("$or", "x", "<<120>>"),
            ("$nor", 5, "5"),
            ("$not", 5, "5"),
            ("$in", 1, "1"),
            ("$nin", None, "null"),
            ("$exists", 1, "1"),
            ("$type", 1, "1"),
            ("$size", -1, "-1"),
            ("$size", True, "true"),
            ("$size", 1.5, "1.5"),
            ("$mod", [1], "[1]"),
            ("$mod", [1.0, 2], "[1.0,2]"),
            ("$mod", [0, 2], "[0,2]"),
            ("$all", {"a": "b"}, "{[{<<97>>,<<98>>}]}"),
            ("$elemMatch", [], "[]"),
            ("$allMatch", "x", "<<120>>"),
            ("$keyMapMatch", 1, "1"),
            ("$regex", "(", "<<40>>"),
        ],
    )
    def test_a_bad_argument(self, name: str, argument: JsonValue, shown: str) -> None:
        assert refusal({"t": {name: argument}}) == ("bad_arg", f"Bad argument for operator {name}: {shown}")

    def test_text_cannot_be_searched(self) -> None:
        with pytest.raises(BadRequest, match=r"Unsupported operator: \$text"):
            compile_selector({"a": 1, "$text": "x"})

    @pytest.mark.parametrize(
        ("selector", "error", "reason"),
        [
            ({"$text": None}, "bad_arg", "Bad argument for operator $text: null"),
            (
                {"$not": {"$text": 1}},
                "bad_arg",
                "Bad argument for operator $not: {[{<<36,100,101,102,97,117,108,116>>,",
            ),
            ({"a": {"$text": 1}}, "bad_field", "Invalid field normalization on selector: {[{<<36,100,"),
            ({"$default": 1}, "bad_field", "Invalid field normalization on selector: {[{<<36,100,"),
        ],
        ids=json.dumps,
    )
    def test_text_that_is_not_even_text(self, selector: JsonValue, error: str, reason: str) -> None:
        found = refusal(selector)
        assert found[0] == error
        assert found[1].startswith(reason)

    def test_an_argument_within_an_element(self) -> None:
        assert refusal({"t": {"$elemMatch": {"$bad": 1}}})[0] == "invalid_operator"

    @pytest.mark.parametrize("selector", [{"$gt": 1}, {"$not": {"$gt": 1}}, {"": 1}])
    def test_a_condition_on_no_field(self, selector: JsonValue) -> None:
        reason = "One or more conditions is missing a field name."
        assert refusal(selector) == ("invalid_selector", reason)

    @pytest.mark.parametrize(
        ("selector", "shown"), [([], "[]"), ("a", "<<97>>"), (None, "null"), (7, "7"), ("é", "<<195,169>>")]
    )
    def test_no_object_at_all(self, selector: JsonValue, shown: str) -> None:
        assert refusal(selector) == ("invalid_selector_json", f"Selector must be a JSON object, not: {shown}")

    @pytest.mark.parametrize("name", ["$not", "a", "$elemMatch"])
    def test_too_deep(self, name: str) -> None:
        selector: JsonValue = {"a": 1}
        for _ in range(MAX_NESTING - 1):
            selector = {name: selector}
        if name != "$elemMatch":
            compile_selector(selector)
        selector = {"a": {name: selector}}
        assert refusal({"b": selector})[0] == "invalid_selector"

    def test_the_deepest_that_is_allowed_can_be_asked(self) -> None:
        selector: JsonValue = {"a": 1}
        document: JsonValue = {"a": 1}
        for _ in range(MAX_NESTING - 2):
            selector = {"$elemMatch": selector}
            document = [document]
        assert matches({"b": selector}, {"b": document})


class TestSteps:
    """A selector takes steps for its work, so it can be stopped."""

    @pytest.mark.parametrize(
        ("selector", "document"),
        [
            ({"$and": [{"a": 1}] * 1_000}, {"a": 1}),
            ({"$or": [{"a": 2}] * 1_000}, {"a": 1}),
            ({"$nor": [{"a": 2}] * 1_000}, {"a": 1}),
            ({"a": {"$elemMatch": {"$lt": 0}}}, {"a": [1] * 1_000}),
            ({"a": {"$allMatch": {"$gt": 0}}}, {"a": [1] * 1_000}),
            ({"a": {"$keyMapMatch": {"$eq": "none"}}}, {"a": {str(name): 1 for name in range(1_000)}}),
            ({"a": {"$in": [0]}}, {"a": [1] * 1_000}),
            ({"a": {"$in": [[0]]}}, {"a": [[1] * 1_000]}),
            ({"a": {"$nin": [0]}}, {"a": [1] * 1_000}),
            ({"a": {"$all": [0]}}, {"a": [1] * 1_000}),
            ({"a": {"$all": ["b", *range(1_000)]}}, {"a": [1]}),
            ({"a": [1] * 1_000}, {"a": [1] * 1_000}),
            ({"a": {"$gt": {"b": ["c"] * 1_000}}}, {"a": {"b": ["c"] * 1_000}}),
            ({"a": {"$lt": "b" * 300_000}}, {"a": "b" * 300_000}),
            ({"a": {"$in": ["b"]}}, {"a": "c" * 300_000}),
            ({".".join(["a"] * 1_000): 1}, {}),
            ({"a": {"$not": {"$elemMatch": {"$lt": 0}}}}, {"a": [1] * 1_000}),
        ],
    )
    def test_each_kind_of_work_takes_them(self, selector: JsonValue, document: JsonValue) -> None:
        matches = compile_selector(selector)
        matches(document, Steps(10_000))
        with pytest.raises(OutOfSteps):
            matches(document, Steps(900))

    def test_few_are_taken_where_little_is_done(self) -> None:
        selector = {"a": {"$in": list(range(10_000))}, "b": {"$nin": [str(n) for n in range(10_000)]}}
        assert compile_selector(selector)({"a": 5, "b": ["x", "y"]}, Steps(20))

    def test_equal_work_takes_equal_steps(self) -> None:
        matches = compile_selector({"a": {"$elemMatch": {"$gt": 3}}, "b": 1})
        left = []
        for _ in range(2):
            steps = Steps(1_000)
            matches({"a": [1, 2, 3, 4], "b": 1}, steps)
            left.append(steps.left)
        assert left[0] == left[1] < 1_000


class TestCompiled:
    def test_it_has_its_normal_form(self) -> None:
        assert compile_selector({"a": 1}).normalised == {"a": {"$eq": 1}}

    def test_it_says_whether_a_clock_may_decide(self) -> None:
        assert not compile_selector({"a": {"$regex": "^b.*c$"}}).timed
        assert compile_selector({"a": {"$elemMatch": {"$regex": "b(?=c)"}}}).timed

    def test_it_has_so_much_time_for_a_string(self) -> None:
        selector = {"a": {"$regex": "^(?=a)(a|a)*$"}}
        assert not compile_selector(selector, 0.01)({"a": "a" * 64 + "b"})
