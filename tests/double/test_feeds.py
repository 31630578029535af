"""Faults of feeds: rows again, in another order, cut in the middle, and from earlier on."""

import json
from contextlib import suppress
from typing import Any

import aiohttp
import pytest

from docstore.double.actions import BreakFeed, ReorderRows, RepeatRows, Rewind
from docstore.testing import TestNode

FEEDS = ("normal", "longpoll", "continuous", "eventsource")
IDS = [f"film-{number}" for number in range(6)]


@pytest.fixture(autouse=True)
async def films(server: TestNode, client: aiohttp.ClientSession) -> None:
    for name in IDS:
        async with client.put(f"/films/{name}", json={"text": 'a "]\n," in it'}) as reply:
            assert reply.status == 201


async def text_of(client: aiohttp.ClientSession, feed: str, **query: str) -> tuple[str, bool]:
    """What came, and whether the answer was whole."""
    params = {"feed": feed, "timeout": "30", "include_docs": "true"} | query
    text = b""
    async with client.get("/films/_changes", params=params) as reply:
        assert reply.status == 200
        try:
            async for piece in reply.content.iter_any():
                text += piece
        except aiohttp.ClientPayloadError:
            return text.decode(), False
    return text.decode(), True


def rows_of(feed: str, text: str) -> list[dict[str, Any]]:
    if feed in ("normal", "longpoll"):
        whole = json.loads(text)
        assert whole.keys() == {"results", "last_seq", "pending"}
        return list(whole["results"])
    if feed == "continuous":
        return [row for row in map(json.loads, filter(None, text.split("\n"))) if "id" in row]
    events = [dict(line.split(": ", 1) for line in event.split("\n")) for event in text.split("\n\n") if event]
    rows = [json.loads(event["data"]) for event in events if event.get("data")]
    assert [row["seq"] for row in rows] == [json.loads(event["id"]) for event in events if event.get("data")]
    return rows


def ids(rows: list[dict[str, Any]]) -> list[str]:
    return [row["id"] for row in rows]


@pytest.mark.parametrize("feed", FEEDS)
async def test_rows_again(server: TestNode, client: aiohttp.ClientSession, feed: str) -> None:
    plain, _ = await text_of(client, feed)
    server.faults.add(RepeatRows(3), endpoint="_changes", times=1)
    text, whole = await text_of(client, feed)
    assert whole
    assert rows_of(feed, text) == [row for row in rows_of(feed, plain) for _ in range(3)]
    assert (await text_of(client, feed))[0] == plain


@pytest.mark.parametrize("feed", FEEDS)
async def test_rows_in_another_order(server: TestNode, client: aiohttp.ClientSession, feed: str) -> None:
    plain = rows_of(feed, (await text_of(client, feed))[0])
    orders = []
    for seed in (1, 1, 2):
        fault = server.faults.add(ReorderRows(), endpoint="_changes", seed=seed)
        text, whole = await text_of(client, feed)
        assert whole
        rows = rows_of(feed, text)
        assert rows != plain
        assert sorted(rows, key=lambda row: row["id"]) == plain
        orders.append(ids(rows))
        fault.remove()
    assert orders[0] == orders[1] != orders[2]


@pytest.mark.parametrize("feed", FEEDS)
@pytest.mark.parametrize("rows", [0, 2])
async def test_a_feed_that_breaks_off_in_a_row(
    server: TestNode, client: aiohttp.ClientSession, feed: str, rows: int
) -> None:
    plain, _ = await text_of(client, feed)
    server.faults.add(BreakFeed(rows), endpoint="_changes", times=1)
    text, whole = await text_of(client, feed)
    assert not whole
    assert plain.startswith(text)
    assert text.count('"seq"') == rows + 1
    assert text.count('"_id"') in (rows, rows + 1)
    with pytest.raises(json.JSONDecodeError):
        json.loads(text.rstrip("\n").rpartition("\n")[2].removeprefix("data: "))


async def test_a_running_feed_breaks_off_when_its_row_comes(server: TestNode, client: aiohttp.ClientSession) -> None:
    server.faults.add(BreakFeed(1), query={"feed": "continuous"})
    async with client.get("/films/_changes?feed=continuous&since=now&heartbeat=20") as reply:
        assert await reply.content.readline() == b"\n"
        async with client.put("/films/first", json={}):
            pass
        line = b"\n"
        while line == b"\n":
            line = await reply.content.readline()
        assert json.loads(line)["id"] == "first"
        async with client.put("/films/second", json={}):
            pass
        rest = b""
        with suppress(aiohttp.ClientPayloadError):
            async for piece in reply.content.iter_any():
                rest += piece
        assert rest.count(b'"seq"') == 1
        assert b"second" not in rest or b"}]}" not in rest


@pytest.mark.parametrize("feed", FEEDS)
@pytest.mark.parametrize(("by", "expected"), [(2, IDS[2:]), (None, IDS), (100, IDS)])
async def test_a_feed_begins_earlier(
    server: TestNode, client: aiohttp.ClientSession, feed: str, by: int | None, expected: list[str]
) -> None:
    rows = rows_of("normal", (await text_of(client, "normal"))[0])
    server.faults.add(Rewind(by), endpoint="_changes", times=1)
    text, _ = await text_of(client, feed, since=rows[3]["seq"])
    assert ids(rows_of(feed, text)) == expected
    text, _ = await text_of(client, feed, since=rows[3]["seq"])
    assert ids(rows_of(feed, text)) == IDS[4:]


async def test_an_event_source_that_goes_on_is_rewound_too(server: TestNode, client: aiohttp.ClientSession) -> None:
    rows = rows_of("normal", (await text_of(client, "normal"))[0])
    server.faults.add(Rewind(1), endpoint="_changes")
    params = {"feed": "eventsource", "timeout": "30"}
    async with client.get("/films/_changes", params=params, headers={"Last-Event-ID": rows[3]["seq"]}) as reply:
        assert ids(rows_of("eventsource", await reply.text())) == IDS[3:]
