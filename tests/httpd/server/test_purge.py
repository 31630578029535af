"""``_purge`` and ``_purged_infos``."""

import pytest


async def test_purge(db):
    first = await db.write("a", {"n": 1})
    second = await db.write("a", {"n": 2, "_rev": first})
    answer = await db.post("_purge", {"a": [first]})
    assert answer.status == 201
    assert answer.body == b'{"purge_seq":null,"purged":{"a":[]}}\n'
    answer = await db.post("_purge", {"a": [second], "none": ["1-abc"]})
    assert answer.json == {"purge_seq": None, "purged": {"a": [second], "none": []}}
    assert (await db.get("a")).error == (404, "not_found", "missing")
    assert (await db.get(f"a?rev={first}")).status == 404
    assert (await db.get("_changes")).json["results"] == []


async def test_purge_of_one_leaf(db):
    await db.replicate({"_id": "t", "_rev": "1-a"}, {"_id": "t", "_rev": "1-b"})
    assert (await db.post("_purge", {"t": ["1-b"]})).json["purged"] == {"t": ["1-b"]}
    assert (await db.get("t?conflicts=true")).json == {"_id": "t", "_rev": "1-a"}


async def test_infos(db):
    assert (await db.get("_purged_infos")).json == {"purged_infos": []}
    rev = await db.write("a", {})
    await db.post("_purge", {"a": [rev]})
    assert (await db.get("_purged_infos")).json == {"purged_infos": [{"id": "a", "revs": [rev]}]}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{", "invalid UTF-8 JSON"),
        ([], "Request body must be a JSON object"),
        ({"a": "x"}, "Invalid list of revisions"),
        ({"a": ["bad"]}, "Invalid rev format"),
        ({f"d{number}": [] for number in range(101)}, "Exceeded maximum number of documents."),
        ({"a": ["1-a"] * 1_001}, "Exceeded maximum number of revisions."),
    ],
)
async def test_refused(db, body, reason):
    assert (await db.post("_purge", body)).error == (400, "bad_request", reason)


async def test_nothing(db):
    assert (await db.post("_purge", {})).json == {"purge_seq": None, "purged": {}}
    assert (await db.post("_purge", {"a": []})).json["purged"] == {"a": []}


async def test_content_type(db):
    answer = await db.post("_purge", {}, Content_Type="text/plain")
    assert answer.error == (415, "bad_content_type", "Content-Type must be application/json")


async def test_each_revision_is_told_once_and_they_are_sorted(db):
    await db.replicate({"_id": "t", "_rev": "1-a"}, {"_id": "t", "_rev": "1-b"})
    assert (await db.post("_purge", {"t": ["1-b", "1-a", "1-b"]})).json["purged"] == {"t": ["1-a", "1-b"]}
    assert (await db.get("_purged_infos")).json == {"purged_infos": [{"id": "t", "revs": ["1-a", "1-b"]}]}
