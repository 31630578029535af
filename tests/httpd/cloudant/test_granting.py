"""``/_api/v2/db/{db}/_security``, and what Cloudant's roles come to at the routes of a database."""

import asyncio

import pytest

from tests.accounts.conftest import client, guarded  # noqa: F401 (fixtures)

PATH = "/_api/v2/db/shop/_security"


@pytest.fixture
async def shop(client):  # noqa: F811
    assert (await client("PUT", "/shop", "root"))[0] == 201
    for name in ("sue", "ann"):
        body = {"name": name, "type": "user", "roles": [], "password": "pw"}
        assert (await client("PUT", f"/_users/org.couchdb.user:{name}", "root", body=body))[0] == 201
    assert (await client("PUT", "/shop/old", "root", body={"a": 1}))[0] == 201

    async def grant(*roles):
        told = await client("PUT", PATH, "root", body={"cloudant": {"sue": list(roles)}})
        assert told == (200, {"ok": True})

    client.grant = grant
    return client


async def test_the_object_is_that_of_the_database(shop):
    before = (await shop("GET", "/shop/_security", "root"))[1]
    await shop.grant("_reader")
    expected = before | {"cloudant": {"sue": ["_reader"]}}
    assert await shop("GET", "/shop/_security", "root") == (200, expected)
    assert await shop("GET", PATH, "root") == (200, expected)


async def test_refused_and_unknown(shop):
    status, body = await shop("PUT", PATH, "root", body={"cloudant": {"sue": ["_boss"]}})
    assert (status, body["error"]) == (400, "bad_request")
    assert (await shop("GET", PATH, "root"))[1].get("cloudant") is None
    assert (await shop("GET", "/_api/v2/db/none/_security", "root"))[0] == 404
    assert (await shop("PUT", "/_api/v2/db/none/_security", "root", body={"cloudant": {}}))[0] == 404


async def test_a_name_with_a_slash_is_one_segment(shop):
    assert (await shop("PUT", "/a%2Fb", "root"))[0] == 201
    assert (await shop("PUT", "/_api/v2/db/a%2Fb/_security", "root", body={"cloudant": {}}))[0] == 200


async def test_two_who_set_it_at_once_both_count(shop):
    """CouchDB's half is read and written back; a change to it meanwhile must not be lost."""
    halves = [{"admins": {"names": [f"a{number}"]}, "members": {"names": [f"a{number}"]}} for number in range(20)]
    grants = [shop("PUT", PATH, "root", body={"cloudant": {"sue": ["_reader"]}}) for _ in halves]
    puts = [shop("PUT", "/shop/_security", "root", body=half | {"mark": 1}) for half in halves]
    told = await asyncio.gather(*[one for pair in zip(grants, puts, strict=True) for one in pair])
    assert {status for status, _ in told} <= {200, 409}
    assert (await shop("PUT", PATH, "root", body={"cloudant": {"sue": ["_reader"]}}))[0] == 200
    body = (await shop("GET", PATH, "root"))[1]
    assert body["mark"] == 1
    assert body["cloudant"] == {"sue": ["_reader"]}
    assert body["admins"] in [half["admins"] for half in halves]


async def test_who_may_set_the_security_object(shop):
    await shop.grant("_security")
    assert (await shop("GET", "/shop/_security", "sue"))[0] == 200
    assert (await shop("GET", "/shop/old", "sue"))[0] == 403
    told = await shop("PUT", PATH, "sue", body={"cloudant": {"sue": ["_security"], "ann": ["_reader"]}})
    assert told == (200, {"ok": True})
    assert (await shop("GET", "/shop/old", "ann"))[0] == 200
    assert (await shop("PUT", PATH, "ann", body={"cloudant": {}}))[0] == 403


async def test_a_writer_reads_nothing(shop):
    await shop.grant("_writer")
    assert (await shop("PUT", "/shop/new", "sue", body={}))[0] == 201
    for method, path in (("GET", "/shop/new"), ("GET", "/shop/_all_docs"), ("POST", "/shop/_bulk_get")):
        assert (await shop(method, path, "sue"))[0] == 403
    copied = await shop("COPY", "/shop/old", "sue", headers={"Destination": "mine"})
    assert copied[0] == 403


async def test_a_writer_cannot_guess_at_what_stands_in_a_document(shop):
    """An edit that repeats a stored one is answered as applied only to who may know what is stored."""
    lenient = {"Prefer": "handling=lenient"}
    await shop.grant("_writer")
    assert (await shop("PUT", "/shop/old", "sue", body={"a": 1}, headers=lenient))[0] == 409
    told = await shop("PUT", "/shop/old", "sue", body={"a": 1}, headers={"Accept": "application/problem+json"})
    assert told[0] == 409
    assert "current_rev" not in told[1]
    await shop.grant("_writer", "_reader")
    assert (await shop("PUT", "/shop/old", "sue", body={"a": 1}, headers=lenient))[0] == 201


async def test_a_creator_makes_documents_and_changes_none(shop):
    await shop.grant("_creator")
    status, made = await shop("PUT", "/shop/new", "sue", body={"b": 1})
    assert status == 201
    assert (await shop("POST", "/shop", "sue", body={}))[0] == 201
    rev = made["rev"]
    assert (await shop("PUT", "/shop/new", "sue", body={"b": 2}))[0] == 409
    assert (await shop("PUT", "/shop/new", "sue", body={"b": 2, "_rev": rev}))[0] == 403
    assert (await shop("PUT", "/shop/new", "sue", body={"b": 2}, headers={"If-Match": f'"{rev}", "1-x"'}))[0] == 403
    assert (await shop("DELETE", f"/shop/new?rev={rev}", "sue"))[0] == 403
    assert (await shop("PUT", f"/shop/new/file?rev={rev}", "sue"))[0] == 403
    assert (await shop("PUT", "/shop/_local/x", "sue", body={}))[0] == 403
    assert (await shop("POST", "/shop", "sue", body={"_id": "_local/x"}))[0] == 403
    assert (await shop("GET", "/shop/new", "root"))[1]["b"] == 1
    assert (await shop("PUT", "/shop/photo/file", "sue"))[0] == 201


async def test_a_creator_in_bulk(shop):
    await shop.grant("_creator")
    rev = (await shop("GET", "/shop/old", "root"))[1]["_rev"]
    docs = [{"_id": "n"}, {"_id": "old", "_rev": rev}, {"_id": "old"}, {"_id": "m", "_deleted": True}]
    status, rows = await shop("POST", "/shop/_bulk_docs", "sue", body={"docs": docs})
    assert status == 201
    assert [row.get("error") for row in rows] == [None, "forbidden", "conflict", "forbidden"]
    forged = {"docs": [{"_id": "old", "_rev": "2-a", "_revisions": {"start": 2, "ids": ["a", rev[2:]]}}]}
    status, rows = await shop("POST", "/shop/_bulk_docs", "sue", body=forged | {"new_edits": False})
    assert [row["error"] for row in rows] == ["forbidden"]
    keyed = {"Idempotency-Key": '"k"'}
    told = await shop("POST", "/shop/_bulk_docs", "sue", body={"docs": [{"_id": "_local/y"}, {}]}, headers=keyed)
    assert told[0] == 403
    status, rows = await shop("POST", "/shop/_bulk_docs", "sue", body={"docs": docs[:3]}, headers=keyed)
    assert [row.get("error") for row in rows] == ["conflict", "forbidden", "conflict"]
    assert (await shop("GET", "/shop/_all_docs", "root"))[1]["total_rows"] == 2


async def test_a_replicator_reads_and_writes_checkpoints(shop):
    await shop.grant("_replicator")
    for path in ("/shop", "/shop/_changes", "/shop/old", "/shop/_local/none"):
        assert (await shop("GET", path, "sue"))[0] in (200, 404)
    assert (await shop("PUT", "/shop/_local/point", "sue", body={"n": 1}))[0] == 201
    assert (await shop("POST", "/shop/_revs_diff", "sue", body={"old": ["1-a"]}))[0] == 200
    for method, path in (("PUT", "/shop/new"), ("GET", "/shop/_all_docs"), ("POST", "/shop/_find")):
        assert (await shop(method, path, "sue", body={"selector": {}}))[0] == 403


async def test_a_designer_has_the_design_documents_alone(shop):
    await shop.grant("_design")
    status, made = await shop("PUT", "/shop/_design/d", "sue", body={"views": {}})
    assert status == 201
    assert (await shop("GET", "/shop/_design/d", "sue"))[0] == 200
    assert (await shop("PUT", "/shop/_design/d", "sue", body={"_rev": made["rev"]}))[0] == 201
    assert (await shop("POST", "/shop/_index", "sue", body={"index": {"fields": ["a"]}}))[0] == 200
    assert (await shop("GET", "/shop/_index", "sue"))[0] == 200
    assert (await shop("GET", "/shop/old", "sue"))[0] == 403
    # which could name any document
    assert (await shop("POST", "/shop/_design_docs", "sue", body={"keys": ["old"]}))[0] == 403


async def test_nobody_has_roles_of_their_own(shop):
    assert (await shop("PUT", PATH, "root", body={"cloudant": {"nobody": ["_reader"], "sue": ["_writer"]}}))[0] == 200
    assert (await shop("GET", "/shop/old"))[0] == 200
    assert (await shop("GET", "/shop/old", "sue"))[0] == 403
    assert (await shop("PUT", "/shop/x", body={}))[0] == 401
