import pytest

from docstore.httpd.server.statistics_names import NUMBERS
from tests.httpd.asking import Database


async def get(client, path, status=200):
    async with client.get(path) as response:
        body = await response.json()
        assert response.status == status, body
        return body


async def test_the_name(client):
    name = (await get(client, "/_node/_local"))["name"]
    assert await get(client, f"/_node/{name}") == {"name": name}


@pytest.mark.parametrize("path", ["", "/_stats", "/_stats/couchdb", "/_system", "/_versions"])
async def test_another_node(client, path):
    body = await get(client, f"/_node/nosuch@127.0.0.1{path}", 404)
    assert body == {"error": "not_found", "reason": "no such node: nosuch@127.0.0.1"}


async def test_no_name(client):
    assert (await get(client, "/_node", 400))["reason"] == "Incomplete path to _node request"


async def test_statistics(client):
    await client.put("/db")
    await get(client, "/nope", 404)
    stats = (await get(client, "/_node/_local/_stats"))["couchdb"]
    assert stats["httpd"]["requests"]["value"] >= 2
    assert stats["httpd_request_methods"]["PUT"]["value"] == 1
    assert stats["httpd_status_codes"]["404"]["value"] == 1
    assert stats["open_databases"] == {"value": 1, "type": "counter", "desc": "number of open databases"}


async def test_a_part_of_the_statistics(client):
    await client.put("/db")
    base = "/_node/_local/_stats/couchdb"
    assert await get(client, f"{base}/open_databases") == (await get(client, base))["open_databases"]
    assert await get(client, f"{base}/open_databases/value") == 1
    assert await get(client, f"{base}/open_databases/value/more") is None
    assert await get(client, f"{base}/nope") is None


async def test_the_process(client):
    body = await get(client, "/_node/_local/_system")
    assert body["uptime"] >= 0
    assert body["memory"]["maximum_resident"] > 1_000_000


async def test_versions(client):
    body = await get(client, "/_node/_local/_versions")
    assert set(body["libraries"]) == {"aiohttp", "lmdb", "msgspec", "uvloop"}


async def test_what_did_not_occur_is_counted_too(client):
    stats = (await get(client, "/_node/_local/_stats"))["couchdb"]
    assert stats["httpd_request_methods"]["COPY"] == {
        "value": 0,
        "type": "counter",
        "desc": "number of HTTP COPY requests",
    }
    assert stats["httpd_status_codes"]["503"]["desc"] == "number of HTTP 503 Service unavailable responses"
    assert stats["httpd_status_codes"]["413"]["value"] == 0


async def test_what_a_monitor_of_couchdb_reads_of_the_process(client):
    body = await get(client, "/_node/_local/_system")
    assert {"uptime", "memory", "run_queue", "process_count", "os_proc_count", "message_queues"} <= body.keys()
    assert {"other", "processes", "binary", "code"} <= body["memory"].keys()
    assert body["message_queues"] == {"couch_file": {}, "couch_db_updater": {}}


async def test_the_engines(client):
    body = await get(client, "/_node/_local/_versions")
    assert body["javascript_engine"]["name"] == "quickjs"
    assert body["collation_driver"]["name"] == "libicu"


@pytest.mark.parametrize(("mode", "told"), [("true", "maintenance_mode"), ("nolb", "nolb")])
async def test_maintenance_mode(client, server, mode, told):
    await server.node.config.set("couchdb", "maintenance_mode", mode)
    assert await get(client, "/_up", 404) == {"status": told}
    await get(client, "/_all_dbs")
    await server.node.config.delete("couchdb", "maintenance_mode")
    assert await get(client, "/_up") == {"status": "ok", "seeds": {}}


def paths_of(value, path=()):
    """Every number below a value, by its path."""
    if isinstance(value.get("type"), str):
        return {path: value}
    return {found: one for name, below in value.items() for found, one in paths_of(below, (*path, name)).items()}


async def test_every_number_of_couchdb_is_there(client):
    found = paths_of(await get(client, "/_node/_local/_stats"))
    for path, kind, description in NUMBERS:
        number = found.pop(path)
        assert (number["type"], number["desc"]) == (kind, description)
        if kind == "histogram":
            assert list(number["value"])[0::12] == ["n", "histogram"], path
            assert len(number["value"]) == 13
        else:
            assert isinstance(number["value"], int)
    assert {path[:2] for path in found if path[0] == "couchdb"} == {
        ("couchdb", "httpd_request_methods"),
        ("couchdb", "httpd_status_codes"),
    }
    assert {path[0] for path in found} == {"couchdb", "docstore"}


async def test_what_is_counted_here(client, server):
    db = await Database(client).create()
    await db.write("a", {})
    for path in ("a", "b", "_design/x", "_design/x/_view/v", "_all_docs"):
        await db.get(path)
    assert (await db.post("_bulk_docs", {"docs": [{}, {}, {"_id": "a"}]})).status == 201
    await db.post("_purge", {})
    found = paths_of(await get(client, "/_node/_local/_stats"))
    counted = {
        "httpd.bulk_requests": 1,
        "httpd.purge_requests": 1,
        "httpd.view_reads": 1,
        "database_reads": 3,
        "document_writes": 3,
        "httpd.requests": 9,
    }
    assert {name: found["couchdb", *name.split(".")]["value"] for name in counted} == counted
    counters = server.node.counters
    assert (counters.bulk_sizes.count, counters.bulk_sizes.total) == (1, 3)
    assert counters.request_times.count == 10
    times = found["couchdb", "request_time"]["value"]
    assert times["min"] <= times["median"] <= times["max"], "of the last seconds, of which all may be over"


async def test_odd_methods_are_counted_together(client, server):
    for method in ("TRACE", "MOVE", "LOCK"):
        async with client.request(method, "/"):
            pass
    stats = (await get(client, "/_node/_local/_stats"))["couchdb"]
    assert stats["httpd_request_methods"]["other"]["value"] == 3
    assert {method for _, method in server.node.counters.requests_by_route} <= {"GET"}


async def test_requests_of_a_partition(client):
    db = Database(client)
    assert (await db.ask("PUT", "?partitioned=true")).status == 201
    await db.get("_partition/p/_all_docs")
    await db.post("_partition/p/_find", {"selector": {}})
    await db.get("_partition/p/_design/x/_view/v")
    httpd = (await get(client, "/_node/_local/_stats"))["couchdb"]["httpd"]
    names = ("all_docs", "find", "view", "explain")
    assert [httpd[f"partition_{name}_requests"]["value"] for name in names] == [1, 1, 1, 0]
