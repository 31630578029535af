"""Ways to get more than one may, each of which was one once, or might be."""

import asyncio
import base64
import hashlib
import hmac
from urllib.parse import quote

import aiohttp
import pytest

from docstore.core.document import parse_document
from docstore.testing import run_node

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


PROXY_FIRST = "{chttpd_auth, proxy_authentication_handler}, {chttpd_auth, default_authentication_handler}"


@pytest.mark.parametrize("salt", ["", "\0", "\0\0\0"])
async def test_a_session_is_no_token_of_a_proxy(client, guarded, salt):
    """Both are signed with the server's secret, and users choose what is behind it in the key of their sessions."""
    for section, key, word in (
        ("chttpd", "authentication_handlers", PROXY_FIRST),
        ("chttpd_auth", "proxy_use_secret", "true"),
        ("chttpd_auth", "secret", "s3cret"),
    ):  # fmt: skip
        await guarded.node.config.set(section, key, word, persist=False)
    kept = {"name": "sue", "type": "user", "roles": [], "password_scheme": "pbkdf2", "iterations": 1, "salt": salt}
    derived = hashlib.pbkdf2_hmac("sha1", b"pw", salt.encode(), 1).hex()
    assert (await client("PUT", SUE, body=kept | {"derived_key": derived}))[0] == 201
    status, _ = await client("POST", "/_session", body={"name": "sue", "password": "pw"})
    assert status == 200
    value = client.headers["Set-Cookie"].partition(";")[0].partition("=")[2]
    name, begun, signature = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)).split(b":", 2)
    told = {
        "X-Auth-CouchDB-UserName": f"{name.decode()}:{begun.decode()}",
        "X-Auth-CouchDB-Roles": "_admin",
        "X-Auth-CouchDB-Token": signature.hex(),
    }
    assert (await client("GET", "/_session", headers=told))[1]["userCtx"] == {"name": None, "roles": []}
    told["X-Auth-CouchDB-Token"] = hmac.new(b"s3cret", f"sue:{begun.decode()}".encode(), "sha256").hexdigest()
    assert (await client("GET", "/_session", headers=told))[1]["userCtx"]["roles"] == ["_admin"]  # a token would do it


async def test_how_soon_an_answer_comes_tells_no_password_of_who_has_one_time_passwords(client, guarded):
    await client.add_user("sue", totp={"key": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"})
    assert (await client("GET", "/_session", "root"))[0] == 200
    remembered = len(guarded.node.accounts.logins._right)
    assert (await client("POST", "/_session", body={"name": "sue", "password": "pw", "token": "000000"}))[0] == 401
    assert (await client("GET", "/_session", "sue"))[0] == 401
    assert len(guarded.node.accounts.logins._right) == remembered == 1


async def test_basic_credentials_of_who_has_one_time_passwords_are_guesses_like_any_other(client):
    await client.add_user("sue", totp={"key": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"})
    answers = [(await client("GET", "/_session", "sue", f"pw{number}"))[0] for number in range(6)]
    assert answers == [401] * 5 + [403]


async def test_what_a_function_calls_json_is_no_page_of_this_server(client):
    assert (await client("PUT", "/db", "root"))[0] == 201
    kinds = ["text/html", "TEXT/HTML", "application/json, text/html", "image/svg+xml", "application/json"]
    show = "function(doc, req) { return {json: '<script>alert(1)</script>', headers: {'Content-Type': req.query.t}}; }"
    assert (await client("PUT", "/db/_design/a", "root", body={"shows": {"s": show}}))[0] == 201
    for kind in kinds:
        status, _ = await client("GET", f"/db/_design/a/_show/s?t={quote(kind)}", "root")
        assert status == 200
        assert client.headers.get("Content-Security-Policy") == (None if kind == "application/json" else "sandbox")


async def test_without_admins_a_proxy_lets_nobody_in_from_elsewhere(tmp_path):
    """Many proxies ask by the name ``localhost``, and from this machine."""
    async with run_node(data=tmp_path / "data") as server, aiohttp.ClientSession(server.url) as session:
        for address, status in [("203.0.113.9", 403), ("127.0.0.1", 200), ("::ffff:127.0.0.1", 200)]:
            async with session.get("/_all_dbs", headers={"X-Forwarded-For": address}) as answer:
                assert answer.status == status, address


async def test_nobody_guesses_at_what_stands_in_the_document_of_somebody(client):
    """An edit that is applied already is told of leniently, to those who may read what it made."""
    document = {"name": "sue", "type": "user", "roles": [], "age": 5}
    assert (await client("PUT", SUE, body=document))[0] == 201
    lenient = {"Prefer": "handling=lenient"}
    for age in (4, 5):
        assert (await client("PUT", SUE, body=document | {"age": age}, headers=lenient))[0] == 409
        rows = {"docs": [document | {"_id": "org.couchdb.user:sue", "age": age}]}
        answer = await client("POST", "/_users/_bulk_docs", body=rows, headers=lenient)
        assert [row.get("error") for row in answer[1]] == ["conflict"]
    assert (await client("PUT", SUE, "root", body=document, headers=lenient))[0] == 201
