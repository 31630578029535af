"""A server that goes back to a state while it is asked: everybody is told something true, and the store is whole."""

import asyncio
import json
import random
import re
from typing import Any

import aiohttp
import pytest

from docstore.double.actions import (
    Action,
    Delay,
    DropReply,
    RepeatRows,
    Rewind,
    SlowBody,
    SpuriousConflict,
    StaleRead,
    Stall,
)
from docstore.errors import DatabaseNotFound
from docstore.storage.image import Image
from docstore.testing import TestNode, run_node
from tests.storage_findings import storage_findings

FEEDS = ("continuous", "longpoll", "eventsource")


async def ids(client: aiohttp.ClientSession) -> list[str]:
    async with client.get("/films/_all_docs") as reply:
        return [row["id"] for row in (await reply.json())["rows"]]


@pytest.mark.parametrize("feed", FEEDS)
@pytest.mark.parametrize("action", [None, RepeatRows(), SlowBody(11, 0.0001), Rewind()])
async def test_a_feed_ends(server: TestNode, client: aiohttp.ClientSession, feed: str, action: Action | None) -> None:
    """As it does when its database is deleted, and nothing of the undone time comes afterwards."""
    await client.put("/films/alien", json={})
    past = await server.stage.snapshot()
    await client.put("/films/brazil", json={})
    if action is not None:
        server.faults.add(action, endpoint="_changes", query={"feed": feed})
    async with client.get("/films") as reply:
        since = (await reply.json())["update_seq"]
    asked = {"feed": feed, "since": since, "heartbeat": "10"}
    async with client.get("/films/_changes", params=asked) as reply:
        await reply.content.readany()  # it waits, and says so
        await server.stage.restore(past)
        async with asyncio.timeout(20):
            text = (await reply.read()).decode()
    told = set(re.findall(r'"id":"(\w+)"', text))
    assert told <= ({"brazil"} if isinstance(action, Rewind) else set()) | ({"alien"} if action else set())
    assert await ids(client) == ["alien"]
    async with client.get("/films/_changes") as reply:
        assert [row["id"] for row in (await reply.json())["results"]] == ["alien"]


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_write_that_is_held_back(server: TestNode, client: aiohttp.ClientSession, when: Any) -> None:
    """What goes on afterwards is written to what is there then; what was written before is undone with the rest."""
    past = await server.stage.snapshot()
    fault = server.faults.add(Stall(when), method="PUT", document="late")
    writing = asyncio.create_task(client.put("/films/late", json={}))
    await server.journal.arrived(1, document="late")
    if when == "after":
        async with asyncio.timeout(20):
            while await ids(client) != ["late"]:
                pass
    await client.put("/films/another", json={})
    await server.stage.restore(past)
    fault.remove()
    assert (await writing).status == 201
    assert await ids(client) == (["late"] if when == "before" else [])


async def test_a_stale_read_of_what_is_undone(server: TestNode, client: aiohttp.ClientSession) -> None:
    past = await server.stage.snapshot()
    await client.put("/films/alien", json={})
    server.faults.add(StaleRead())
    await server.stage.restore(past)
    assert (await client.get("/films/alien")).status == 404


async def test_a_database_that_goes_before_its_branch_is_written(
    server: TestNode, client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the refusal and the branch: the client has its conflict."""
    await client.put("/films/alien", json={})
    fault = server.faults.add(SpuriousConflict(), method="PUT")
    struck = server.faults.struck_late

    def and_then_it_goes(*arguments: Any) -> Any:
        hits = struck(*arguments)
        monkeypatch.setattr(server.node.registry, "open", refuse)
        return hits

    def refuse(name: str) -> None:
        raise DatabaseNotFound(name)

    monkeypatch.setattr(server.faults, "struck_late", and_then_it_goes)
    assert (await client.put("/films/alien", json={"n": 1})).status == 409
    monkeypatch.undo()
    assert fault.hits == 1


async def test_a_state_that_is_taken_while_one_of_its_name_is_put_back(
    server: TestNode, client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    await client.put("/films/alien", json={})
    await server.stage.snapshot("here")
    put_back = server.node.put_back

    async def and_then_another(image: Image) -> Image:
        done = await put_back(image)
        await client.put("/films/brazil", json={})
        await server.stage.snapshot("here")
        return done

    monkeypatch.setattr(server.node, "put_back", and_then_another)
    await server.stage.restore("here")
    monkeypatch.undo()
    await client.delete("/films")
    await server.stage.restore("here")
    assert await ids(client) == ["alien", "brazil"]


async def test_all_of_it_at_once() -> None:
    """Clients that write, read, follow and copy beside restores, snapshots, loads and moved clocks."""
    chance = random.Random(17)
    async with run_node() as server, aiohttp.ClientSession(server.url) as client:
        client._retry_connection = False
        await client.put("/films")
        await server.stage.load("films", [{"_id": f"kept-{number}"} for number in range(20)])
        await server.stage.snapshot("kept")
        rules: list[Action] = [
            *(DropReply(), Delay(0.001, 0.002), SpuriousConflict(), SpuriousConflict({"of": "another"})),
            *(StaleRead(), RepeatRows(), Rewind(2), SlowBody(64, 0.0001)),
        ]
        for action in rules:
            server.faults.add(action, probability=0.2, seed=chance.randrange(99), header={"X-Asked": True})
        done = False
        odd: list[Any] = []

        async def ask(number: int) -> None:
            mine = random.Random(number)
            turn = 0
            while not done:
                turn += 1
                name = f"{mine.choice(['kept', 'new'])}-{mine.randrange(30)}"
                calls = [
                    ("PUT", f"/films/{name}", {"turn": turn}),
                    ("GET", f"/films/{name}", None),
                    ("POST", "/films/_bulk_docs", {"docs": [{"_id": name}, {"_id": f"{name}-too"}]}),
                    ("GET", "/films/_all_docs?include_docs=true", None),
                    ("GET", "/films/_changes?feed=continuous&timeout=5", None),
                    ("PUT", f"/films/{name}/file", {"bytes": 1}),
                    ("POST", "/_replicate", {"source": "films", "target": "copy", "create_target": True}),
                ]
                method, path, body = mine.choice(calls)
                try:
                    async with client.request(method, path, json=body, headers={"X-Asked": "1"}) as reply:
                        text = await reply.text()
                        if reply.status == 200 and "_changes" not in path:
                            json.loads(text)
                        if reply.status >= 500 and "_replicate" not in path:
                            odd.append((method, path, reply.status, text))
                except aiohttp.ClientError:
                    continue

        asking = [asyncio.create_task(ask(number)) for number in range(6)]
        for turn in range(25):
            await server.stage.restore("kept")
            present = set(await ids(client))
            assert {f"kept-{number}" for number in range(20)} <= present
            if turn % 5 == 0:
                server.clock.advance(100)
            if turn % 7 == 0:
                server.clock.set(1_000_000_000 + turn)
            await server.stage.load("films", [{"_id": f"loaded-{turn}"}])
            await server.stage.snapshot("other")
        done = True
        await asyncio.gather(*asking)
        server.faults.clear()
        assert odd == []
        await server.stage.restore("kept")
        assert await ids(client) == sorted(f"kept-{number}" for number in range(20))
        assert storage_findings(server.node) == []
