"""``/_session``, with and without an administrator."""

import base64
import contextlib
import json

import aiohttp
import pytest

from docstore.settings import Admin, Limits
from docstore.testing import run_node

HANDLERS = ["cookie", "default"]
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
WRONG = {"error": "unauthorized", "reason": "Name or password is incorrect."}


@pytest.fixture
async def guarded():
    async with (
        run_node(admin=Admin("admin", "secret")) as server,
        aiohttp.ClientSession(server.url, cookie_jar=aiohttp.DummyCookieJar()) as client,
    ):
        await server.node.config.set("chttpd_auth", "iterations", "1", persist=False)
        yield client


async def ask(client, method, path="/_session", **options):
    async with client.request(method, path, allow_redirects=False, **options) as response:
        return response.status, json.loads(await response.text()), response.headers


def session_of(headers):
    return {"Cookie": headers["Set-Cookie"].split(";")[0]}


def basic(credentials):
    return {"Authorization": "Basic " + base64.b64encode(credentials.encode()).decode()}


def context(name, roles, **info):
    return {
        "ok": True,
        "userCtx": {"name": name, "roles": roles},
        "info": {"authentication_handlers": HANDLERS, **info},
    }


async def test_nobody(guarded):
    assert (await ask(guarded, "GET"))[:2] == (200, context(None, []))
    assert (await ask(guarded, "GET", headers={"Cookie": "AuthSession="}))[:2] == (200, context(None, []))
    assert (await ask(guarded, "GET", "/_session?basic=true"))[:2] == (
        401,
        {"error": "unauthorized", "reason": "Please login."},
    )


@pytest.mark.parametrize("name", ["x" * 513, "ü" * 257, "\ud800"])
async def test_a_name_that_the_cookie_cannot_tell(name):
    async with run_node() as server, aiohttp.ClientSession(server.url) as client:
        status, answer, headers = await ask(client, "POST", data=json.dumps({"name": name}), headers=JSON)
        assert (status, answer["error"]) == (400, "bad_request")
        assert "Set-Cookie" not in headers
        status, _, headers = await ask(client, "POST", data=json.dumps({"name": "x" * 512}), headers=JSON)
        assert status == 200
        assert len(headers["Set-Cookie"]) < 1024


async def test_basic(guarded):
    recognised = context("admin", ["_admin"], authenticated="default")
    assert (await ask(guarded, "GET", headers=basic("admin:secret")))[1] == recognised
    assert (await ask(guarded, "GET", headers=basic("admin:no")))[:2] == (401, WRONG)


@pytest.mark.parametrize(
    "login",
    [
        {"json": {"name": "admin", "password": "secret"}},
        {"json": {"username": "admin", "password": "secret"}},
        {"data": b"name=admin&password=secret", "headers": FORM},
    ],
)
async def test_a_session(guarded, login):
    status, body, headers = await ask(guarded, "POST", **login)
    assert (status, body) == (200, {"ok": True, "name": "admin", "roles": ["_admin"]})
    cookie = session_of(headers)
    assert (await ask(guarded, "GET", headers=cookie))[1] == context("admin", ["_admin"], authenticated="cookie")
    assert (await ask(guarded, "GET", "/_all_dbs", headers=cookie))[:2] == (200, [])
    status, body, headers = await ask(guarded, "DELETE", headers=cookie)
    assert (status, body) == (200, {"ok": True})
    assert headers["Set-Cookie"].startswith("AuthSession=;")


@pytest.mark.parametrize(
    "form", [{"name": "admin", "password": "no"}, {"name": "other", "password": "secret"}, {"name": "admin"}]
)
async def test_a_wrong_login(guarded, form):
    status, body, headers = await ask(guarded, "POST", json=form)
    assert (status, body) == (401, WRONG)
    assert headers["Set-Cookie"].startswith("AuthSession=;")


@pytest.mark.parametrize("form", [{"json": {}}, {"json": {"name": 5}}, {"data": b"", "headers": FORM}])
async def test_a_login_without_a_name(guarded, form):
    assert (await ask(guarded, "POST", **form))[:2] == (
        400,
        {"error": "bad_request", "reason": "request body must contain a username"},
    )


async def test_a_login_that_cannot_be_read(guarded):
    headers = {"Content-Type": "application/json"}
    assert (await ask(guarded, "POST", data=b"{", headers=headers))[1]["reason"] == "invalid UTF-8 JSON"


async def test_a_malformed_cookie(guarded):
    status, body, _ = await ask(guarded, "GET", headers={"Cookie": "AuthSession=garbage"})
    assert (status, body["reason"]) == (400, "Malformed AuthSession cookie. Please clear your cookies.")


@pytest.mark.parametrize("path", ["/foo", "/", "/db/a%20b?x=1", "/é"])
async def test_a_redirect(guarded, path):
    target = str(guarded._base_url).rstrip("/") + path
    login = {"name": "admin", "password": "secret"}
    status, body, headers = await ask(guarded, "POST", params={"next": path}, json=login)
    assert (status, headers["Location"]) == (302, target)
    assert body["ok"] is True
    status, body, headers = await ask(guarded, "POST", params={"fail": path}, json={"name": "x"})
    assert (status, headers["Location"], body) == (302, target, WRONG)
    status, _, headers = await ask(guarded, "DELETE", params={"next": path})
    assert (status, headers["Location"]) == (302, target)


@pytest.mark.parametrize(
    "path",
    ["", "@x", "foo", "http://elsewhere/", "//elsewhere/", "/\\elsewhere", "\r\nx", "/\r\nX: 1", "/\x00", "/a\x7f"],
)
async def test_a_redirect_stays_on_this_server(guarded, path):
    for method, parameter, login in (
        ("POST", "next", {"name": "admin", "password": "secret"}),
        ("POST", "fail", {"name": "x"}),
        ("DELETE", "next", None),
    ):
        status, body, headers = await ask(guarded, method, params={parameter: path}, json=login)
        assert (status, body) == (400, {"error": "bad_request", "reason": "path must begin with a /."})
        assert "Location" not in headers
        assert "Set-Cookie" not in headers


async def test_cookies_do_not_come_with_the_requests_of_other_sites(guarded):
    _, _, headers = await ask(guarded, "POST", json={"name": "admin", "password": "secret"})
    assert headers["Set-Cookie"].endswith("; Path=/; HttpOnly; SameSite=Lax")
    _, _, headers = await ask(guarded, "DELETE")
    assert headers["Set-Cookie"].endswith("; Max-Age=0; Path=/; HttpOnly; SameSite=Lax")


@pytest.mark.parametrize("content_type", ["text/plain", "Application/JSON", "Application/x-www-form-urlencoded", None])
async def test_a_login_of_another_type(guarded, content_type):
    headers = {"Content-Type": content_type} if content_type else {}
    skip = () if content_type else ("Content-Type",)
    status, body, _ = await ask(
        guarded, "POST", data=b"name=admin&password=secret", headers=headers, skip_auto_headers=skip
    )
    reason = "Content-Type must be 'application/x-www-form-urlencoded' or 'application/json'"
    assert (status, body) == (415, {"error": "bad_content_type", "reason": reason})


async def test_a_long_form_is_not_read(guarded):
    form = b"name=admin&password=secret&more="
    form += b"x" * (Limits().max_login_form - len(form))
    assert (await ask(guarded, "POST", data=form, headers=FORM))[0] == 200
    assert (await ask(guarded, "POST", data=form + b"x", headers=FORM))[0] == 413


async def test_long_json_is_not_read(guarded):
    def login(more):
        return {"name": "admin", "password": "secret", "more": "x" * more}

    assert (await ask(guarded, "POST", json=login(1_000)))[0] == 200
    status, body, _ = await ask(guarded, "POST", json=login(Limits().max_login_form))
    assert (status, body["error"]) == (413, "too_large")

    async def endless():
        while True:
            yield b" " * 65_536

    with contextlib.suppress(aiohttp.ClientConnectionError):  # it was refused before it was sent
        status, _, _ = await ask(guarded, "POST", data=endless(), headers={"Content-Type": "application/json"})
        assert status == 413


async def test_the_first_of_repeated_members_of_a_form_counts(guarded):
    form = b"name=admin&name=x&password=secret&password=x"
    assert (await ask(guarded, "POST", data=form, headers=FORM))[0] == 200


async def test_without_an_administrator_everyone_is_one(client):
    party = context(None, ["_admin"], authenticated="default")
    assert (await ask(client, "GET"))[1] == party
    assert (await ask(client, "GET", headers=basic("any:thing")))[1] == party
    status, body, headers = await ask(client, "POST", json={"name": "me", "password": "any"})
    assert (status, body) == (200, {"ok": True, "name": "me", "roles": ["_admin"]})
    assert headers["Set-Cookie"].startswith("AuthSession=")
