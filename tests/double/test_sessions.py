"""Sessions that are over before their time."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from docstore.double.actions import ExpireSession
from docstore.settings import Admin
from docstore.testing import TestNode, run_node
from tests.storage_findings import storage_findings

SUE = {"name": "sue", "password": "secret"}


def basic(name: str, password: str) -> dict[str, str]:
    return {"Authorization": aiohttp.encode_basic_auth(name, password)}


async def status_for(server: TestNode, name: str, password: str) -> int:
    async with (
        aiohttp.ClientSession(server.url, headers=basic(name, password)) as client,
        client.get("/_all_dbs") as reply,
    ):
        return reply.status


@pytest.fixture
async def guarded() -> AsyncIterator[TestNode]:
    async with run_node(admin=Admin("sue", "secret")) as server:
        yield server
        assert storage_findings(server.node) == []


async def test_a_session_ends_and_another_can_be_begun(guarded: TestNode) -> None:
    async with aiohttp.ClientSession(guarded.url, cookie_jar=aiohttp.CookieJar(unsafe=True)) as client:
        fault = guarded.faults.add(ExpireSession(), user="sue", endpoint="_all_dbs", times=1)

        async def status() -> int:
            async with client.get("/_all_dbs") as reply:
                return reply.status

        assert await status() == 401
        assert fault.hits == 0
        async with client.post("/_session", json=SUE) as reply:
            assert reply.status == 200
        assert [await status(), await status()] == [401, 401]
        async with client.get("/_session") as reply:
            assert (await reply.json())["userCtx"]["name"] is None
        async with client.post("/_session", json=SUE) as reply:
            assert reply.status == 200
        again = reply.cookies["AuthSession"].value
        assert again
        assert fault.hits == 1


async def test_basic_credentials_have_no_session(guarded: TestNode) -> None:
    fault = guarded.faults.add(ExpireSession())
    assert await status_for(guarded, "sue", "secret") == 200
    assert fault.hits == 0


async def test_the_user_is_whom_credentials_name(guarded: TestNode) -> None:
    fault = guarded.faults.add("drop", user="sue")
    assert await status_for(guarded, "tom", "secret") == 401
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await status_for(guarded, "sue", "wrong")
    assert fault.hits >= 1


async def test_the_journal_has_no_secrets(guarded: TestNode) -> None:
    async with aiohttp.ClientSession(guarded.url, headers=basic("sue", "secret")) as client:
        async with client.post("/_session", json=SUE):
            pass
        async with client.put("/_users/org.couchdb.user:tom", json={"password": "secret"}):
            pass
        async with client.put("/_node/_local/_config/admins/tim", json="secret"):
            pass
    told = str(guarded.journal.har()) + str([entry.as_json() for entry in guarded.journal])
    assert "secret" not in told
    assert "c3VlOnNlY3JldA" not in told
    assert "AuthSession=" not in told
    guarded.journal.assert_requests(3, user="sue")
