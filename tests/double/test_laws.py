"""Whatever the rules are, what was acknowledged is there, and the store is consistent."""

import asyncio
from contextlib import suppress
from typing import Any

import aiohttp
from hypothesis import given, settings
from hypothesis import strategies as st

from docstore.core.rev import parse_rev
from docstore.database.reading.trees import read_tree
from docstore.double.actions import (
    Answer,
    BrokenJson,
    Delay,
    Drop,
    DropReply,
    Reset,
    SlowBody,
    SpuriousConflict,
    StaleRead,
    Throttle,
    Truncate,
)
from docstore.testing import run_node
from tests.storage_findings import storage_findings

IDS = ("alien", "ripley")
ACTIONS = st.sampled_from([
    Answer(409),
    Answer(503),
    BrokenJson(),
    Delay(0.001, jitter=0.002),
    Drop(),
    DropReply(),
    Reset(),
    Reset("after"),
    SlowBody(40, 0.0005),
    SpuriousConflict(),
    SpuriousConflict(rival={"from": "elsewhere"}),
    StaleRead(),
    Throttle(writes=5, reads=5),
    Truncate(),
])  # fmt: skip
RULES = st.lists(st.tuples(ACTIONS, st.fixed_dictionaries({}, optional={
    "method": st.sampled_from(["GET", "PUT", "POST", "DELETE"]),
    "document": st.sampled_from(IDS),
    "endpoint": st.sampled_from(["document", "_bulk_docs"]),
    "every": st.integers(1, 3),
    "after": st.integers(0, 3),
    "probability": st.floats(0, 1),
})), max_size=4)  # fmt: skip
STEPS = st.lists(
    st.tuples(st.sampled_from(["put", "put", "blind", "delete", "bulk"]), st.sampled_from(IDS)), min_size=3, max_size=10
)


async def step(client: aiohttp.ClientSession, kind: str, name: str, number: int) -> list[tuple[str, str]]:
    """Do as a client does; what the server said that it has written."""
    found: dict[str, Any] = {}
    if kind != "blind":
        with suppress(aiohttp.ClientError, ValueError):
            async with client.get(f"/films/{name}") as reply:
                found = await reply.json()
    rev = {"_rev": found["_rev"]} if "_rev" in found else {}
    try:
        if kind == "bulk":
            async with client.post("/films/_bulk_docs", json={"docs": [{"_id": name, "n": number, **rev}]}) as reply:
                said = await reply.json()
            return [(row["id"], row["rev"]) for row in said if "rev" in row] if isinstance(said, list) else []
        method, params = ("DELETE", {"rev": rev.get("_rev", "1-a")}) if kind == "delete" else ("PUT", {})
        body = None if kind == "delete" else {"n": number, **rev}
        async with client.request(method, f"/films/{name}", json=body, params=params) as reply:
            said = await reply.json()
        return [(said["id"], said["rev"])] if said.get("ok") else []
    except (aiohttp.ClientError, ValueError):
        return []


async def run(rules: list[tuple[Any, dict[str, Any]]], steps: list[tuple[str, str]], seed: int) -> None:
    async with run_node() as server, aiohttp.ClientSession(server.url) as client:
        client._retry_connection = False
        await server.node.registry.create("films")
        for place, (action, match) in enumerate(rules):
            server.faults.add(action, seed=seed + place, **match)
        acknowledged = []
        for number, (kind, name) in enumerate(steps):
            acknowledged += await step(client, kind, name, number)
        for name, rev in acknowledged:
            assert parse_rev(rev) in read_tree(server.node.registry.open("films"), name).tree.nodes
        assert storage_findings(server.node) == []
        assert len(server.journal) == len({entry.number for entry in server.journal})
        assert all(entry.outcome != "under way" for entry in server.journal)


@given(RULES, STEPS, st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_what_was_acknowledged_is_there(
    rules: list[tuple[Any, dict[str, Any]]], steps: list[tuple[str, str]], seed: int
) -> None:
    asyncio.run(run(rules, steps, seed))
