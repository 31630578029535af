"""The fault that limits the throughput: what a client is told beyond it, and that nothing of that was done."""

from typing import Any

import aiohttp
import pytest

from docstore.double.actions import Throttle
from docstore.testing import TestNode

PATHS = {"lookup": ("GET", "/films/alien"), "query": ("GET", "/films/_all_docs"), "write": ("PUT", "/films/alien")}


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock(server: TestNode) -> Clock:
    server.faults.clock = Clock()
    return server.faults.clock


async def ask(client: aiohttp.ClientSession, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    async with client.request(method, path, json=body) as reply:
        return reply.status, await reply.json()


async def seq(client: aiohttp.ClientSession) -> Any:
    return (await ask(client, "GET", "/films"))[1]["update_seq"]


@pytest.mark.parametrize(
    ("action", "limited"),
    [(Throttle(reads=2), "lookup"), (Throttle(queries=2), "query"), (Throttle(writes=2), "write")],
)
async def test_a_class_beyond_its_limit(
    server: TestNode, client: aiohttp.ClientSession, clock: Clock, action: Throttle, limited: str
) -> None:
    fault = server.faults.add(action)
    for name, (method, path) in PATHS.items():
        for number in range(4):
            before = await seq(client)
            body = {"_id": "alien", "number": number} if method == "PUT" else None
            status, said = await ask(client, method, f"{path}{number}" if body else path, body)
            if name == limited and number >= 2:
                assert (status, said["error"], said["class"], said["rate"]) == (429, "too_many_requests", limited, 2)
                assert await seq(client) == before
            else:
                assert status != 429
    assert fault.hits == 2
    clock.time = 1.5
    method, path = PATHS[limited]
    assert (await ask(client, method, path, {} if method == "PUT" else None))[0] != 429


async def test_a_bulk_write_takes_one_for_each_document(
    server: TestNode, client: aiohttp.ClientSession, clock: Clock
) -> None:
    server.faults.add(Throttle(writes=5))
    docs = [{"_id": str(number)} for number in range(3)]
    assert (await ask(client, "POST", "/films/_bulk_docs", {"docs": docs}))[0] == 201
    before = await seq(client)
    statuses = [(await ask(client, "PUT", f"/films/more{number}", {}))[0] for number in range(3)]
    assert statuses == [201, 201, 429]
    assert await seq(client) != before
    assert (await ask(client, "GET", "/films/more2"))[0] == 404
