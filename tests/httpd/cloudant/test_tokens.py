"""``/identity/token`` and ``/_iam_session``."""

import base64
import json

import aiohttp
import pytest

from docstore.core.cloudant.iam import APIKEY_GRANT, REFRESH_GRANT
from docstore.settings import Admin, Limits, Profile
from docstore.testing import run_node
from tests.httpd.cloudant.conftest import Account, basic


def claims(token):
    text = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


async def test_a_token_for_a_key(account):
    status, body = await account.ask_token(apikey="k", response_type="cloud_iam")
    assert status == 200
    assert set(body) == {"access_token", "refresh_token", "token_type", "expires_in", "expiration", "scope"}
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("Bearer", 3600, "ibm openid")
    told = claims(body["access_token"])
    assert told["exp"] - told["iat"] == 3600
    assert body["expiration"] == told["exp"]
    assert abs(told["iat"] - account.node.clock.now()) < 60
    status, session = await account("GET", "/_session", body["access_token"])
    assert session["userCtx"] == {"name": told["iam_id"], "roles": ["_reader", "_writer", "_admin"]}
    assert session["info"]["authenticated"] == "iam"
    assert session["info"]["authentication_handlers"] == ["iam", "cookie", "default", "local"]


async def test_a_token_lasts_an_hour(account):
    token = await account.token()
    account.clock.advance(3_599)
    assert (await account("GET", "/_all_dbs", token))[0] == 200
    account.clock.advance(2)
    assert (await account("GET", "/_all_dbs", token))[0] == 401


async def test_a_token_for_a_refresh_token(account):
    refresh = (await account.ask_token(apikey="k"))[1]["refresh_token"]
    status, body = await account.ask_token(grant_type=REFRESH_GRANT, refresh_token=refresh)
    assert status == 200
    assert (await account("GET", "/_all_dbs", body["access_token"]))[0] == 200
    # neither is taken for the other
    assert (await account("GET", "/_all_dbs", refresh))[0] == 401
    taken = await account.ask_token(grant_type=REFRESH_GRANT, refresh_token=body["access_token"])
    assert (taken[0], taken[1]["errorCode"]) == (400, "BXNIM0408E")


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"apikey": ""}, "BXNIM0109E"),
        ({}, "BXNIM0109E"),
        ({"grant_type": "password", "apikey": "k"}, "BXNIM0105E"),
        ({"grant_type": REFRESH_GRANT, "refresh_token": "a.b.c"}, "BXNIM0408E"),
        ({"grant_type": REFRESH_GRANT, "refresh_token": "\xff.\xff.\xff"}, "BXNIM0408E"),
        ({"apikey": "\xff\0"}, None),
    ],
)
async def test_refusals_are_in_the_words_of_iam(account, form, code):
    status, body = await account.ask_token(**form)
    assert (status, body.get("errorCode")) == (400 if code else 200, code)


async def test_a_long_form_is_not_read(account):
    form = {"grant_type": APIKEY_GRANT, "apikey": "k" * Limits().max_login_form}
    async with account.session.post("/identity/token", data=form) as response:
        assert (response.status, (await response.json())["error"]) == (413, "too_large")


async def test_another_type_of_body(account):
    status, body = await account("POST", "/identity/token", body={"apikey": "k"})
    assert (status, body["errorCode"]) == (415, "BXNIM0122E")


async def test_credentials_of_an_application_are_not_those_of_a_user(account):
    async with account.session.post(
        "/identity/token",
        data={"grant_type": "urn:ibm:params:oauth:grant-type:apikey", "apikey": "k"},
        headers=basic("bx", "bx"),
    ) as response:
        assert response.status == 200


async def test_where_keys_are_configured_no_other_counts(account, tokens):
    status, body = await account.ask_token(apikey="any")
    assert (status, body["errorCode"]) == (400, "BXNIM0415E")
    told = await account("GET", "/_session", tokens["Reader"])
    assert told[1]["userCtx"] == {"name": "iam-ServiceId-reader", "roles": ["_reader"]}


async def test_where_any_key_counts_nobody_elsewhere_is_answered(account):
    """A page that points its own name at this machine would be given a manager's token."""
    form = {"grant_type": "urn:ibm:params:oauth:grant-type:apikey", "apikey": "any"}
    for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}):
        async with account.session.post("/identity/token", data=form, headers=headers) as response:
            assert response.status == 403
    await account.add_key("ci", "Reader:k")
    async with account.session.post("/identity/token", data=form | {"apikey": "k"}, headers=headers) as response:
        assert response.status == 200


async def test_a_server_that_others_reach_takes_no_key_that_is_none(tmp_path):
    settings = {"data": tmp_path / "data", "host": "0.0.0.0", "profile": Profile.CLOUDANT, "admin": Admin("r", "s")}
    async with run_node(**settings) as server:
        port = server.url.rpartition(":")[2]
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
            assert (await Account(server, session).ask_token(apikey="any"))[0] == 400


async def test_a_key_that_is_taken_away_or_changed(account, tokens):
    refresh = (await account.ask_token(apikey="key-Writer"))[1]["refresh_token"]
    await account.add_key("writer", "Reader:another")
    assert (await account.ask_token(apikey="key-Writer"))[0] == 400
    renewed = (await account.ask_token(grant_type=REFRESH_GRANT, refresh_token=refresh))[1]["access_token"]
    assert (await account("GET", "/_session", renewed))[1]["userCtx"]["roles"] == ["_reader"]
    await account.node.config.delete("iam_api_keys", "writer", persist=False)
    assert (await account.ask_token(grant_type=REFRESH_GRANT, refresh_token=refresh))[0] == 400


async def test_a_key_that_cannot_be_read_lets_nobody_in(account, caplog):
    await account.add_key("slip", "Boss:sesame")
    assert (await account.ask_token(apikey="sesame"))[0] in (200, 400)
    assert "sesame" not in caplog.text
    await account.add_key("right", "Reader:k")
    assert (await account.ask_token(apikey="sesame"))[0] == 400


@pytest.mark.parametrize("form", ["{}x", "x{}", "x", "a.b.c", "..", "{0}{0}{0}{0}{0}{0}{0}{0}{0}{0}{0}{0}"])
async def test_a_token_that_was_not_made_here(account, form):
    token = await account.token()
    status, body = await account("GET", "/_all_dbs", form.format(token))
    assert (status, body["error"]) == (401, "unauthorized")


async def test_a_token_with_other_claims(account):
    head, text, signature = (await account.token()).split(".")
    told = claims(f"{head}.{text}.") | {"exp": 1 << 40}
    forged = base64.urlsafe_b64encode(json.dumps(told).encode()).rstrip(b"=").decode()
    assert (await account("GET", "/_all_dbs", f"{head}.{forged}.{signature}"))[0] == 401
    none = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    assert (await account("GET", "/_all_dbs", f"{none}.{text}."))[0] == 401


async def test_a_session_by_a_token(account):
    token = await account.token()
    status, body = await account("POST", "/_iam_session", body={"access_token": token})
    assert (status, body["ok"]) == (200, True)
    cookie = account.headers["Set-Cookie"]
    assert cookie.startswith(f"IAMSession={token};")
    assert "HttpOnly" in cookie
    session = {"Cookie": f"IAMSession={token}"}
    status, told = await account("GET", "/_iam_session", session)
    assert told["userCtx"]["name"] == body["name"]
    assert (await account("GET", "/_all_dbs", session))[0] == 200
    assert (await account("DELETE", "/_iam_session", session))[0] == 200
    assert account.headers["Set-Cookie"].startswith("IAMSession=;")


async def test_a_session_that_is_none(account):
    assert (await account("POST", "/_iam_session", body={"access_token": "a.b.c"}))[0] == 401
    assert account.headers["Set-Cookie"].startswith("IAMSession=;")
    assert (await account("POST", "/_iam_session", body={}))[0] == 400
    stale = {"Cookie": "IAMSession=a.b.c"}
    assert (await account("GET", "/_all_dbs", stale))[0] == 401
    token = await account.token()
    assert (await account("POST", "/_iam_session", stale, body={"access_token": token}))[0] == 200
