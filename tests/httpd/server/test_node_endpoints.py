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
