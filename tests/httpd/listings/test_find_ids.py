"""``_find`` by id: ids compare by their characters, whatever the collation does."""

import pytest

IDS = ["a", "a\ud7ff", "a\uffff", "a\U0001f600", "a\U0001f600b", "b"]


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ({"$lte": "a\uffff"}, ["a", "a\ud7ff", "a\uffff"]),
        ({"$lt": "a\uffff"}, ["a", "a\ud7ff"]),
        ({"$gt": "a\uffff"}, ["a\U0001f600", "a\U0001f600b", "b"]),
        ({"$beginsWith": "a"}, IDS[:-1]),
        ({"$beginsWith": "a\U0001f600"}, ["a\U0001f600", "a\U0001f600b"]),
        ({"$gt": []}, IDS),
        ({"$lt": []}, []),
    ],
)
async def test_ranges_of_ids(db, selector, expected):
    answer = await db.post("_bulk_docs", {"docs": [{"_id": each} for each in IDS]})
    assert answer.status == 201
    found = await db.post("_find", {"selector": {"_id": selector}})
    assert [doc["_id"] for doc in found.json["docs"]] == sorted(expected, key=str.encode)
    exactly = await db.post("_find", {"selector": {"$and": [{"_id": selector}, {"none": {"$exists": False}}]}})
    assert exactly.json["docs"] == found.json["docs"]
