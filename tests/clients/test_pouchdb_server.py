"""docstore replicates with pouchdb-server: a server of other making, whose revision ids are made in another way."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from docstore.testing import TestNode, run_node

PROGRAM = Path(__file__).parent / "node_modules" / ".bin" / "pouchdb-server"
SECONDS_TO_START = 60

pytestmark = [
    pytest.mark.clients,
    pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed"),
    pytest.mark.skipif(not PROGRAM.exists(), reason="npm packages are not installed"),
]


@pytest.fixture
async def server() -> AsyncIterator[TestNode]:
    async with run_node() as node:
        yield node


@pytest.fixture
async def pouchdb(tmp_path: Path, unused_tcp_port: int) -> AsyncIterator[str]:
    """The URL of a pouchdb-server that keeps everything in memory."""
    process = await asyncio.create_subprocess_exec(
        *(str(PROGRAM), "--in-memory", "--no-stdout-logs", "--host", "127.0.0.1", "--port", str(unused_tcp_port)),
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(SECONDS_TO_START):
            said = b""
            while not re.search(rb"has started|listening", said):
                line = await process.stdout.readline()
                assert line, said.decode()
                said += line
        yield f"http://127.0.0.1:{unused_tcp_port}"
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def ask(client: aiohttp.ClientSession, method: str, url: str, body: object = None) -> Any:
    async with client.request(method, url, json=body) as reply:
        assert reply.status < 300, await reply.text()
        return await reply.json(content_type=None)


async def leaves(client: aiohttp.ClientSession, database: str) -> dict[str, tuple[str, list[str]]]:
    """Of each document the winner and all leaves."""
    winners = await ask(client, "GET", f"{database}/_changes")
    feed = await ask(client, "GET", f"{database}/_changes?style=all_docs")
    winning = {row["id"]: row["changes"][0]["rev"] for row in winners["results"]}
    return {
        row["id"]: (winning[row["id"]], sorted(change["rev"] for change in row["changes"])) for row in feed["results"]
    }


async def fill(client: aiohttp.ClientSession, database: str, by: str) -> None:
    """Documents of its own, one that both sides have, one that is deleted, one with an attachment."""
    docs: list[dict[str, object]] = [
        {"_id": f"{by} {number}", "number": number, "ä": [1.5, None]} for number in range(120)
    ]
    docs += [{"_id": "both", "by": by}, {"_id": f"{by} attached", "_attachments": {"a.txt": ATTACHMENT}}]
    await ask(client, "POST", f"{database}/_bulk_docs", {"docs": docs})
    gone = await ask(client, "GET", f"{database}/{by}%201")
    await ask(client, "DELETE", f"{database}/{by}%201?rev={gone['_rev']}")


ATTACHMENT = {"content_type": "text/plain", "data": "aGVsbG8gd29ybGQ="}


async def test_both_ways(server: TestNode, pouchdb: str, client: aiohttp.ClientSession) -> None:
    ours, theirs = f"{server.url}/db", f"{pouchdb}/db"
    for database, by in ((ours, "docstore"), (theirs, "pouchdb")):
        await ask(client, "PUT", database)
        await fill(client, database, by)

    pushed = await ask(client, "POST", f"{server.url}/_replicate", {"source": "db", "target": theirs})
    assert pushed["history"][0]["docs_written"] == 122
    pulled = await ask(client, "POST", f"{server.url}/_replicate", {"source": theirs, "target": "db"})
    assert pulled["history"][0]["docs_written"] == 122
    assert pulled["history"][0]["doc_write_failures"] == 0

    found = await leaves(client, ours)
    assert found == await leaves(client, theirs)
    assert len(found) == 243
    assert len(found["both"][1]) == 2
    for database in (ours, theirs):
        for by in ("docstore", "pouchdb"):
            async with client.get(f"{database}/{by}%20attached/a.txt") as reply:
                assert (reply.status, await reply.read()) == (200, b"hello world")

    again = await ask(client, "POST", f"{server.url}/_replicate", {"source": theirs, "target": "db"})
    assert again["no_changes"] is True


async def test_a_continuous_pull(server: TestNode, pouchdb: str, client: aiohttp.ClientSession) -> None:
    ours, theirs = f"{server.url}/db", f"{pouchdb}/db"
    for database in (ours, theirs):
        await ask(client, "PUT", database)
    job = {"source": theirs, "target": "db", "continuous": True}
    await ask(client, "POST", f"{server.url}/_replicate", job)
    since: object = 0
    for number in range(3):
        await ask(client, "PUT", f"{theirs}/doc{number}", {"number": number})
        feed = await ask(client, "GET", f"{ours}/_changes?feed=longpoll&timeout=30000&since={since}")
        assert [row["id"] for row in feed["results"]] == [f"doc{number}"]
        since = feed["last_seq"]
    cancelled = await ask(client, "POST", f"{server.url}/_replicate", {**job, "cancel": True})
    assert cancelled["ok"] is True
