"""``_local`` documents."""


async def test_write_and_read(db):
    written = await db.put("_local/x", {"a": 1})
    assert (written.status, written.json) == (201, {"ok": True, "id": "_local/x", "rev": "0-1"})
    assert written.headers["Location"].endswith("/db/_local%2Fx")
    read = await db.get("_local/x")
    assert read.body == b'{"_id":"_local/x","_rev":"0-1","a":1}\n'
    assert read.headers["ETag"] == written.headers["ETag"]
    assert (await db.get("_local/x", If_None_Match=read.headers["ETag"])).status == 304
    assert (await db.ask("HEAD", "/_local/x")).headers["ETag"] == read.headers["ETag"]


async def test_no_conflicts(db):
    await db.put("_local/x", {"a": 1})
    assert (await db.put("_local/x", {"a": 2})).json["rev"] == "0-1"
    assert (await db.put("_local/x", {"a": 3, "_rev": "0-1"})).json["rev"] == "0-2"
    assert (await db.put("_local/x", {"a": 4, "_rev": "0-1"})).json["rev"] == "0-2"
    assert (await db.put("_local/x?rev=0-5", {"a": 5})).json["rev"] == "0-6"
    assert (await db.get("_local/x")).json["a"] == 5


async def test_same_revision_other_etag(db):
    first = await db.put("_local/x", {"a": 1})
    second = await db.put("_local/x", {"a": 2})
    assert first.json["rev"] == second.json["rev"]
    assert first.headers["ETag"] != second.headers["ETag"]


async def test_revisions_of_other_documents(db):
    assert (await db.put("_local/x", {"_rev": "5-abc"})).error == (500, "error", "Invalid rev format")
    assert (await db.put("_local/x", {"_rev": "bad"})).error == (400, "bad_request", "Invalid rev format")
    assert (await db.get("_local/x")).status == 404


async def test_there_is_nothing_but_the_document(db):
    await db.put("_local/x", {"a": 1})
    assert (await db.get("_local/x?rev=0-1")).error == (404, "not_found", "missing")
    assert (await db.get("_local/x?rev=0-1&latest=true")).json["a"] == 1
    plain = {"_id": "_local/x", "_rev": "0-1", "a": 1}
    assert (await db.get("_local/x?revs_info=true&conflicts=true&meta=true")).json == plain
    assert (await db.get('_local/x?open_revs=["0-1"]')).json == [{"missing": "0-1"}]
    assert (await db.get("_local/x?open_revs=all")).error == (404, "not_found", "missing")


async def test_delete(db):
    await db.put("_local/x", {"a": 1})
    deleted = await db.delete("_local/x")
    assert (deleted.status, deleted.json) == (200, {"ok": True, "id": "_local/x", "rev": "0-0"})
    assert "ETag" in deleted.headers
    assert "Location" not in deleted.headers
    assert (await db.get("_local/x")).error == (404, "not_found", "missing")
    assert (await db.delete("_local/x?rev=foo")).error == (404, "not_found", "missing")
    await db.put("_local/x", {"a": 1})
    assert (await db.delete("_local/x?rev=foo")).error == (400, "bad_request", "Invalid rev format")
    assert (await db.delete("_local/x?rev=0-9")).status == 200


async def test_deleting_put(db):
    await db.put("_local/x", {"a": 1})
    answer = await db.put("_local/x", {"_deleted": True})
    assert (answer.status, answer.json["rev"]) == (200, "0-0")
    assert (await db.get("_local/x")).status == 404


async def test_batch(db):
    assert (await db.put("_local/x?batch=ok", {"a": 1})).status == 202
    await db.write("after", {})
    assert (await db.get("_local/x")).json["a"] == 1


async def test_not_among_the_documents(db):
    await db.put("_local/x", {})
    assert (await db.get("_all_docs")).json["total_rows"] == 0
    assert (await db.get("_changes")).json["results"] == []


async def test_slashes(db):
    assert (await db.put("_local/a%2Fb", {})).json["id"] == "_local/a/b"
    assert (await db.get("_local%2Fa%2Fb")).status == 200


async def test_no_id(db):
    for path in ("_local", "_local/", "_local%2F"):
        assert (await db.put(path, {})).error == (400, "bad_request", "Invalid _local document id.")
