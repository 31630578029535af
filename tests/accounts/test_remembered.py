"""What is remembered of accounts and passwords ends at once with what it was made of."""

import aiohttp
import pytest

from docstore.settings import Admin
from docstore.testing import run_node
from tests.accounts.conftest import Asking

USER = "/_users/org.couchdb.user:sue"


async def who(client, name, password="pw"):
    status, answer = await client("GET", "/_session", name, password)
    return answer["userCtx"]["roles"] if status == 200 else status


async def change(client, **members):
    stored = (await client("GET", USER, "root"))[1]
    status, body = await client("PUT", USER, "root", body=stored | members)
    assert status == 201, body


@pytest.fixture
async def sue(client):
    """She is remembered, by Basic and with a session: the header of the latter."""
    await client.add_user("sue", roles=["dev"])
    assert await who(client, "sue") == ["dev"]
    await client("POST", "/_session", body={"name": "sue", "password": "pw"})
    return {"Cookie": client.headers["Set-Cookie"].partition(";")[0]}


async def by_session(client, headers):
    return (await client("GET", "/_session", headers=headers))[1]["userCtx"]


async def test_a_changed_password(client, sue):
    await change(client, password="new")
    assert await who(client, "sue") == 401
    assert await who(client, "sue", "new") == ["dev"]
    assert (await by_session(client, sue))["name"] is None


async def test_changed_roles(client, sue):
    await change(client, roles=["ops"])
    assert await who(client, "sue") == ["ops"]
    assert await by_session(client, sue) == {"name": "sue", "roles": ["ops"]}


async def test_a_deleted_user(client, sue):
    rev = (await client("GET", USER, "root"))[1]["_rev"]
    assert (await client("DELETE", f"{USER}?rev={rev}", "root"))[0] == 200
    assert await who(client, "sue") == 401
    assert (await by_session(client, sue))["name"] is None


async def test_a_changed_admin(client, sue):
    path = "/_node/_local/_config/admins/ann"
    assert await who(client, "ann") == 401
    assert (await client("PUT", path, "root", body="pw"))[0] == 200
    assert await who(client, "ann") == ["_admin"]
    assert (await client("PUT", path, "root", body="new"))[0] == 200
    assert await who(client, "ann") == 401
    assert await who(client, "ann", "new") == ["_admin"]
    assert (await client("DELETE", path, "root"))[0] == 200
    assert await who(client, "ann", "new") == 401


async def test_a_user_becomes_an_admin_and_ends_to_be_one(client, sue):
    path = "/_node/_local/_config/admins/sue"
    assert (await client("PUT", path, "root", body="other"))[0] == 200
    assert await who(client, "sue") == 401
    assert await who(client, "sue", "other") == ["_admin", "dev"]
    assert (await by_session(client, sue))["name"] is None
    assert (await client("DELETE", path, "root"))[0] == 200
    assert await who(client, "sue", "other") == 401
    assert await who(client, "sue") == ["dev"]


async def test_another_database_of_users(client, sue, guarded):
    await guarded.node.config.set("chttpd_auth", "authentication_db", "people", persist=False)
    assert await who(client, "sue") == 401
    await guarded.node.config.set("chttpd_auth", "authentication_db", "_users", persist=False)
    assert await who(client, "sue") == ["dev"]


@pytest.fixture
async def bare(tmp_path):
    """A server without a database of users."""
    settings = {"data": tmp_path / "data", "admin": Admin("root", "secret")}
    async with run_node(**settings) as server, aiohttp.ClientSession(server.url) as session:
        await server.node.config.set("chttpd_auth", "iterations", "3", persist=False)
        yield server, Asking(session)


async def test_without_a_database_of_users_an_account_is_looked_up_once(bare):
    server, client = bare
    assert await who(client, "root") == ["_admin"]
    opened = []
    server.node.registry.open = opened.append
    assert await who(client, "root") == ["_admin"]
    assert opened == []


async def test_a_database_of_users_that_is_made_counts_at_once(bare):
    _, client = bare
    assert await who(client, "sue") == 401
    assert await who(client, "root") == ["_admin"]
    assert (await client("PUT", "/_users", "root"))[0] == 201
    assert await who(client, "sue") == 401
    await client.add_user("sue", roles=["dev"])
    await client.add_user("root", roles=["dev"])
    assert await who(client, "sue") == ["dev"]
    assert await who(client, "root") == ["_admin", "dev"]
    assert (await client("DELETE", "/_users", "root"))[0] == 200
    assert await who(client, "sue") == 401
    assert await who(client, "root") == ["_admin"]


async def test_a_password_that_was_changed_counts_before_the_one_of_the_start(tmp_path, caplog):
    settings = {"data": tmp_path / "data", "admin": Admin("root", "secret")}
    async with run_node(**settings) as server, aiohttp.ClientSession(server.url) as session:
        await server.node.config.set("chttpd_auth", "iterations", "3")
        path = "/_node/_local/_config/admins/root"
        assert (await Asking(session)("PUT", path, "root", body="new"))[0] == 200
    assert "is not used" not in caplog.text
    async with run_node(**settings) as server, aiohttp.ClientSession(server.url) as session:
        assert await who(Asking(session), "root", "new") == ["_admin"]
        assert await who(Asking(session), "root", "secret") == 401
    assert "'root' has a password in the configuration: the one of the start is not used" in caplog.text
