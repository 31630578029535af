"""``_shards``: the ranges that ``q`` stands for, on one node."""


async def test_ranges_and_their_node(client):
    await client.put("/films?q=4")
    node = (await (await client.get("/_membership")).json())["all_nodes"]
    body = await (await client.get("/films/_shards")).json()
    assert body["shards"] == dict.fromkeys(
        ["00000000-3fffffff", "40000000-7fffffff", "80000000-bfffffff", "c0000000-ffffffff"], node
    )
    assert await (await client.get("/films/_shards/abc")).json() == {"range": "00000000-3fffffff", "nodes": node}


async def test_as_many_as_somebody_asked_for(client):
    await client.put("/films?q=2500")
    body = await (await client.get("/films/_shards")).json()
    assert len(body["shards"]) == 2500


async def test_what_is_refused(client):
    assert (await client.get("/films/_shards")).status == 404
    await client.put("/films?partitioned=true")
    refused = await client.get("/films/_shards/abc")
    assert (refused.status, (await refused.json())["error"]) == (400, "illegal_docid")
    refused = await client.post("/films/_shards", json={})
    assert (refused.status, refused.headers["Allow"]) == (405, "GET")


async def test_there_is_nothing_to_bring_together(client):
    await client.put("/films")
    answer = await client.post("/films/_sync_shards", json={})
    assert (answer.status, await answer.json()) == (202, {"ok": True})
