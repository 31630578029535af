"""The highest number of rows that a query may ask for, and is given."""

import pytest

from tests.httpd.asking import Database

VIEW = {"views": {"v": {"map": "function(doc) { emit(doc._id) }"}}}


async def limited(db, key, word):
    async with db.client.put(f"/_node/_local/_config/query_server_config/{key}", json=word) as reply:
        assert reply.status == 200


@pytest.fixture
async def parted(client):
    db = Database(client, "parted")
    assert (await db.ask("PUT", "?partitioned=true")).status == 201
    await db.post("_bulk_docs", {"docs": [{"_id": f"p:{number}"} for number in range(6)]})
    await db.write("_design/d", VIEW)
    return db


@pytest.mark.parametrize("path", ["_all_docs", "_design/d/_view/v"])
async def test_a_query_is_given_no_more(db, path):
    await db.post("_bulk_docs", {"docs": [{"_id": str(number)} for number in range(6)]})
    await db.write("_design/d", VIEW)
    await limited(db, "query_limit", "4")
    assert len((await db.get(path)).json["rows"]) == 4
    assert len((await db.get(f"{path}?limit=3")).json["rows"]) == 3
    too_large = (400, "query_parse_error", "Limit is too large, must not exceed 4")
    assert (await db.get(f"{path}?limit=5")).error == too_large
    assert (await db.post(path, {"limit": 5})).error == too_large
    assert (await db.post(f"{path}/queries", {"queries": [{"limit": 5}]})).error == too_large
    await limited(db, "query_limit", "infinity")
    assert len((await db.get(f"{path}?limit=5")).json["rows"]) == 5


@pytest.mark.parametrize("path", ["_all_docs", "_design/d/_view/v"])
async def test_a_query_of_a_partition_has_its_own(parted, path):
    await limited(parted, "partition_query_limit", "4")
    path = f"_partition/p/{path}"
    assert len((await parted.get(path)).json["rows"]) == 4
    too_large = (400, "query_parse_error", "Limit is too large, must not exceed 4")
    assert (await parted.get(f"{path}?limit=5")).error == too_large
    assert len((await parted.get("_all_docs?limit=5")).json["rows"]) == 5
