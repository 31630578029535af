import asyncio

import pytest

JSON = {"Content-Type": "application/json"}
OK = {"ok": True}


@pytest.fixture
async def database(client):
    async with client.put("/db") as response:
        assert response.status == 201


async def post(client, path, headers=JSON, data=b"{}"):
    async with client.post(path, headers=headers, data=data) as response:
        return response.status, await response.json()


@pytest.mark.usefixtures("database")
async def test_compaction_runs_in_the_background(server, client):
    async with client.put("/db/doc", data=b'{"n":1}') as response:
        rev = (await response.json())["rev"]
    await client.put(f"/db/doc?rev={rev}", data=b'{"n":2}')
    assert await post(client, "/db/_compact") == (202, OK)
    database = server.node.registry.open("db")
    async with asyncio.timeout(5):
        while True:
            async with client.get(f"/db/doc?rev={rev}") as response:
                if response.status == 404 and not database.info().compact_running:
                    break
    async with client.get("/db/doc") as response:
        assert (await response.json())["n"] == 2


@pytest.mark.parametrize("path", ["/db/_compact", "/db/_compact/dd", "/db/_ensure_full_commit"])
@pytest.mark.usefixtures("database")
async def test_json_is_required(client, path):
    for headers in ({"Content-Type": "text/plain"}, {}):
        status, body = await post(client, path, headers, b"x")
        assert (status, body["error"]) == (415, "bad_content_type")


@pytest.mark.usefixtures("database")
async def test_compaction_of_a_design_document(client):
    assert await post(client, "/db/_compact/dd") == (404, {"error": "not_found", "reason": "missing"})
    await client.put("/db/_design/dd", data=b"{}")
    assert await post(client, "/db/_compact/dd") == (202, OK)


@pytest.mark.usefixtures("database")
async def test_view_cleanup(client):
    assert await post(client, "/db/_view_cleanup", {"Content-Type": "text/plain"}) == (202, OK)


@pytest.mark.usefixtures("database")
async def test_a_commit_is_always_full(client):
    async with client.get("/db") as response:
        started = (await response.json())["instance_start_time"]
    assert await post(client, "/db/_ensure_full_commit") == (201, {"ok": True, "instance_start_time": started})


@pytest.mark.parametrize("path", ["_compact", "_compact/dd", "_view_cleanup", "_ensure_full_commit"])
async def test_no_such_database(client, path):
    assert await post(client, f"/nope/{path}") == (404, {"error": "not_found", "reason": "Database does not exist."})
