"""Ways to get more than one may, each of which was one once, or might be."""

import asyncio

import pytest

from docstore.core.document import parse_document

SUE = "/_users/org.couchdb.user:sue"
ANN = "/_users/org.couchdb.user:ann"
MISSING = (404, {"error": "not_found", "reason": "missing"})


async def test_the_copy_of_the_own_document_is_no_local_document(client):
    await client.add_user("sue")
    for target in ("_local/x", "_design/x", "org.couchdb.user:ann", "y"):
        status, answer = await client("COPY", SUE, "sue", headers={"Destination": target})
        assert status in (401, 403, 404), (target, answer)
    assert (await client("GET", "/_users/_local/x", "root"))[0] == 404


async def test_what_is_sent_to_the_document_of_somebody_else_does_not_tell_whether_it_is_there(client):
    """Whatever is wrong with the request besides."""
    await client.add_user("sue")
    await client.add_user("ann")
    body = {"name": "ann", "type": "user", "roles": [], "password": "x"}
    related = {"Content-Type": "multipart/related; boundary=x"}
    for path in (ANN, "/_users/org.couchdb.user:none"):
        assert await client("DELETE", path, "sue") == MISSING
        assert await client("DELETE", f"{path}?rev=1-ff", "sue") == MISSING
        assert await client("DELETE", f"{path}?rev=x", "sue") == MISSING
        assert await client("PUT", path, "sue", body=body) == MISSING
        assert await client("PUT", path, "sue", body=body | {"_rev": "1-ff"}) == MISSING
        assert await client("PUT", path, "sue", body=body, headers={"If-Match": '"1-ff"'}) == MISSING
        assert await client("PUT", path, "sue", headers=related) == MISSING
        assert await client("PUT", f"{path}?batch=ok", "sue", body=body) == MISSING
        problem = {"Accept": "application/problem+json"}
        assert (await client("PUT", path, "sue", body=body, headers=problem))[1]["reason"] == "missing"


async def test_a_reader_writes_nothing_through_an_update_function_by_get(client):
    await client.add_user("sue")
    assert (await client("PUT", "/db", "root"))[0] == 201
    update = "function(doc, req) { return [{_id: 'made-by-' + req.method, v: 1}, 'ok']; }"
    assert (await client("PUT", "/db/_design/a", "root", body={"updates": {"u": update}}))[0] == 201
    security = {"cloudant": {"sue": ["_reader"]}}
    assert (await client("PUT", "/db/_security", "root", body=security))[0] == 200
    assert (await client("GET", "/db/_design/a", "sue"))[0] == 200
    for method in ("GET", "HEAD", "POST", "PUT", "COPY"):
        status, _ = await client(method, "/db/_design/a/_update/u", "sue")
        assert status == 403, method
    assert (await client("GET", "/db", "root"))[1]["doc_count"] == 1


async def test_a_reader_is_no_target_of_the_own_replication(client):
    await client.add_user("sue")
    for name in ("from", "to"):
        assert (await client("PUT", f"/{name}", "root"))[0] == 201
        assert (await client("PUT", f"/{name}/_security", "root", body={"cloudant": {"sue": ["_reader"]}}))[0] == 200
    assert (await client("PUT", "/from/a", "root", body={}))[0] == 201
    status, answer = await client("POST", "/_replicate", "sue", body={"source": "from", "target": "to"})
    assert (await client("GET", "/to", "root"))[1]["doc_count"] == 0, (status, answer)


async def test_a_user_document_makes_no_server_admin(client, guarded):
    """However it came there: by a replication from elsewhere, or from a backup."""
    await client.add_user("sue")
    stored = (await client("GET", SUE, "root"))[1]
    database = guarded.node.registry.open("_users")  # the server itself, whom no rule is asked about
    changed = stored | {"roles": ["_admin", "_metrics", "dev"]}
    await database.update_doc(parse_document(changed, limits=guarded.node.settings.limits))
    assert (await client("GET", "/_session", "sue"))[1]["userCtx"]["roles"] == ["_metrics", "dev"]
    assert (await client("GET", "/_all_dbs", "sue"))[0] == 401


async def test_a_replication_document_names_no_database_of_this_server(client):
    await client.add_user("sue")
    assert (await client("PUT", "/_replicator", "root"))[0] in (201, 412)
    assert (await client("PUT", "/_replicator/_security", "root", body={}))[0] == 200
    for ends in (
        {"source": "_users", "target": "http://127.0.0.1:9/x"},
        {"source": "http://127.0.0.1:9/x", "target": "_users"},
    ):
        status, answer = await client("PUT", "/_replicator/a", "sue", body=ends)
        assert status == 403, answer


REWRITES = """function(req) {
  return {path: '../../../_node/_local/_config/admins/evil', method: 'PUT', body: '"pw"'};
}"""


@pytest.mark.parametrize("method", ["PUT", "DELETE", "POST", "COPY"])
async def test_a_rewrite_function_writes_nothing_beyond_its_database(client, guarded, method):
    """Who may write design documents would else have done what a server admin may who follows a link."""
    await client.add_user("sue")
    assert (await client("PUT", "/db", "root"))[0] == 201
    assert (await client("PUT", "/other", "root"))[0] == 201
    assert (await client("PUT", "/db/_security", "root", body={"admins": {"names": ["sue"]}}))[0] == 200
    text = REWRITES.replace("'PUT'", f"'{method}'")
    assert (await client("PUT", "/db/_design/a", "sue", body={"rewrites": text}))[0] == 201
    status, answer = await client("GET", "/db/_design/a/_rewrite/x", "root")
    assert (status, answer["error"]) == (500, "insecure_rewrite_rule")
    assert guarded.node.config.get("admins", "evil") is None


async def test_guesses_at_the_same_time_are_no_more_than_those_in_turn(client, guarded):
    await client.add_user("sue", "p17")
    guesses = [f"p{number}" for number in range(40)]
    await guarded.node.config.set("chttpd_auth_lockout", "threshold", "3", persist=False)
    answers = await asyncio.gather(*(client("GET", "/_session", "sue", guess) for guess in guesses))
    told = [status for status, _ in answers if status in (200, 401)]
    assert len(told) <= 3, answers
    assert {status for status, _ in answers} <= {200, 401, 403, 503}


async def test_a_deleted_database_of_users_ends_their_sessions(client):
    await client.add_user("sue")
    assert (await client("GET", "/_session", "sue"))[0] == 200
    assert (await client("POST", "/_session", body={"name": "sue", "password": "pw"}))[0] == 200
    cookie = {"Cookie": client.headers["Set-Cookie"].partition(";")[0]}
    assert (await client("GET", "/_session", headers=cookie))[1]["userCtx"]["name"] == "sue"
    assert (await client("DELETE", "/_users", "root"))[0] == 200
    assert (await client("GET", "/_session", headers=cookie))[1]["userCtx"]["name"] is None
    assert (await client("GET", "/_session", "sue"))[0] == 401
    assert (await client("PUT", "/_users", "root"))[0] == 201
    assert (await client("GET", "/_session", headers=cookie))[1]["userCtx"]["name"] is None
    assert (await client("GET", "/_session", "sue"))[0] == 401


@pytest.mark.parametrize("salt", ["\ud800", 5, None, "", "x" * 1000])
async def test_a_user_with_an_odd_salt_breaks_nothing(client, salt):
    rev = await client.add_user("sue")
    stored = (await client("GET", SUE, "sue"))[1]
    assert stored["_rev"] == rev
    status, _ = await client("PUT", SUE, "sue", body=stored | {"salt": salt})
    assert status in (201, 400, 403)
    assert (await client("GET", "/_session", "sue"))[0] in (200, 401)
    assert (await client("POST", "/_session", body={"name": "sue", "password": "pw"}))[0] in (200, 401)
    cookie = {"Cookie": "AuthSession=" + "c3VlOjVGNUY1RjVGOng"}
    assert (await client("GET", "/_session", headers=cookie))[0] == 200


@pytest.mark.parametrize(
    "security",
    [
        None, [], "x", 5, {"members": []}, {"members": {"names": "sue"}}, {"members": {"names": [1]}},
        {"members": {"roles": [None]}}, {"admins": "x"}, {"admins": {"names": {}}}, {"members": "x"},
        {"members": None}, {"admins": None}, {"cloudant": {"sue": "_admin"}}, {"readers": {"names": ["sue"]}},
    ],
)  # fmt: skip
async def test_a_security_object_that_is_none_opens_nothing(client, security):
    await client.add_user("ann")
    assert (await client("PUT", "/db", "root"))[0] == 201
    assert (await client("PUT", "/db/_security", "root", body=security))[0] in (200, 400, 500)
    assert [(await client("GET", "/db", who))[0] for who in ("ann", None)] == [403, 401]
