"""A selector that is refused is refused in the same words wherever it stands."""

import pytest

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
    refused = (503, "required index service unavailable", "text")
    assert (await db.post("_find", {"selector": selector})).error == refused
    assert (await db.post("_explain", {"selector": selector})).error == refused
    assert (await db.post("_changes?filter=_selector", {"selector": selector})).error == refused
