"""What Cloudant does before a handler and after it."""

import asyncio

import aiohttp
import pytest

from docstore.httpd.cloudant.front import iam_cookie
from docstore.settings import Profile
from docstore.testing import run_node
from tests.httpd.cloudant.conftest import Account, basic

REV = "1-967a00dff5e02add41819138abb3284d"


async def test_legacy_logins(account):
    assert (await account("PUT", "/db", basic()))[0] == 201
    assert (await account("GET", "/_all_dbs", basic("root", "wrong")))[0] == 401
    async with account.session.post("/_session", json={"username": "root", "password": "secret"}) as response:
        assert response.status == 200
        cookie = {"Cookie": response.headers["Set-Cookie"].partition(";")[0]}
    assert (await account("GET", "/_session", cookie))[1]["info"]["authenticated"] == "cookie"


async def test_nobody_is_no_admin_where_there_is_none_either(tmp_path):

    async with (
        run_node(data=tmp_path / "d", profile=Profile.CLOUDANT) as server,
        aiohttp.ClientSession(server.url) as session,
    ):
        account = Account(server, session)
        assert (await account("PUT", "/db"))[0] == 401
        assert (await account("POST", "/_session", body={"name": "x", "password": "y"}))[0] == 401
        assert (await account("GET", "/"))[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "roles"),
    [
        ("GET", "/db/a", None, {"Manager", "Writer", "Reader"}),
        ("GET", "/db/_all_docs", None, {"Manager", "Writer", "Reader"}),
        ("POST", "/db/_find", {"selector": {}}, {"Manager", "Writer", "Reader"}),
        ("POST", "/db", {}, {"Manager", "Writer"}),
        ("POST", "/db/_index", {"index": {"fields": ["a"]}}, {"Manager"}),
        ("PUT", "/db/_local/x", {}, {"Manager", "Writer", "Monitor", "Checkpointer"}),
        ("GET", "/db/_local/x", None, {"Manager", "Writer", "Reader"}),
        ("GET", "/db", None, {"Manager", "Writer", "Reader", "Monitor"}),
        ("GET", "/db/_security", None, {"Manager"}),
        ("GET", "/db/_shards", None, {"Manager", "Monitor"}),
        ("GET", "/_all_dbs", None, {"Manager", "Writer", "Reader"}),
        ("GET", "/_active_tasks", None, {"Manager", "Monitor"}),
        ("GET", "/_scheduler/jobs", None, {"Manager", "Monitor"}),
        ("GET", "/_users/_all_docs", None, {"Manager"}),
        ("GET", "/_api/v2/user/capacity/throughput", None, {"Manager", "Monitor"}),
        ("PUT", "/_api/v2/db/db/_security", {"cloudant": {}}, {"Manager"}),
        ("PUT", "/new", None, {"Manager"}),
    ],
)
async def test_roles(account, tokens, method, path, body, roles):
    await account("PUT", "/_users", tokens["Manager"])
    await account("PUT", "/db", tokens["Manager"])
    await account("PUT", "/db/a", tokens["Manager"], body={})
    statuses = {role: (await account(method, path, token, body=body))[0] for role, token in tokens.items()}
    assert {role for role, status in statuses.items() if status != 403} == roles
    assert all(status < 500 for status in statuses.values())


@pytest.mark.parametrize("name", ["_replicator", "jobs%2F_replicator", "_users", "people"])
async def test_databases_with_credentials_whatever_they_are_called(account, tokens, name):
    await account.node.config.set("chttpd_auth", "authentication_db", "people", persist=False)
    await account("PUT", f"/{name}", basic())
    for role in ("Writer", "Reader"):
        for path in (f"/{name}/_all_docs", f"/{name}/_changes", f"/{name}/a"):
            assert (await account("GET", path, tokens[role]))[0] == 403
        assert (await account("PUT", f"/{name}/a", tokens[role], body={}))[0] == 403
    assert (await account("GET", f"/{name}/_all_docs", tokens["Manager"]))[0] == 200


async def test_a_writer_writes_no_design_document_in_bulk(account, tokens):
    await account("PUT", "/db", tokens["Manager"])
    docs = {"docs": [{"_id": "a"}, {"_id": "_design/d"}]}
    rows = (await account("POST", "/db/_bulk_docs", tokens["Writer"], body=docs))[1]
    assert [row.get("error") for row in rows] == [None, "forbidden"]
    copied = await account("COPY", "/db/a", tokens["Writer"], headers={"Destination": "_design/d"})
    assert copied[0] == 403


async def test_functions_that_iam_does_not_reach(account):
    token = await account.token()
    design = {"shows": {"s": "function(){return 'x'}"}, "updates": {"u": "function(){return [null,'x']}"}}
    design |= {"rewrites": [{"from": "x", "to": "../../a"}]}
    await account("PUT", "/db", token)
    assert (await account("PUT", "/db/_design/d", token, body=design))[0] == 201
    for path in ("_show/s", "_update/u", "_rewrite/x", "_list/l/v"):
        assert (await account("POST", f"/db/_design/d/{path}", token, body={}))[0] == 403
    async with account.session.post("/db/_design/d/_update/u", headers=basic()) as response:
        assert response.status == 200


async def test_headers_of_every_reply(account):
    assert (await account("GET", "/"))[0] == 200
    assert account.headers["X-Cloudant-Request-Class"] == "unlimited"
    assert account.headers["X-Cloudant-Action"] == "cloudantnosqldb.account-meta-info.read"
    assert account.headers["X-Frame-Options"] == "DENY"
    await account("PUT", "/db", basic())
    assert account.headers["X-Cloudant-Request-Class"] == "write"
    assert account.headers["X-Cloudant-Action"] == "cloudantnosqldb.database.create"
    assert (await account("GET", "/db/none", basic()))[0] == 404
    assert account.headers["X-Cloudant-Action"] == "cloudantnosqldb.any-document.read"


async def test_tags_are_weak_where_a_proxy_packs(account):
    await account("PUT", "/db", basic())
    await account("PUT", "/db/a", basic(), body={})
    assert account.headers["ETag"] == f'W/"{REV}"'
    await account("GET", "/db/a", basic())
    assert account.headers["ETag"] == f'W/"{REV}"'
    async with account.session.head("/db/a", headers=basic()) as response:
        assert response.headers["ETag"] == f'"{REV}"'
    async with account.session.put("/db/b/file", data=b"x", headers=basic()) as response:
        assert response.status == 201
    async with account.session.get("/db/b/file", headers=basic()) as response:
        assert response.headers["ETag"].startswith('"')


@pytest.mark.parametrize("tag", [f'W/"{REV}"', f'"{REV}"', f'W/"1-a", W/"{REV}"'])
async def test_weak_tags_are_taken_again(account, tag):
    await account("PUT", "/db", basic())
    await account("PUT", "/db/a", basic(), body={})
    assert (await account("GET", "/db/a", basic(), headers={"If-None-Match": tag}))[0] == 304
    assert (await account("PUT", "/db/a", basic(), body={"n": 1}, headers={"If-Match": tag}))[0] == 201
    assert (await account("PUT", "/db/a", basic(), body={"n": 2}, headers={"If-Match": tag}))[0] == 409 + 3 * (
        "," in tag
    )


async def test_rows_within_a_partition(account):
    await account("PUT", "/parts?partitioned=true", basic())
    assert (await account("GET", "/parts/_partition/p/_all_docs?limit=2000", basic()))[0] == 200
    status, body = await account("GET", "/parts/_partition/p/_all_docs?limit=2001", basic())
    assert (status, body["error"]) == (400, "query_parse_error")
    assert (await account("GET", "/parts/_all_docs?limit=2001", basic()))[0] == 200


async def test_as_many_databases_as_there_may_be(account):
    await account.node.config.set("limits", "max_databases", "3", persist=False)
    made = await asyncio.gather(*(account("PUT", f"/db{number}", basic()) for number in range(6)))
    assert sorted(status for status, _ in made) == [201, 201, 201, 403, 403, 403]
    assert {body["error"] for status, body in made if status == 403} == {"forbidden"}
    names = (await account("GET", "/_all_dbs", basic()))[1]
    assert (await account("PUT", f"/{names[0]}", basic()))[0] == 412
    assert (await account("PUT", "/_users", basic()))[0] == 201  # which no account counts
    assert (await account("DELETE", f"/{names[0]}", basic()))[0] == 200
    assert (await account("PUT", "/more", basic()))[0] == 201


@pytest.mark.parametrize("blocks", [1])
async def test_throughput_that_is_used_up(account):
    await account("PUT", "/db", basic())
    queries = await asyncio.gather(*(account("GET", "/db/_all_docs", basic()) for _ in range(12)))
    refused = [body for status, body in queries if status == 429]
    assert refused
    assert refused[0] == {
        "error": "too_many_requests",
        "reason": "You've exceeded your current limit of 5 requests per second for query class. Please try later.",
        "class": "query",
        "rate": 5,
    }
    assert (await account("GET", "/db", basic()))[0] == 200


async def test_a_request_that_becomes_another_is_counted_once(account):
    await account("PUT", "/parts?partitioned=true", basic())
    status, _ = await account("GET", "/parts/_partition/p/_all_docs", basic())
    assert status == 200
    assert account.headers["X-Cloudant-Request-Class"] == "lookup"
    used = (await account("GET", "/_api/v2/user/current/throughput", basic()))[1]["throughput"]
    assert used["query"] == 0


async def test_documents_of_a_bulk_count_each(account):
    await account("PUT", "/db", basic())
    await account("POST", "/db/_bulk_docs", basic(), body={"docs": [{} for _ in range(40)]})
    used = (await account("GET", "/_api/v2/user/current/throughput", basic()))[1]["throughput"]
    assert used["write"] >= 40
    assert (await account("POST", "/db/_bulk_docs", basic(), body=[1]))[0] == 400
    assert (await account("POST", "/db/_bulk_get", basic(), body={"docs": [{"id": "a"}] * 3}))[0] == 200


def test_the_cookie():
    assert iam_cookie(None) == ""
    assert iam_cookie('a=b; IAMSession="x.y"; c') == "x.y"


class TestSecondGeneration:
    @pytest.fixture
    def profile(self):
        return Profile.CLOUDANT_GEN2

    async def test_passwords_count_for_nothing(self, account):
        for path in ("/db", "/", "/_session"):
            assert (await account("GET", path, basic()))[0] == 401
        assert (await account("GET", "/db", {"Cookie": "AuthSession=abc"}))[0] == 401
        assert (await account("POST", "/_session", body={"username": "root", "password": "secret"}))[0] == 401

    async def test_iam_counts(self, account):
        token = await account.token()
        assert (await account("PUT", "/db", token))[0] == 201
        assert (await account("POST", "/_iam_session", body={"access_token": token}))[0] == 200
        told = (await account("GET", "/_session", token))[1]
        assert told["info"]["authentication_handlers"] == ["iam"]

    async def test_nobody_has_no_rights_whatever_a_database_says(self, account):
        token = await account.token()
        await account("PUT", "/db", token)
        await account("PUT", "/db/_security", token, body={})
        assert (await account("GET", "/db"))[0] == 401
        assert (await account("GET", "/"))[0] == 200

    async def test_there_is_no_api_v2(self, account):
        token = await account.token()
        for path in ("user/capacity/throughput", "user/config/cors", "db/db/_security", "api_keys"):
            assert (await account("GET", f"/_api/v2/{path}", token))[0] == 404
