"""A clock that is moved: what expires by it, and what does not."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from docstore.core.security.totp import one_time_password, read_totp
from docstore.double.stage.clock import MovableClock
from docstore.settings import Admin
from docstore.testing import TestNode, run_node, run_node_in_thread
from tests.accounts.waiting import eventually

TEN_MINUTES = 600
SECRET = "JBSWY3DPEHPK3PXP"


def test_it_goes_on_from_where_it_is_set() -> None:
    clock = MovableClock()
    assert abs(clock.now() - time.time()) < 1
    assert clock.advance(3600) - time.time() == pytest.approx(3600, abs=1)
    assert clock.set(1_000_000_000) == pytest.approx(1_000_000_000, abs=1)
    assert clock.set(datetime(2030, 1, 1, tzinfo=UTC)) == pytest.approx(1_893_456_000, abs=1)
    assert clock.microseconds() == pytest.approx(1_893_456_000e6, abs=1e6)
    clock.reset()
    assert clock.offset == 0


@pytest.mark.parametrize("seconds", [-1, float("nan")])
def test_it_advances_forward(seconds: float) -> None:
    with pytest.raises(ValueError, match="not negative"):
        MovableClock().advance(seconds)


def test_a_moment_has_a_zone_and_a_year() -> None:
    clock = MovableClock()
    with pytest.raises(ValueError, match="zone"):
        clock.set(datetime(2030, 1, 1))
    for moment in (-5.0, 1e12, float("nan")):
        with pytest.raises(ValueError, match="1970"):
            clock.set(moment)
    assert clock.offset == 0


async def test_alarms_are_set_anew() -> None:
    clock = MovableClock()
    moved, rung, never = asyncio.Event(), asyncio.Event(), asyncio.Event()
    clock.attach(asyncio.get_running_loop(), moved.set)
    clock.call_at(clock.now() + TEN_MINUTES, rung.set)
    clock.call_at(clock.now() + 100 * TEN_MINUTES, never.set)
    clock.call_at(clock.now() + 1, never.set).cancel()
    clock.advance(TEN_MINUTES)
    async with asyncio.timeout(20):
        await moved.wait()
        await rung.wait()
    assert not never.is_set()


async def test_alarms_keep_their_distance_when_it_is_put_back() -> None:
    clock = MovableClock()
    moved, rung, never = asyncio.Event(), asyncio.Event(), asyncio.Event()
    clock.attach(asyncio.get_running_loop(), moved.set)
    clock.advance(100 * TEN_MINUTES)
    clock.call_at(clock.now() + 0.05, rung.set)
    clock.call_at(clock.now() + TEN_MINUTES, never.set)
    clock.reset()
    async with asyncio.timeout(20):
        await rung.wait()
    assert not never.is_set()
    clock.set(1_000_000_000)
    clock.advance(TEN_MINUTES)  # before anybody has noticed
    async with asyncio.timeout(20):
        await never.wait()


async def test_a_replication_is_tried_again_though_it_was_put_back(
    server: TestNode, client: aiohttp.ClientSession
) -> None:
    async def state() -> object:
        async with client.get("/_scheduler/docs/_replicator/r") as reply:
            return (await reply.json()).get("state") if reply.status == 200 else None

    async def until(wanted: str, ahead: float = 0.0) -> None:
        async with asyncio.timeout(20):
            while await state() != wanted:
                server.clock.advance(ahead)

    await client.put("/_replicator")
    server.clock.advance(TEN_MINUTES)
    body = {"source": f"{server.url}/later", "target": f"{server.url}/copy", "create_target": True}
    await client.put("/_replicator/r", json=body)
    await until("crashing")
    await client.put("/later")
    server.clock.set(1_000_000_000)
    await until("completed", ahead=TEN_MINUTES)


@pytest.fixture
async def guarded() -> AsyncIterator[TestNode]:
    async with run_node(admin=Admin("admin", "secret"), system_databases=("_users",)) as server:
        await server.node.config.set("chttpd_auth", "iterations", "1", persist=False)
        await server.node.make_system_databases()
        yield server


def basic(name: str, password: str) -> dict[str, str]:
    return {"Authorization": aiohttp.encode_basic_auth(name, password)}


async def user(server: TestNode, **more: object) -> None:
    body = {"name": "sue", "type": "user", "roles": [], "password": "pw", **more}
    async with (
        aiohttp.ClientSession(server.url, headers=basic("admin", "secret")) as session,
        session.put("/_users/org.couchdb.user:sue", json=body) as reply,
    ):
        assert reply.status == 201


async def name_of(session: aiohttp.ClientSession) -> str | None:
    async with session.get("/_session") as reply:
        name: str | None = (await reply.json())["userCtx"]["name"]
        return name


async def test_a_session_ends(guarded: TestNode) -> None:
    await user(guarded)
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(guarded.url, cookie_jar=jar) as session:
        await session.post("/_session", json={"name": "sue", "password": "pw"})
        assert await name_of(session) == "sue"
        cookie = {"Cookie": "; ".join(f"{one.key}={one.value}" for one in jar)}
    async with aiohttp.ClientSession(guarded.url, headers=cookie) as session:
        guarded.clock.advance(TEN_MINUTES - 5)
        assert await name_of(session) == "sue"
        guarded.clock.advance(10)
        assert await name_of(session) is None
        guarded.clock.reset()
        assert await name_of(session) == "sue"


async def test_a_lock_out_ends(guarded: TestNode) -> None:
    await user(guarded)
    await guarded.node.config.set("chttpd_auth_lockout", "mode", "enforce")
    async with aiohttp.ClientSession(guarded.url) as session:

        async def status(password: str) -> int:
            async with session.get("/_session", headers=basic("sue", password)) as reply:
                return reply.status

        while await status("wrong") == 401:
            pass
        assert await status("pw") == 403
        guarded.clock.advance(3600)
        assert await status("pw") == 200


async def test_a_state_has_no_lock_outs(guarded: TestNode) -> None:
    await user(guarded)
    await guarded.node.config.set("chttpd_auth_lockout", "mode", "enforce")
    snapshot = await guarded.stage.snapshot()
    async with aiohttp.ClientSession(guarded.url) as session:

        async def status(password: str) -> int:
            async with session.get("/_session", headers=basic("sue", password)) as reply:
                return reply.status

        while await status("wrong") == 401:
            pass
        await guarded.stage.restore(snapshot)
        assert await status("pw") == 200


async def test_one_time_passwords_follow_it(guarded: TestNode) -> None:
    await user(guarded, totp={"key": SECRET})
    guarded.clock.set(1_900_000_000)
    totp = read_totp({"key": SECRET})
    assert totp is not None
    token = one_time_password(totp, 1_900_000_000)
    async with aiohttp.ClientSession(guarded.url) as session:

        async def status() -> int:
            body = {"name": "sue", "password": "pw", "token": token}
            async with session.post("/_session", json=body) as reply:
                return reply.status

        assert await status() == 200
        guarded.clock.advance(TEN_MINUTES)
        assert await status() == 401


async def test_remembered_replies_are_forgotten(server: TestNode, client: aiohttp.ClientSession) -> None:
    async def post() -> str:
        async with client.post("/films", json={"n": 1}, headers={"Idempotency-Key": "k"}) as reply:
            made: str = (await reply.json())["id"]
            return made

    first = await post()
    assert await post() == first
    server.clock.advance(server.settings.idempotency_lifetime + 1)
    assert await post() != first


async def test_uploads_expire_and_their_bytes_go(server: TestNode, client: aiohttp.ClientSession) -> None:
    async with client.post("/films/a/a.bin", data=b"some", headers={"Upload-Complete": "?0"}) as reply:
        location = reply.headers["Location"]
    server.clock.advance(server.settings.upload_lifetime - 60)
    assert (await client.head(location)).status == 204
    server.clock.advance(61 + timedelta(days=2).total_seconds())
    assert (await client.head(location)).status == 404

    async def is_gone() -> bool:
        with server.node.env.snapshot() as snapshot, snapshot.cursor(snapshot.tables.blobs) as cursor:
            return not list(cursor.iternext())

    assert await eventually(is_gone)


def test_it_is_moved_from_a_test_s_own_thread() -> None:
    with run_node_in_thread() as server:
        before = server.node.clock.now()
        server.clock.advance(TEN_MINUTES)
        assert server.node.clock.now() >= before + TEN_MINUTES
