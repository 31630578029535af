"""Pages of other origins: what they are let do, and what their scripts may read."""

import pytest

from docstore.settings import Admin
from docstore.testing import run_node

HERE = "https://app.example"
EXPOSED = (
    "content-type, cache-control, accept-ranges, etag, server, x-couch-request-id, x-couch-update-newrev, "
    "x-couchdb-body-time"
)
METHODS = "CONNECT, COPY, DELETE, GET, HEAD, OPTIONS, POST, PUT, TRACE"


async def let(server, **words):
    await server.node.config.set("chttpd", "enable_cors", "true")
    for key, word in {"origins": HERE, **words}.items():
        await server.node.config.set("cors", key, word)


def cors_headers(response):
    return {name: value for name, value in response.headers.items() if name.startswith("Access-Control-")}


def ask(client, method="PUT", origin=HERE, path="/db/doc", **headers):
    sent = {"Origin": origin, "Access-Control-Request-Method": method, **headers}
    return client.options(path, headers=sent)


async def test_off_unless_it_is_asked_for(client, server):
    async with client.get("/", headers={"Origin": HERE}) as response:
        assert cors_headers(response) == {}
        assert "Vary" not in response.headers
    async with ask(client) as response:
        assert response.status == 404  # as any OPTIONS of a database that is not there
        assert cors_headers(response) == {}


async def test_a_page_that_is_let_through_may_read(client, server):
    await let(server)
    for path, status in (("/", 200), ("/nope/doc", 404)):
        async with client.get(path, headers={"Origin": HERE}) as response:
            assert response.status == status
            assert cors_headers(response) == {
                "Access-Control-Allow-Origin": HERE,
                "Access-Control-Expose-Headers": EXPOSED,
            }
            assert response.headers["Vary"] == "Origin"


@pytest.mark.parametrize("origin", ["https://app.example.evil", "http://app.example", "null", "https://app.example:1"])
async def test_another_page_may_not(client, server, origin):
    await let(server)
    async with client.get("/", headers={"Origin": origin}) as response:
        assert cors_headers(response) == {}
        assert response.headers["Vary"] == "Origin"
    async with ask(client, origin=origin) as response:
        assert cors_headers(response) == {}


async def test_all_pages(client, server):
    await let(server, origins="*")
    async with client.get("/", headers={"Origin": "http://any"}) as response:
        assert response.headers["Access-Control-Allow-Origin"] == "http://any"
        assert "Vary" not in response.headers
        assert "Access-Control-Allow-Credentials" not in response.headers


async def test_credentials(client, server):
    await let(server, credentials="true")
    async with client.get("/", headers={"Origin": HERE}) as response:
        assert response.headers["Access-Control-Allow-Credentials"] == "true"
    async with ask(client) as response:
        assert response.headers["Access-Control-Allow-Credentials"] == "true"


async def test_a_browser_that_asks_first(client, server):
    await let(server)
    async with ask(client) as response:
        assert response.status == 204
        assert cors_headers(response) == {
            "Access-Control-Allow-Origin": HERE,
            "Access-Control-Allow-Methods": METHODS,
            "Access-Control-Allow-Headers": "",
            "Access-Control-Max-Age": "600",
        }
        assert await response.read() == b""
    asked = {"Access-Control-Request-Headers": "Content-Type, if-match"}
    async with ask(client, **asked) as response:
        assert response.headers["Access-Control-Allow-Headers"] == "Content-Type, if-match"


@pytest.mark.parametrize(
    ("method", "headers"), [("PATCH", ""), ("put", ""), ("PUT", "if-none-match"), ("PUT", "content-type, x-evil")]
)
async def test_what_is_not_let_through_is_an_ordinary_request(client, server, method, headers):
    await let(server)
    async with ask(client, method, **{"Access-Control-Request-Headers": headers}) as response:
        assert response.status == 404
        assert "Access-Control-Allow-Methods" not in response.headers


async def test_an_options_that_asks_nothing_is_an_ordinary_request(client, server):
    await let(server)
    await client.put("/db")
    async with client.options("/db/doc", headers={"Origin": HERE}) as response:
        assert response.status == 405
        assert response.headers["Access-Control-Allow-Origin"] == HERE


async def test_lists_of_the_settings(client, server):
    await let(server, methods="PATCH", headers="X-Mine, Upload-Offset", max_age="5", exposed_headers="X-Yours")
    async with ask(client, "PATCH", **{"Access-Control-Request-Headers": "x-mine"}) as response:
        assert response.headers["Access-Control-Allow-Methods"] == "PATCH"
        assert response.headers["Access-Control-Max-Age"] == "5"
    async with client.get("/", headers={"Origin": HERE}) as response:
        assert response.headers["Access-Control-Expose-Headers"] == "content-type, cache-control, x-yours"


async def test_headers_of_uploads_are_exposed(client, server):
    await let(server)
    await client.put("/db")
    headers = {"Origin": "http://localhost", "Tus-Resumable": "1.0.0", "Upload-Length": "7"}
    await server.node.config.set("cors", "origins", "http://localhost")
    async with client.post("/db/doc/a", headers=headers) as response:
        assert response.status == 201
        exposed = response.headers["Access-Control-Expose-Headers"].split(", ")
    assert {"tus-resumable", "upload-expires", "location"} <= set(exposed)


async def test_a_host_of_its_own(client, server):
    await let(server)
    await server.node.config.set("cors:http://other.localhost:5984", "origins", "https://other.example")
    for host, origin in (("other.localhost", "https://other.example"), ("127.0.0.1", HERE)):
        for asked in (HERE, "https://other.example"):
            async with client.get("/", headers={"Host": host, "Origin": asked}) as response:
                assert (response.headers.get("Access-Control-Allow-Origin") == asked) == (asked == origin)


async def test_changes_hold_at_once_and_end_at_once(client, server):
    await let(server)
    await server.node.config.delete("cors", "origins")
    async with client.get("/", headers={"Origin": HERE}) as response:
        assert cors_headers(response) == {}
    await let(server)
    await server.node.config.delete("chttpd", "enable_cors")
    async with client.get("/", headers={"Origin": HERE}) as response:
        assert cors_headers(response) == {}


async def test_a_server_without_an_administrator_takes_writes_of_pages_that_are_let_through(client, server):
    async with client.put("/db", headers={"Origin": HERE}) as response:
        assert response.status == 403
    await let(server)
    async with client.put("/db", headers={"Origin": HERE}) as response:
        assert response.status == 201
    async with client.put("/db2", headers={"Origin": "https://evil.example"}) as response:
        assert response.status == 403
        assert cors_headers(response) == {}


async def test_nobody_is_asked_for_a_password_before_the_request(tmp_path):
    import aiohttp

    async with run_node(data=tmp_path, admin=Admin("admin", "secret")) as server:
        await let(server)
        async with aiohttp.ClientSession(server.url) as client:
            async with ask(client) as response:
                assert response.status == 204
            async with client.get("/_all_dbs", headers={"Origin": HERE}) as response:
                assert response.status == 401
                assert response.headers["Access-Control-Allow-Origin"] == HERE


async def test_feeds_and_listings_too(client, server):
    await let(server)
    await client.put("/db")
    for path in ("/db/_changes", "/db/_changes?feed=longpoll&timeout=1", "/db/_all_docs"):
        async with client.get(path, headers={"Origin": HERE}) as response:
            assert response.headers["Access-Control-Allow-Origin"] == HERE
            await response.read()


# --- Cloudant's view ----------------------------------------------------------------------------------------------

CLOUDANT = "/_api/v2/user/config/cors"


async def test_cloudants_view_on_the_same_settings(client, server):
    async with client.get(CLOUDANT) as response:
        assert await response.json() == {"enable_cors": False, "allow_credentials": False, "origins": []}
    async with client.put(CLOUDANT, json={"origins": [HERE, "http://b"]}) as response:
        assert await response.json() == {"ok": True}
    assert server.node.config.section("cors")["origins"] == f"{HERE}, http://b"
    async with client.get(CLOUDANT) as response:
        assert await response.json() == {"enable_cors": True, "allow_credentials": True, "origins": [HERE, "http://b"]}
    async with client.get("/", headers={"Origin": HERE}) as response:
        assert response.headers["Access-Control-Allow-Credentials"] == "true"
    async with client.put(CLOUDANT, json={"origins": [], "enable_cors": False, "allow_credentials": False}) as response:
        assert response.status == 200
    async with client.get(CLOUDANT) as response:
        assert await response.json() == {"enable_cors": False, "allow_credentials": False, "origins": []}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"origins": "*"},
        {"origins": [1]},
        {"origins": ["a,b"]},
        {"origins": [""]},
        {"origins": [], "enable_cors": 1},
    ],
)
async def test_what_is_no_setting_of_cors_changes_nothing(client, server, body):
    before = dict(server.node.config.entries())
    async with client.put(CLOUDANT, json=body) as response:
        assert (response.status, (await response.json())["error"]) == (400, "bad_request")
    assert dict(server.node.config.entries()) == before
