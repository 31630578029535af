"""A selector that is refused is refused in the same words wherever it stands."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docstore.core.selector.operators import OPERATORS
from docstore.errors import BadRequest
from docstore.httpd.params.changes_filters import compiled_filter
from docstore.query.mango.options import read_definition, read_find
from docstore.replication.options import InvalidReplication, parse_replicate, parse_replication
from tests.httpd.asking import Database

TEXT = "{[{<<36,100,101,102,97,117,108,116>>,{[{<<36,116,101,120,116>>,<<120>>}]}}]}"

SELECTORS = [
    ({"f": {"$bad": 1}}, "invalid_operator", "Invalid operator: $bad"),
    ({"f": {"$where": "x"}}, "not_supported", "Unsupported operator: $where"),
    ({"f": {"$in": 1}}, "bad_arg", "Bad argument for operator $in: 1"),
    ({"f": {"$nin": {"a": [1.5, None]}}}, "bad_arg", "Bad argument for operator $nin: {[{<<97>>,[1.5,null]}]}"),
    ({"f": {"$exists": "yes"}}, "bad_arg", "Bad argument for operator $exists: <<121,101,115>>"),
    ({"f": {"$size": -1}}, "bad_arg", "Bad argument for operator $size: -1"),
    ({"f": {"$mod": [1]}}, "bad_arg", "Bad argument for operator $mod: [1]"),
    ({"f": {"$regex": "("}}, "bad_arg", "Bad argument for operator $regex: <<40>>"),
    ({"f": {"$regex": 1}}, "invalid_operator", "Invalid operator: $regex"),
    ({"f": {"$elemMatch": []}}, "bad_arg", "Bad argument for operator $elemMatch: []"),
    ({"f": {"$allMatch": {"$bad": 1}}}, "invalid_operator", "Invalid operator: $bad"),
    ({"$not": 1}, "bad_arg", "Bad argument for operator $not: 1"),
    ({"$or": [{"f": 1}, {"$nor": 1}]}, "bad_arg", "Bad argument for operator $nor: 1"),
    ({"$gt": 1}, "invalid_selector", "One or more conditions is missing a field name."),
    ({"f": {"x..y": 1}}, "invalid_field_name", "Invalid field name: f.x..y"),
    ({"f": {"$text": "x"}}, "bad_field", f"Invalid field normalization on selector: {TEXT}"),
]


@pytest.mark.parametrize(("selector", "error", "reason"), SELECTORS, ids=lambda value: str(value)[:30])
async def test_everywhere(db, client, selector, error, reason):
    refused = (400, error, reason)
    assert (await db.post("_find", {"selector": selector})).error == refused
    assert (await db.post("_explain", {"selector": selector})).error == refused
    index = {"fields": ["f"], "partial_filter_selector": selector}
    assert (await db.post("_index", {"index": index})).error == refused
    changes = await db.post("_changes?filter=_selector", {"selector": selector})
    assert changes.error == (400, "bad_request", reason), "as in CouchDB, without the word"
    replication = await Database(client, "_replicate").post("", {"source": "db", "target": "x", "selector": selector})
    assert replication.error == refused


async def test_text_is_asked_of_an_index_that_is_not_there(db, client):
    selector = {"$text": "x"}
    refused = (400, "no_usable_index", "There is no index available for this selector.")
    assert (await db.post("_find", {"selector": selector})).error == refused
    reason = "Unsupported operator: $text"
    assert (await db.post("_changes?filter=_selector", {"selector": selector})).error == (400, "bad_request", reason)
    partial = {"index": {"fields": ["f"], "partial_filter_selector": selector}}
    assert (await db.post("_index", partial)).error == (400, "not_supported", reason)


VALUES = st.sampled_from([None, True, 1, -1, 1.5, "", "x", "(", "x(?=y)", [], ["x"], [1, 0], [0, 1], {}])
NAMES = st.sampled_from(
    [
        *("a", "a.b", "a..b", "", ".", "_id", "$where", "$near", "$bad", "$text", "$default"),
        *("$and", "$or", "$nor", "$not", *sorted(OPERATORS)),
    ]
)
SELECTORS_DRAWN = st.dictionaries(
    NAMES,
    st.recursive(VALUES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=2)),
    max_size=3,
)


def words(door: Any, *arguments: Any) -> tuple[str, str] | None:
    """What a door refuses a selector with; None where it lets it in."""
    try:
        door(*arguments)
    except (BadRequest, InvalidReplication) as error:
        return error.error, error.reason
    return None


@given(SELECTORS_DRAWN)
def test_every_door_has_the_same_words(selector):
    told = words(lambda: read_find({"selector": selector}, default_limit=25))
    partial = words(read_definition, {"fields": ["a"], "partial_filter_selector": selector})
    changes = words(compiled_filter, selector, [], 1.0)
    if partial == ("not_supported", "Unsupported operator: $text"):
        assert (told, changes) == (None, ("bad_request", partial[1])), "only _find may ask an index of text"
        return
    assert partial == told
    ends = {"source": "http://host/a", "target": "http://host/b", "selector": selector}
    if told is None or told[1] == "text":
        assert changes == told
        return
    assert changes == ("bad_request", told[1]), "as in CouchDB, without the word"
    assert words(parse_replicate, ends | {"source": "a"}) == told
    if told[0] != "invalid_operator":  # which the other server may know
        assert words(parse_replicate, ends) == words(parse_replication, ends) == told
