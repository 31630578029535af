"""Faults that answer, or end the connection: each has its effect and no other."""

import asyncio
import errno
import socket
from typing import Any

import aiohttp
import pytest

from docstore.double.actions import Answer, BrokenJson, Delay, Drop, DropReply, Reset, SlowBody, Stall, Truncate
from docstore.testing import TestNode, run_node, run_node_in_thread

BODY = {"year": 1979}
PATH = "/films/alien"


async def exists(server: TestNode) -> bool:
    return server.node.registry.open("films").head("alien") is not None


async def put(client: aiohttp.ClientSession) -> tuple[int, Any]:
    async with client.put(PATH, json=BODY) as reply:
        return reply.status, await reply.json()


@pytest.mark.parametrize("status", [401, 403, 404, 409, 412, 413, 429, 499, 500, 502, 503, 504, 520, 599])
async def test_an_error_instead_of_the_answer(server: TestNode, client: aiohttp.ClientSession, status: int) -> None:
    server.faults.add(Answer(status, retry_after=3), method="PUT", times=2)
    for _ in range(2):
        async with client.put(PATH, json=BODY) as reply:
            said = await reply.json()
            assert (reply.status, reply.headers["Retry-After"]) == (status, "3")
            assert len(reply.headers["X-Couch-Request-ID"]) == 10
            assert said.keys() >= {"error", "reason"}
        assert not await exists(server)
    assert (await put(client))[0] == 201


async def test_a_429_is_cloudants(server: TestNode, client: aiohttp.ClientSession) -> None:
    server.faults.add(Answer(429), database="films")
    _, said = await put(client)
    assert said == {
        "error": "too_many_requests",
        "reason": "You've exceeded your current limit of 10 requests per second for write class. Please try later.",
        "class": "write",
        "rate": 10,
    }


async def test_words_headers_and_bodies_of_ones_own(server: TestNode, client: aiohttp.ClientSession) -> None:
    server.faults.add(Answer(418, error="teapot", reason="short", headers={"X-Pot": "1"}), times=1)
    server.faults.add(Answer(502, body="<h1>Bad Gateway</h1>", content_type="text/html"), times=1)
    async with client.get(PATH) as reply:
        assert (reply.status, reply.headers["X-Pot"]) == (418, "1")
        assert await reply.json() == {"error": "teapot", "reason": "short"}
    async with client.get(PATH) as reply:
        assert (reply.status, reply.content_type, await reply.text()) == (502, "text/html", "<h1>Bad Gateway</h1>")


@pytest.mark.parametrize(("action", "done"), [(Drop(), False), (DropReply(), True)])
async def test_a_closed_connection(server: TestNode, client: aiohttp.ClientSession, action: Any, done: bool) -> None:
    server.faults.add(action, method="PUT", times=1)
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await put(client)
    assert await exists(server) is done
    server.journal.assert_requests(1, method="PUT", outcome="dropped", status=None)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_reset_connection(server: TestNode, client: aiohttp.ClientSession, when: Any) -> None:
    server.faults.add(Reset(when), method="PUT", times=1)
    with pytest.raises(aiohttp.ClientOSError) as raised:
        await put(client)
    assert raised.value.errno == errno.ECONNRESET
    assert await exists(server) is (when == "after")
    server.journal.assert_requests(1, method="PUT", outcome="reset")


async def test_a_delay(server: TestNode, client: aiohttp.ClientSession) -> None:
    server.faults.add(Delay(0.2, jitter=0.1), method="PUT")
    began = asyncio.get_running_loop().time()
    assert (await put(client))[0] == 201
    assert asyncio.get_running_loop().time() - began >= 0.2


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_stall_lasts_as_long_as_its_rule(server: TestNode, client: aiohttp.ClientSession, when: Any) -> None:
    fault = server.faults.add(Stall(when), method="PUT")
    waiting = asyncio.create_task(put(client))
    await server.journal.arrived(method="PUT")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(waiting), 0.1)
    assert await exists(server) is (when == "after")
    await asyncio.to_thread(fault.remove)
    assert (await waiting)[0] == 201


async def test_a_stalled_client_that_leaves_has_done_nothing(server: TestNode, client: aiohttp.ClientSession) -> None:
    server.faults.add(Stall(), method="PUT")
    with pytest.raises(TimeoutError):
        await client.put(PATH, json=BODY, timeout=aiohttp.ClientTimeout(0.1))
    await server.journal.arrived(method="PUT", outcome="left")
    assert not await exists(server)


@pytest.mark.parametrize(
    ("action", "status", "text"),
    [
        (BrokenJson(), 200, "{"),
        (BrokenJson('{"ok":', status=None), 201, '{"ok":'),
    ],
)
async def test_an_answer_that_is_no_json(
    server: TestNode, client: aiohttp.ClientSession, action: BrokenJson, status: int, text: str
) -> None:
    server.faults.add(action, method="PUT", times=1)
    async with client.put(PATH, json=BODY) as reply:
        assert (reply.status, await reply.text()) == (status, text)
    assert await exists(server)


async def what_came(reply: aiohttp.ClientResponse) -> tuple[bytes, bool]:
    """The bytes that came, and whether they were all."""
    text = b""
    try:
        async for piece in reply.content.iter_any():
            text += piece
    except aiohttp.ClientPayloadError:
        return text, False
    return text, True


async def test_a_body_that_breaks_off(server: TestNode, client: aiohttp.ClientSession) -> None:
    await put(client)
    async with client.get(PATH) as reply:
        whole = await reply.read()
    server.faults.add(Truncate(10), method="GET", nth=1)
    server.faults.add(Truncate(), method="GET", nth=2)
    server.faults.add(Truncate(len(whole)), method="GET", nth=3)
    for expected in (whole[:10], whole[: len(whole) // 2], whole):
        async with client.get(PATH) as reply:
            assert (reply.status, reply.content_length) == (200, len(whole))
            assert await what_came(reply) == (expected, expected == whole)


async def test_a_stream_that_breaks_off(server: TestNode, client: aiohttp.ClientSession) -> None:
    documents = [{"_id": f"{number:04}", "text": "x" * 1000} for number in range(300)]
    async with client.post("/films/_bulk_docs", json={"docs": documents}) as reply:
        assert reply.status == 201
    server.faults.add(Truncate(100_000), endpoint="_all_docs")
    async with client.get("/films/_all_docs?include_docs=true") as reply:
        text, is_whole = await what_came(reply)
    assert (len(text), is_whole) == (100_000, False)


async def test_a_slow_body_is_the_same_body(server: TestNode, client: aiohttp.ClientSession) -> None:
    assert (await put(client))[0] == 201
    async with client.get(PATH) as reply:
        whole = await reply.read()
    server.faults.add(SlowBody(size=16, seconds=0.002), method="GET")
    async with client.get(PATH) as reply:
        pieces = [piece async for piece in reply.content.iter_any()]
    assert b"".join(pieces) == whole
    assert len(pieces) > 2


@pytest.mark.parametrize("action", [Stall(), Stall("after"), Delay(600), SlowBody(seconds=600)])
async def test_nothing_holds_up_the_end_of_a_server(action: Any) -> None:
    async with aiohttp.ClientSession() as client, asyncio.timeout(8):
        client._retry_connection = False
        async with run_node() as server:
            server.faults.add(action, times=1)
            waiting = asyncio.create_task(client.get(server.url))
            await server.journal.arrived(rule="*")
            if isinstance(action, SlowBody):
                await server.journal.arrived(status=200)
        with pytest.raises(aiohttp.ClientError):
            await (await waiting).read()


async def test_a_client_that_has_sent_its_last_is_answered_and_left(server: TestNode) -> None:
    server.faults.add(Answer(503))
    address = server.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(address[0], int(address[1]))
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 2)
    writer.write_eof()
    async with asyncio.timeout(5):
        text = await reader.read()
    assert text.count(b"HTTP/1.1 503") == 2
    writer.close()


def test_a_reset_is_one_on_the_other_event_loop_too() -> None:
    with run_node_in_thread() as server:
        server.faults.add(Reset())
        host, port = server.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            with pytest.raises(ConnectionResetError):
                connection.recv(1)


async def test_a_feed_that_was_held_back_still_ends_with_its_server() -> None:
    async with aiohttp.ClientSession() as client, asyncio.timeout(8):
        client._retry_connection = False
        async with run_node() as server:
            await server.node.registry.create("films")
            fault = server.faults.add(Stall("after"), endpoint="_changes")
            reading = asyncio.create_task(client.get(f"{server.url}/films/_changes?feed=continuous&heartbeat=60000"))
            await server.journal.arrived(status=200)
            fault.remove()
            reply = await reading
            assert await reply.content.readline() == b"\n"
        assert b"last_seq" in await reply.read()


async def test_pages_may_read_what_a_rule_says(server: TestNode, client: aiohttp.ClientSession) -> None:
    cors = {"enable_cors": True, "origins": ["http://page.example"], "allow_credentials": True}
    async with client.put("/_api/v2/user/config/cors", json=cors) as reply:
        assert reply.status == 200
    server.faults.add(Answer(503))
    async with client.get(PATH, headers={"Origin": "http://page.example"}) as reply:
        assert (reply.status, reply.headers["Access-Control-Allow-Origin"]) == (503, "http://page.example")
