"""Provisioned throughput: each class has its own second, and what is beyond is refused as Cloudant refuses it."""

from typing import Any

import aiohttp
import pytest

from docstore.double.actions import Throttle
from docstore.testing import TestNode

READ = ("GET", "/films/alien", None)
WRITE = ("PUT", "/films/ripley", {"a": 1})
QUERY = ("GET", "/films/_all_docs", None)
FREE = ("GET", "/films", None)


@pytest.fixture
def now(server: TestNode) -> list[float]:
    """The time of the windows, which stands still."""
    moment = [1000.0]
    server.faults.clock = lambda: moment[0]
    return moment


async def statuses(client: aiohttp.ClientSession, *requests: tuple[str, str, Any]) -> list[int]:
    found = []
    for method, path, body in requests:
        async with client.request(method, path, json=body) as reply:
            found.append(reply.status)
    return found


@pytest.mark.parametrize(("limits", "request_of", "allowed", "name"), [
    ({"reads": 2}, READ, [404, 404], "lookup"),
    ({"writes": 2}, WRITE, [201, 409], "write"),
    ({"queries": 2}, QUERY, [200, 200], "query"),
])  # fmt: skip
async def test_each_class_has_its_own_limit(
    server: TestNode,
    client: aiohttp.ClientSession,
    now: list[float],
    limits: dict[str, int],
    request_of: tuple[str, str, Any],
    allowed: list[int],
    name: str,
) -> None:
    fault = server.faults.add(Throttle(**limits))
    assert await statuses(client, request_of, request_of) == allowed
    others = [each for each in (READ, WRITE, QUERY, FREE) if each is not request_of]
    assert 429 not in await statuses(client, *others, *others, *others)
    method, path, body = request_of
    async with client.request(method, path, json=body) as reply:
        assert reply.status == 429
        assert await reply.json() == {
            "error": "too_many_requests",
            "reason": f"You've exceeded your current limit of 2 requests per second for {name} class."
            " Please try later.",
            "class": name,
            "rate": 2,
        }
    now[0] += 0.99
    assert await statuses(client, request_of) == [429]
    now[0] += 0.02
    assert 429 not in await statuses(client, request_of)
    assert fault.hits == 2


async def test_a_bulk_write_counts_its_documents(
    server: TestNode, client: aiohttp.ClientSession, now: list[float]
) -> None:
    server.faults.add(Throttle(writes=10))
    docs = [{"_id": f"film-{number}"} for number in range(8)]
    bulk = ("POST", "/films/_bulk_docs", {"docs": docs})
    assert await statuses(client, bulk, bulk, WRITE, WRITE, WRITE) == [201, 429, 201, 409, 429]
    assert server.node.registry.open("films").info().doc_count == 9


async def test_what_costs_more_than_a_second_is_let_in_alone(
    server: TestNode, client: aiohttp.ClientSession, now: list[float]
) -> None:
    server.faults.add(Throttle(writes=2))
    bulk = ("POST", "/films/_bulk_docs", {"docs": [{} for _ in range(50)]})
    assert await statuses(client, bulk, WRITE) == [201, 429]
