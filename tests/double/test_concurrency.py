"""Rules under many requests at a time: counts are exact, and a seed says the same of the same requests."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import aiohttp
import pytest
import requests

from docstore.double.actions import Answer, DropReply, SpuriousConflict
from docstore.testing import TestNode, run_node, run_node_in_thread
from tests.storage_findings import storage_findings

MANY = 60


async def put(client: aiohttp.ClientSession, number: int, **more: Any) -> int | None:
    """The status of a write of its own, None if there was no answer."""
    body = {"n": number, "kind": "odd" if number % 2 else "even", **more}
    try:
        async with client.put(f"/films/{number}", json=body) as reply:
            return reply.status
    except aiohttp.ClientError:
        return None


@pytest.mark.parametrize("match", [{}, {"body": {"kind": "odd"}}, {"body": {"n": {"$gte": 0}}}])
async def test_some_of_many(server: TestNode, client: aiohttp.ClientSession, match: dict[str, Any]) -> None:
    """Also where bodies have to come before it is known whether a rule is for them."""
    nth = server.faults.add(Answer(503), nth=(1, 7, 20), **match)
    twice = server.faults.add(Answer(504), times=2, **match)
    statuses = await asyncio.gather(*(put(client, number) for number in range(MANY)))
    seen = MANY // 2 if match == {"body": {"kind": "odd"}} else MANY
    assert (nth.seen, nth.hits, statuses.count(503)) == (seen, 3, 3)
    assert (twice.seen, twice.hits, statuses.count(504)) == (2, 2, 2)
    assert statuses.count(201) == MANY - 5


async def pattern(seed: int, at_once: int) -> list[bool]:
    """Which of the requests were hit, in the order in which they came."""
    async with run_node() as server, aiohttp.ClientSession(server.url) as client:
        client._retry_connection = False
        await server.node.registry.create("films")
        lost = server.faults.add(DropReply(), method="PUT", probability=0.3, seed=seed)
        turns = asyncio.Semaphore(at_once)

        async def one(number: int) -> int | None:
            async with turns:
                return await put(client, number)

        await asyncio.gather(*(one(number) for number in range(MANY)))
        assert storage_findings(server.node) == []
        assert server.node.registry.open("films").info().doc_count == MANY
        return [lost.id in entry.rules for entry in server.journal.requests(method="PUT")]


async def test_a_seed_replays_however_many_come_at_a_time() -> None:
    alone = await pattern(11, 1)
    assert 0 < sum(alone) < MANY
    assert await pattern(11, 8) == alone
    assert await pattern(11, MANY) == alone
    assert await pattern(12, 8) != alone


async def test_conflicts_of_many_at_a_time(server: TestNode, client: aiohttp.ClientSession) -> None:
    """All writes of the same revision are taken, each as a branch, and none twice."""
    async with client.put("/films/alien", json={}) as reply:
        rev = (await reply.json())["rev"]
    fault = server.faults.add(SpuriousConflict(), document="alien")

    async def write(number: int) -> str:
        async with client.put("/films/alien", json={"n": number}, params={"rev": rev}) as reply:
            assert reply.status == 201
            return str((await reply.json())["rev"])

    revs = await asyncio.gather(*map(write, range(20)))
    async with client.get("/films/alien", params={"conflicts": "true"}) as reply:
        told = await reply.json()
    assert sorted(revs) == sorted([told["_rev"], *told["_conflicts"]])
    assert fault.hits == 19


def test_threads_add_and_remove_rules_while_others_ask() -> None:
    stop = threading.Event()
    with run_node_in_thread() as server, ThreadPoolExecutor(6) as threads:
        server.load([{"_id": "alien"}], "films")
        url = f"{server.url}/films/alien"

        def change() -> int:
            turns = 0
            while not stop.is_set():
                fault = server.faults.add(Answer(503), document="alien", times=3)
                server.faults.add(Answer(504), document="ripley")
                assert server.faults.get(fault.id) in (fault, None)
                fault.remove()
                if turns % 7 == 0:
                    server.faults.clear()
                    server.journal.clear()
                    server.journal.requests(status=503)
                turns += 1
            return turns

        def ask() -> list[int]:
            with requests.Session() as session:
                return [session.get(url).status_code for _ in range(60)]

        changing = [threads.submit(change) for _ in range(2)]
        statuses = [status for asking in [threads.submit(ask) for _ in range(4)] for status in asking.result()]
        stop.set()
        assert all(turns.result() for turns in changing)
        assert set(statuses) <= {200, 503}
        server.faults.clear()
        assert len(server.faults) == 0
        assert ask() == [200] * 60
