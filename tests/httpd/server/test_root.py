import re

import pytest

from docstore import __version__


async def get(client, path, status=200, **options):
    async with client.get(path, **options) as response:
        body = await response.json()
        assert response.status == status, body
        return body


@pytest.fixture
async def databases(client):
    for name in ("ab", "b%2Fc", "c", "a_"):
        async with client.put(f"/{name}?q=1") as response:
            assert response.status == 201


async def test_the_welcome(server, client):
    body = await get(client, "/")
    assert list(body) == ["couchdb", "version", "git_sha", "uuid", "features", "vendor"]
    assert body["couchdb"] == "Welcome"
    assert body["vendor"] == {"name": "docstore", "version": __version__}
    assert body["uuid"] == server.node.uuid
    assert re.fullmatch("[0-9a-f]{32}", body["uuid"])


async def test_health(client):
    assert await get(client, "/_up") == {"status": "ok", "seeds": {}}


async def test_uuids(client):
    async with client.get("/_uuids?count=3") as response:
        body = await response.json()
        assert len(set(body["uuids"])) == 3
        assert all(re.fullmatch("[0-9a-f]{32}", uuid) for uuid in body["uuids"])
        assert response.headers["Cache-Control"] == "no-cache"
        assert response.headers["Pragma"] == "no-cache"
        assert response.headers["Expires"] == "Mon, 01 Jan 1990 00:00:00 GMT"
        assert "ETag" in response.headers
    assert len((await get(client, "/_uuids"))["uuids"]) == 1
    assert await get(client, "/_uuids?count=0") == {"uuids": []}
    assert len((await get(client, "/_uuids?count=1000"))["uuids"]) == 1000


@pytest.mark.parametrize(
    ("count", "reason"),
    [
        ("1001", "count parameter too large"),
        ("-1", "count must be a positive integer"),
        ("abc", "count must be a positive integer"),
        ("1_0", "count must be a positive integer"),
        ("%D9%A3", "count must be a positive integer"),
        ("9" * 30, "count parameter too large"),
        ("", "count must be a positive integer"),
    ],
)
async def test_a_count_that_cannot_be(client, count, reason):
    assert await get(client, f"/_uuids?count={count}", 400) == {"error": "bad_request", "reason": reason}


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["a_", "ab", "b/c", "c"]),
        ('?startkey="ab"', ["ab", "b/c", "c"]),
        ('?start_key="ab"&end_key="b"', ["ab"]),
        ('?startkey="ab"&endkey="c"&inclusive_end=false', ["ab", "b/c"]),
        ('?startkey="c"&endkey="ab"&descending=true', ["c", "b/c", "ab"]),
        ("?limit=2&skip=1", ["ab", "b/c"]),
        ('?key="ab"', ["ab"]),
        ('?key="no"', []),
        ('?key="ab"&inclusive_end=false', []),
        ('?key="ab"&endkey="c"', ["ab", "b/c", "c"]),
        ("?skip=" + "9" * 30, []),
        ("?limit=" + "9" * 30, ["a_", "ab", "b/c", "c"]),
        ("?unknown=x", ["a_", "ab", "b/c", "c"]),
    ],
)
@pytest.mark.usefixtures("databases")
async def test_all_dbs(client, query, names):
    assert await get(client, f"/_all_dbs{query}") == names


@pytest.mark.parametrize("path", ["/_all_dbs", "/_dbs_info"])
@pytest.mark.parametrize("query", ["limit=x", "descending=x", "include_docs=x", "skip=" + "9" * 5_000])
async def test_a_range_that_cannot_be(client, path, query):
    assert (await get(client, f"{path}?{query}", 400))["error"] == "query_parse_error"


@pytest.mark.usefixtures("databases")
async def test_a_list_that_has_not_changed(client):
    async with client.get("/_all_dbs") as response:
        etag = response.headers["ETag"]
    async with client.get("/_all_dbs", headers={"If-None-Match": etag}) as response:
        assert (response.status, await response.read(), response.headers["ETag"]) == (304, b"", etag)
    await client.delete("/c")
    async with client.get("/_all_dbs", headers={"If-None-Match": etag}) as response:
        assert response.status == 200


@pytest.mark.usefixtures("databases")
async def test_information_on_many_databases(client):
    assert [row["key"] for row in await get(client, '/_dbs_info?startkey="b"')] == ["b/c", "c"]
    async with client.post("/_dbs_info", json={"keys": ["c", "nope", 5, "c"]}) as response:
        rows = await response.json()
    assert rows[0]["key"] == "c"
    assert rows[0]["info"] == await get(client, "/c")
    assert rows[1:3] == [{"key": "nope", "error": "not_found"}, {"key": 5, "error": "not_found"}]
    assert rows[3] == rows[0]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({}, "`keys` member must exist."),
        ({"keys": "x"}, "`keys` member must be an array."),
        ({"keys": ["x"] * 101}, "too_many_keys"),
        ([], "Request body must be a JSON object"),
    ],
)
async def test_keys_that_cannot_be(client, body, reason):
    async with client.post("/_dbs_info", json=body) as response:
        assert (response.status, (await response.json())["reason"]) == (400, reason)


async def test_what_a_single_node_says_of_its_cluster(server, client):
    body = await get(client, "/_membership")
    assert body["all_nodes"] == body["cluster_nodes"] == [(await get(client, "/_node/_local"))["name"]]
    assert await get(client, "/_cluster_setup") == {"state": "single_node_enabled"}
    assert await get(client, "/_active_tasks") == []


async def test_a_running_task_is_listed(server, client):
    with server.node.active_tasks.running("database_compaction", database="db"):
        (task,) = await get(client, "/_active_tasks")
    assert (task["type"], task["database"]) == ("database_compaction", "db")


async def test_what_is_not_there(client):
    async with client.get("/favicon.ico") as response:
        assert (response.status, await response.text()) == (404, "Not found.")
    assert await get(client, "/_db_updates", 404) == {"error": "not_found", "reason": "Database does not exist."}
    assert await get(client, "/_up/x", 404) == {"error": "not_found", "reason": "missing"}
