"""Whole pages that an index settles: documents of every kind come out as a GET shows them."""

import pytest

from tests.httpd.listings.test_find import find, index

KINDS = [
    {"_id": "plain", "n": 1, "s": "x"},
    {"_id": 'with "quotes" \\ and ü', "n": 2},
    {"_id": "l" * 500, "n": 3},
    {"_id": "attached", "n": 4, "_attachments": {"a.txt": {"content_type": "text/plain", "data": "aGFsbG8="}}},
    {"_id": "last", "n": 5, "o": {"p": [1, None]}},
]
ODD = {"_id": "odd", "n": 6, "_rev": "1-not-hex", "_revisions": {"start": 1, "ids": ["not-hex"]}}


@pytest.fixture
async def kinds(db):
    await index(db, ["n"])
    await db.post("_bulk_docs", {"docs": KINDS})
    await db.post("_bulk_docs", {"docs": [ODD], "new_edits": False})
    return db


@pytest.mark.parametrize("skip", [0, 1])
@pytest.mark.parametrize("limit", [1, 2, 6, 50])
@pytest.mark.parametrize("direction", ["asc", "desc"])
async def test_as_a_get_shows_them(kinds, direction, limit, skip):
    listed = (await kinds.get("_all_docs?include_docs=true&attachments=false")).json["rows"]
    everything = sorted((row["doc"] for row in listed if "n" in row["doc"]), key=lambda doc: doc["n"])
    assert len(everything) == 6
    for least in range(8):
        expected = [doc for doc in everything if doc["n"] >= least]
        expected = expected[::-1] if direction == "desc" else expected
        found = await find(
            kinds, {"n": {"$gte": least}}, sort=[{"n": direction}], limit=limit, skip=skip, use_index="i"
        )
        assert found["docs"] == expected[skip : skip + limit]


async def test_what_changed_behind_the_index_is_looked_at(kinds):
    """Rows that are not up to date settle nothing: of what they find that alone is shown which matches now."""
    await find(kinds, {"n": {"$gte": 0}})
    for change in ({"n": -1}, {"_deleted": True}):
        now = (await kinds.get("plain")).json
        assert (await kinds.put("plain", now | change)).status in (200, 201)
        late = await find(kinds, {"n": 1}, update=False)
        assert late["docs"] == []


async def test_counts_are_those_of_a_closer_look(kinds):
    """``execution_stats`` count one way, the warning of a wide search another; neither is told too little."""
    stats = (await find(kinds, {"n": {"$gte": 2}}, limit=3, execution_stats=True))["execution_stats"]
    assert (stats["total_docs_examined"], stats["results_returned"]) == (4, 3)
    assert "warning" not in await find(kinds, {"n": {"$gte": 2}}, limit=3)
