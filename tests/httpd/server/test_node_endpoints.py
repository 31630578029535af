import pytest


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
    assert stats["httpd_status_codes"]["503"]["desc"] == "number of HTTP 503 Service Unavailable responses"
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
