"""What functions of design documents are told of the user, and that they give nobody more rights."""

import json

import pytest

RULE = """function (doc, before, userCtx, secObj) {
    if (doc.tell) throw({forbidden: JSON.stringify([userCtx, secObj])});
}"""
UPDATE = """function (doc, req) {
    return [JSON.parse(req.query.doc), JSON.stringify(req.userCtx)];
}"""
SHOW = "function (doc, req) { return JSON.stringify([req.userCtx, req.secObj]); }"
SECURITY = {"members": {"names": ["sue"], "roles": []}, "admins": {"names": ["dora"], "roles": []}}


@pytest.fixture
async def designed(client):
    await client.add_user("sue", roles=["dev"])
    await client.add_user("dora")
    assert (await client("PUT", "/db", "root"))[0] == 201
    assert (await client("PUT", "/db/_security", "root", body=SECURITY))[0] == 200
    design = {"validate_doc_update": RULE, "updates": {"u": UPDATE}, "shows": {"s": SHOW}}
    assert (await client("PUT", "/db/_design/d", "dora", body=design))[0] == 201


@pytest.mark.parametrize(("name", "roles"), [("sue", ["dev"]), ("dora", []), ("root", ["_admin"])])
async def test_who_writes(client, designed, name, roles):
    told = [{"db": "db", "name": name, "roles": roles}, SECURITY]
    for method, path, body in [("PUT", "/db/a", {"tell": 1}), ("POST", "/db", {"tell": 1})]:
        status, answer = await client(method, path, name, body=body)
        assert (status, json.loads(answer["reason"])) == (403, told)
    rows = (await client("POST", "/db/_bulk_docs", name, body={"docs": [{"_id": "a", "tell": 1}]}))[1]
    assert json.loads(rows[0]["reason"]) == told
    assert (await client("GET", "/db/_design/d/_show/s", name))[1] == told


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_an_update_function_writes_by_its_users_rights(client, designed, method):
    async def update(name, document):
        return await client(method, f"/db/_design/d/_update/u?doc={json.dumps(document)}", name)

    assert await update("sue", {"_id": "a"}) == (201, {"db": "db", "name": "sue", "roles": ["dev"]})
    refused = await update("sue", {"_id": "_design/mine", "views": {}})
    assert refused == (403, {"error": "forbidden", "reason": "You are not a db or server admin."})
    assert (await update("sue", {"_id": "b", "tell": 1}))[0] == 403
    assert (await client("GET", "/db/_design/mine", "root"))[0] == 404
    assert (await update("dora", {"_id": "_design/mine", "views": {}}))[0] == 201


async def test_no_other_way_leads_to_a_design_document(client, designed):
    rev = (await client("GET", "/db/_design/d", "root"))[1]["_rev"]
    assert (await client("PUT", "/db/_design/e", "sue", body={}))[0] == 403
    assert (await client("POST", "/db", "sue", body={"_id": "_design/e"}))[0] == 403
    assert (await client("DELETE", f"/db/_design/d?rev={rev}", "sue"))[0] == 403
    assert (await client("PUT", f"/db/_design/d/file?rev={rev}", "sue", body={}))[0] == 403
    assert (await client("PUT", "/db/a", "sue", body={}))[0] == 201
    assert (await client("COPY", "/db/a", "sue", headers={"Destination": "_design/e"}))[0] == 403
    for new_edits in (True, False):
        docs = [{"_id": "_design/e", "_rev": "1-ff"} if not new_edits else {"_id": "_design/e"}]
        status, rows = await client("POST", "/db/_bulk_docs", "sue", body={"docs": docs, "new_edits": new_edits})
        assert status == 201
        assert [row["error"] for row in rows] == ["forbidden"]
    assert (await client("POST", "/db/_index", "sue", body={"index": {"fields": ["a"]}}))[0] == 403
    assert (await client("GET", "/db/_design_docs", "root"))[1]["total_rows"] == 1
    assert (await client("POST", "/db/_find", "sue", body={"selector": {}}))[0] == 200
