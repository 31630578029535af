"""Paths of CouchDB's that are answered without looking any further."""


async def test_temporary_views(db):
    gone = (410, "gone", "Temporary views are not supported in CouchDB")
    assert (await db.post("_temp_view", {"map": "function(doc) {}"})).error == gone
    async with db.client.post("/none/_temp_view", json={}) as reply:
        assert reply.status == 404
