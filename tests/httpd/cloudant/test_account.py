"""``/_api/v2``: what an account has and uses."""

import asyncio
import re

import pytest

from docstore.core.cloudant.capacity import Capacity
from tests.httpd.cloudant.conftest import basic

V2 = "/_api/v2"


async def test_capacity_is_the_target_and_holds_soon(account):
    path = f"{V2}/user/capacity/throughput"
    assert await account("GET", path, basic()) == (200, Capacity(100, 100).members())
    assert await account("PUT", path, basic(), body={"blocks": 5}) == (200, Capacity(100, 5).members())
    assert account.node.config.get("cloudant", "blocks") == "5"
    account.clock.advance(1)
    assert await account("GET", path, basic()) == (200, Capacity(5, 5).members())
    status, told = await account("PUT", path, basic(), body={"blocks": 0})
    assert (status, told["error"]) == (400, "bad_request")


async def test_databases(account):
    assert (await account("GET", f"{V2}/user/capacity/databases", basic()))[1] == {
        "current": {"databases": {"total": 200}}
    }
    for name in ("a", "b", "_users"):
        await account("PUT", f"/{name}", basic())
    assert (await account("GET", f"{V2}/user/current/databases", basic()))[1] == {"databases": {"total": 2}}


async def test_events(account):
    path = f"{V2}/user/activity_tracker/events"
    assert (await account("GET", path, basic()))[1] == {"types": ["management"]}
    assert await account("POST", path, basic(), body={"types": ["management", "data"]}) == (200, {"ok": True})
    assert (await account("GET", path, basic()))[1] == {"types": ["management", "data"]}
    for types in (["data"], ["management", "all"], "management", None, []):
        assert (await account("POST", path, basic(), body={"types": types}))[0] == 400
    assert (await account("GET", path, basic()))[1] == {"types": ["management", "data"]}


async def test_an_api_key_is_a_user_without_rights(account):
    await account("PUT", "/db", basic())
    keys = await asyncio.gather(*(account("POST", f"{V2}/api_keys", basic(), body={}) for _ in range(3)))
    assert {status for status, _ in keys} == {201}
    key = keys[0][1]
    assert re.fullmatch(r"apikey-[0-9a-f]{32}", key["key"])
    assert re.fullmatch(r"[0-9a-f]{40}", key["password"])
    credentials = basic(key["key"], key["password"])
    assert (await account("GET", "/_session", credentials))[1]["userCtx"]["name"] == key["key"]
    assert (await account("GET", "/db", credentials))[0] == 403
    granted = {"cloudant": {key["key"]: ["_reader"]}}
    assert (await account("PUT", f"{V2}/db/db/_security", basic(), body=granted))[0] == 200
    assert (await account("GET", "/db", credentials))[0] == 200
    assert (await account("PUT", "/db/a", credentials, body={}))[0] == 403


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "api_keys"),
        ("GET", "user/capacity/throughput"),
        ("PUT", "user/capacity/throughput"),
        ("GET", "user/current/throughput"),
        ("GET", "user/capacity/databases"),
        ("GET", "user/current/databases"),
        ("GET", "user/activity_tracker/events"),
        ("POST", "user/activity_tracker/events"),
    ],
)
async def test_all_of_it_is_the_account_owners_alone(account, method, path):
    assert (await account(method, f"{V2}/{path}", body={} if method != "GET" else None))[0] == 401


async def test_a_server_like_couchdb_has_none_of_it(client):
    for path in (f"{V2}/user/capacity/throughput", "/_iam_session"):
        assert (await client.get(path)).status == 404
    assert (await client.post("/identity/token", data={"apikey": "k"})).status in (400, 404, 415)
    assert (await client.put("/identity")).status == 201
