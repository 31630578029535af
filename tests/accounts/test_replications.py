"""What a replication may reach: what its user may, and no more."""

import pytest

MEMBERS = {"members": {"names": ["sue"]}}


@pytest.fixture
async def databases(client):
    """``mine`` is sue's too; ``secret`` is not."""
    await client.add_user("sue")
    await client.add_user("ann")
    for name in ("mine", "secret", "other"):
        assert (await client("PUT", f"/{name}", "root"))[0] == 201
        assert (await client("PUT", f"/{name}/a", "root", body={"from": name}))[0] == 201
    for name in ("mine", "other"):
        assert (await client("PUT", f"/{name}/_security", "root", body=MEMBERS))[0] == 200


async def replicate(client, source, target, who="sue", **options):
    return await client("POST", "/_replicate", who, body={"source": source, "target": target, **options})


async def test_a_user_replicates_between_databases_that_are_the_users(client, databases):
    status, answer = await replicate(client, "mine", "other")
    assert (status, answer["ok"]) == (200, True)


@pytest.mark.parametrize(
    ("source", "target"), [("secret", "mine"), ("mine", "secret"), ("_users", "mine"), ("mine", "_users")]
)
async def test_nothing_else_is_reached(client, databases, source, target):
    for who in ("sue", "ann"):
        status, answer = await replicate(client, source, target, who)
        assert status in (401, 403), answer
    assert (await client("GET", "/mine", "root"))[1]["doc_count"] == 1


async def test_no_database_is_made(client, databases):
    assert (await replicate(client, "mine", "new", create_target=True))[0] == 401
    assert (await client("GET", "/new", "root"))[0] == 404
    assert (await replicate(client, "mine", "new", "root", create_target=True))[0] == 200


async def test_design_documents_are_left_to_admins(client, databases):
    assert (await client("PUT", "/mine/_design/a", "root", body={"views": {}}))[0] == 201
    status, answer = await replicate(client, "mine", "other")
    assert status == 200
    assert answer["history"][0]["doc_write_failures"] == 1
    assert (await client("GET", "/other/_design/a", "root"))[0] == 404


async def test_only_who_began_a_replication_ends_it(client, databases):
    status, begun = await replicate(client, "mine", "other", continuous=True)
    assert status == 202
    refused = (401, {"error": "unauthorized", "reason": "You are not a server admin."})
    stop = {"cancel": True, "replication_id": begun["_local_id"]}
    assert await client("POST", "/_replicate", "ann", body=stop) == refused
    assert (await client("POST", "/_replicate", "sue", body=stop))[0] == 200


async def test_credentials_are_shown_to_their_owner_alone(client, databases):
    assert (await client("PUT", "/_replicator", "root"))[0] in (201, 412)
    await client("PUT", "/_replicator/_security", "root", body={})
    document = {
        "source": "http://me:secret@127.0.0.1:9/a",
        "target": {"url": "http://me:secret@127.0.0.1:9/b", "headers": {"X": "secret"}, "auth": {"basic": "secret"}},
        "continuous": True,
    }
    status, written = await client("PUT", "/_replicator/d", "sue", body=document)
    assert status == 201
    shown = (await client("GET", "/_replicator/d", "ann"))[1]
    assert "secret" not in str(shown)
    assert (shown["source"], shown["target"], shown["owner"]) == (
        "http://127.0.0.1:9/a/",
        {"url": "http://127.0.0.1:9/b/"},
        "sue",
    )
    assert "_rev" not in shown
    assert (await client("GET", "/_replicator/d?open_revs=all", "ann"))[1] == shown
    assert (await client("GET", "/_replicator/d", "sue"))[1]["source"] == document["source"]
    assert (await client("PUT", "/_replicator/d", "ann", body=document | {"_rev": written["rev"]}))[0] == 403
    assert (await client("DELETE", f"/_replicator/d?rev={written['rev']}", "ann"))[0] == 403
    assert (await client("COPY", "/_replicator/d", "ann", headers={"Destination": "e"}))[0] == 404
    assert (await client("DELETE", f"/_replicator/d?rev={written['rev']}", "sue"))[0] == 200
    elsewhere = {"docs": [document | {"_id": "x", "_rev": "1-ff", "owner": "root"}], "new_edits": False}
    assert (await client("POST", "/_replicator/_bulk_docs", "sue", body=elsewhere))[0] == 403


@pytest.mark.parametrize(
    ("source", "target", "allowed"),
    [
        (["_reader", "_replicator"], ["_reader", "_writer"], True),
        (["_replicator"], ["_replicator", "_writer"], True),
        (["_reader"], ["_reader", "_writer"], False),  # it cannot write its checkpoint, when all is done
        (["_writer"], ["_reader", "_writer"], False),
        (["_reader", "_replicator"], ["_writer"], False),
        (["_reader", "_replicator"], ["_reader"], False),
    ],
)
async def test_cloudants_roles(client, databases, source, target, allowed):
    for name, roles in (("mine", source), ("other", target)):
        body = {"cloudant": {"sue": roles}, "members": {}}
        assert (await client("PUT", f"/_api/v2/db/{name}/_security", "root", body=body))[0] == 200
    assert (await client("PUT", "/mine/b", "root", body={}))[0] == 201
    status, answer = await replicate(client, "mine", "other")
    assert (status == 200) is allowed, answer
    arrived = (await client("GET", "/other/b", "root"))[0] == 200
    assert arrived is (allowed or source == ["_reader"])
