"""Several rules on one request: what the client sees of them, and which of them have counted."""

import random
from typing import Any

import aiohttp
import pytest

from docstore.double.actions import (
    Action,
    Answer,
    BreakFeed,
    BrokenJson,
    Delay,
    Drop,
    DropReply,
    RepeatRows,
    Reset,
    SlowBody,
    SpuriousConflict,
    StaleRead,
    Throttle,
    Truncate,
)
from docstore.double.faults import Fault
from docstore.testing import TestNode

LOST = "lost"
SLOW = SlowBody(20, 0.0001)


async def seen(client: aiohttp.ClientSession, method: str, path: str, **more: Any) -> tuple[int | str, bytes]:
    """The status of an answer and its body, or that there was none, or only its beginning."""
    status: int | str = LOST
    body = bytearray()
    try:
        async with client.request(method, path, **more) as reply:
            status = reply.status
            async for piece in reply.content.iter_any():
                body += piece
    except aiohttp.ClientError:
        return (LOST if status == LOST else f"{status} cut off"), bytes(body)
    return status, bytes(body)


def add(server: TestNode, *actions: Action, **match: Any) -> list[Fault]:
    return [server.faults.add(action, **match) for action in actions]


@pytest.mark.parametrize(
    ("actions", "status", "hits", "written"),
    [
        ([DropReply(), Answer(503)], LOST, [1, 1], False),
        ([Answer(503), DropReply()], 503, [1, 0], False),
        ([Truncate(5), Answer(503)], "503 cut off", [1, 1], False),
        ([SLOW, Answer(503), Answer(500)], 503, [1, 1, 0], False),
        ([BrokenJson(status=None), Answer(503)], 503, [1, 1], False),
        ([Reset("after"), Throttle(writes=1), Drop()], LOST, [0, 0, 1], False),
        ([Delay(0.001), Drop()], LOST, [1, 1], False),
        ([Truncate(5), Drop(), SLOW], LOST, [0, 1, 0], False),
        ([SLOW, Reset()], LOST, [0, 1], False),
        ([SLOW, DropReply(), Truncate(5)], LOST, [0, 1, 0], True),
        ([DropReply(), Reset("after")], LOST, [1, 0], True),
        ([Delay(0.001), SLOW, Truncate(5)], "201 cut off", [1, 1, 1], True),
        ([SLOW, BrokenJson()], 200, [0, 1], True),
        ([BrokenJson("{", 200), SLOW, BrokenJson("[", 202)], 202, [0, 0, 1], True),
        ([BrokenJson(), SLOW], 200, [1, 1], True),
    ],
)
async def test_a_write(
    server: TestNode,
    client: aiohttp.ClientSession,
    actions: list[Action],
    status: int | str,
    hits: list[int],
    written: bool,
) -> None:
    faults = add(server, *actions, method="PUT")
    assert (await seen(client, "PUT", "/films/alien", json={"text": "x" * 100}))[0] == status
    assert [fault.hits for fault in faults] == hits
    [entry] = server.journal.requests(method="PUT")
    assert entry.rules == tuple(fault.id for fault in faults if fault.hits)
    assert (await seen(client, "GET", "/films/alien"))[0] == (200 if written else 404)


async def test_what_has_not_counted_is_still_to_come(server: TestNode, client: aiohttp.ClientSession) -> None:
    faults = add(server, SLOW, Truncate(5), DropReply(), method="PUT", times=1)
    assert (await seen(client, "PUT", "/films/a", json={}))[0] == LOST
    assert [fault.hits for fault in faults] == [0, 0, 1]
    assert (await seen(client, "PUT", "/films/b", json={}))[0] == "201 cut off"
    assert [fault.hits for fault in faults] == [1, 1, 1]
    assert (await seen(client, "PUT", "/films/c", json={}))[0] == 201


async def test_one_behind_the_other(server: TestNode, client: aiohttp.ClientSession) -> None:
    add(server, Answer(429), times=2)
    add(server, Answer(500), times=1)
    assert [(await seen(client, "GET", "/films"))[0] for _ in range(4)] == [429, 429, 500, 200]


async def test_the_throughput_is_used_up_beside_other_rules(server: TestNode, client: aiohttp.ClientSession) -> None:
    lost, throttled = add(server, DropReply(), Throttle(writes=1), method="PUT")
    assert [(await seen(client, "PUT", f"/films/{name}", json={}))[0] for name in "ab"] == [LOST, LOST]
    assert (lost.hits, throttled.hits) == (2, 1)
    assert [(await seen(client, "GET", f"/films/{name}"))[0] for name in "ab"] == [200, 404]


async def test_a_stale_read_that_is_refused(server: TestNode, client: aiohttp.ClientSession) -> None:
    await client.put("/films/alien", json={})
    stale, refused = add(server, StaleRead(), Answer(503), method="GET", times=1)
    assert (await seen(client, "GET", "/films/alien"))[0] == 503
    assert (stale.hits, refused.hits) == (0, 1)
    assert (await seen(client, "GET", "/films/alien"))[0] == 404
    assert stale.hits == 1


async def test_a_conflict_that_becomes_a_branch_of_which_nobody_hears(
    server: TestNode, client: aiohttp.ClientSession
) -> None:
    rev = (await (await client.put("/films/alien", json={})).json())["rev"]
    await client.put("/films/alien", json={"n": 1}, params={"rev": rev})
    faults = add(server, SpuriousConflict(), DropReply(), method="PUT")
    assert (await seen(client, "PUT", "/films/alien", json={"n": 2}, params={"rev": rev}))[0] == LOST
    assert [fault.hits for fault in faults] == [1, 1]
    assert server.journal.requests(method="PUT")[-1].rules == (faults[1].id, faults[0].id)
    async with client.get("/films/alien", params={"conflicts": "true"}) as reply:
        assert len((await reply.json())["_conflicts"]) == 1


@pytest.mark.parametrize("action", [BreakFeed(0), RepeatRows()])
async def test_a_feed_that_there_is_not(server: TestNode, client: aiohttp.ClientSession, action: Action) -> None:
    fault = server.faults.add(action, times=1)
    assert (await seen(client, "GET", "/none/_changes"))[0] == 404
    broken = server.faults.add(BrokenJson(), times=1)
    assert (await seen(client, "GET", "/films/_changes"))[1] == b"{"
    assert (fault.hits, broken.hits) == (0, 1)
    await client.put("/films/alien", json={})
    status, body = await seen(client, "GET", "/films/_changes")
    assert status == "200 cut off" if isinstance(action, BreakFeed) else body.count(b'"alien"') == 2
    assert fault.hits == 1


async def test_an_answer_without_a_body(server: TestNode, client: aiohttp.ClientSession) -> None:
    tag = (await client.put("/films/alien", json={})).headers["ETag"]
    faults = add(server, SLOW, Truncate(1), BrokenJson())
    assert (await seen(client, "GET", "/films/alien", headers={"If-None-Match": tag})) == (304, b"")
    assert [fault.hits for fault in faults] == [0, 0, 0]
    assert server.journal.requests(status=304)[0].rules == ()


async def test_whatever_they_are_the_journal_has_those_that_counted(
    server: TestNode, client: aiohttp.ClientSession
) -> None:
    chance = random.Random(3)
    actions: list[Action] = [
        *(Answer(503), BrokenJson(), Delay(0.0001), Drop(), DropReply(), Reset(), Reset("after"), SLOW, Truncate(3)),
        *(BreakFeed(0), RepeatRows(), StaleRead(), SpuriousConflict(), SpuriousConflict({"a": 1}), Throttle(writes=1)),
    ]
    paths = [("PUT", "/films/alien"), ("GET", "/films/alien"), ("GET", "/films/_changes"), ("HEAD", "/films")]
    for _ in range(150):
        server.journal.clear()
        server.faults.clear()
        faults = add(server, *chance.choices(actions, k=chance.randrange(1, 5)))
        method, path = chance.choice(paths)
        await seen(client, method, path, json={"n": 1} if method == "PUT" else None)
        [entry] = server.journal
        assert sorted(entry.rules) == sorted(fault.id for fault in faults if fault.hits)
        assert all(fault.hits in (0, 1) for fault in faults)
