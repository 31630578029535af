"""Query parameters that come more than once: which of them counts, as in CouchDB (docs/api.md has the list)."""

import json

OTHER = "2-00000000000000000000000000000000"


async def test_rev_is_the_last_in_a_read_and_the_first_in_a_write(db):
    rev = await db.write("a", {"v": 1})
    assert (await db.get(f"a?rev={OTHER}&rev={rev}")).status == 200
    assert (await db.get(f"a?rev={rev}&rev={OTHER}")).status == 404
    assert (await db.put(f"a?rev={OTHER}&rev={rev}", {})).status == 409
    assert (await db.delete(f"a?rev={OTHER}&rev={rev}")).status == 409
    assert (await db.ask("COPY", f"/a?rev={OTHER}&rev={rev}", Destination="b")).status == 404
    answer = await db.put(f"a/t?rev={OTHER}&rev={rev}", b"x", Content_Type="text/plain")
    assert answer.status == 409
    rev = (await db.put(f"a/t?rev={rev}&rev={OTHER}", b"x", Content_Type="text/plain")).json["rev"]
    assert (await db.get(f"a/t?rev={OTHER}&rev={rev}")).body == b"x"
    assert (await db.delete(f"a/t?rev={OTHER}&rev={rev}")).status == 409
    rev = (await db.delete(f"a/t?rev={rev}&rev={OTHER}")).json["rev"]
    rev = (await db.put(f"a?rev={rev}&rev={OTHER}", {"v": 2})).json["rev"]
    assert (await db.ask("COPY", f"/a?rev={rev}&rev={OTHER}", Destination="b")).status == 201
    assert (await db.delete(f"a?rev={rev}&rev=x")).status == 400
    assert (await db.delete(f"a?rev={rev}&rev={OTHER}")).status == 200


async def test_other_parameters_of_a_document(db):
    await db.write("a", {})
    assert "_revisions" in (await db.get("a?revs=true&revs=false")).json
    missing = json.dumps([OTHER])
    assert [row for row in (await db.get(f"a?open_revs=all&open_revs={missing}")).json if "missing" in row]
    assert (await db.put("b?new_edits=false&new_edits=true", {"_rev": "1-abc"})).status == 409
    assert (await db.put("c?new_edits=true&new_edits=false", {"_rev": "1-abc"})).json["rev"] == "1-abc"
    assert (await db.put("d?batch=ok&batch=no", {})).status == 202
    assert (await db.put("e?batch=no&batch=ok", {})).status == 201


async def test_the_first_counts_where_a_parameter_is_read_alone(db, client):
    async def asked(path):
        async with client.get(path) as reply:
            return reply.status, await reply.json()

    assert len((await asked("/_uuids?count=1&count=3"))[1]["uuids"]) == 1
    assert (await asked("/_scheduler/jobs?limit=0&limit=x"))[0] == 200
    assert (await asked("/_scheduler/jobs?limit=x&limit=0"))[0] == 400
    for name in ("a", "b"):
        await db.write(name, {})
    answer = await db.get('_changes?filter=_doc_ids&doc_ids=["a"]&doc_ids=["b"]')
    assert [row["id"] for row in answer.json["results"]] == ["a"]


async def test_the_last_counts_in_listings_and_changes(db):
    for name in ("a", "b", "c"):
        await db.write(name, {})
    assert len((await db.get("_all_docs?limit=1&limit=2")).json["rows"]) == 2
    assert [row["id"] for row in (await db.get('_all_docs?key="a"&key="b"')).json["rows"]] == ["b"]
    assert [row["key"] for row in (await db.get('_all_docs?keys=["a","b"]&keys=["b","c"]')).json["rows"]] == ["b", "c"]
    assert (await db.get('_all_docs?keys=["a","b"]&keys=1')).status == 400
    assert (await db.get('_all_docs?keys=1&keys=["a","b"]')).status == 400
    assert (await db.get('_all_docs?startkey="c"&start_key="b"&limit=1')).json["rows"][0]["id"] == "b"
    assert len((await db.get("_changes?limit=1&limit=2")).json["results"]) == 2
    assert (await db.get("_changes?feed=longpoll&feed=normal&since=now")).json["results"] == []
