"""``couchbackup`` and ``couchrestore`` against docstore, as their users run them."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from docstore.testing import TestNode, run_node

PROGRAMS = Path(__file__).parent / "node_modules" / ".bin"
TIMEOUT_SECONDS = 120

pytestmark = [
    pytest.mark.clients,
    pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed"),
    pytest.mark.skipif(
        not (PROGRAMS / "couchbackup").exists(),
        reason="npm packages are not installed",
    ),
]


@pytest.fixture
async def server() -> AsyncIterator[TestNode]:
    async with run_node() as node:
        yield node


@pytest.fixture
async def client(server: TestNode) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(server.url) as session:
        yield session


async def run_program(name: str, server: TestNode, database: str, data: bytes = b"") -> bytes:
    """Run one of the programs to its end; what it wrote to its output."""
    arguments = (str(PROGRAMS / name), "--url", server.url, "--db", database, "--attachments")
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*arguments, stdin=pipe, stdout=pipe, stderr=pipe)
    try:
        out, err = await asyncio.wait_for(process.communicate(data), TIMEOUT_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    assert process.returncode == 0, f"{name} failed:\n{err.decode()}"
    return out


async def ask(client: aiohttp.ClientSession, method: str, path: str, body: object = None) -> Any:
    async with client.request(method, path, json=body) as reply:
        assert reply.status < 300, await reply.text()
        return await reply.json(content_type=None)


async def leaves(client: aiohttp.ClientSession, database: str) -> dict[str, list[str]]:
    feed = await ask(client, "GET", f"/{database}/_changes?style=all_docs")
    return {row["id"]: [change["rev"] for change in row["changes"]] for row in feed["results"]}


async def fill(client: aiohttp.ClientSession) -> None:
    """More documents than one batch holds, and among them a conflict, a deletion, a long history, an attachment."""
    docs: list[dict[str, object]] = [{"_id": f"document {n}", "number": n, "text": "ä\u2028"} for n in range(1100)]
    docs.append({"_id": "attached", "_attachments": {"a.txt": {"content_type": "text/plain", "data": "aGVsbG8="}}})
    await ask(client, "PUT", "/source")
    rows = await ask(client, "POST", "/source/_bulk_docs", {"docs": docs})
    await ask(client, "DELETE", f"/source/document%2010?rev={rows[10]['rev']}")
    branch = {"_id": "document 1", "_rev": "2-abc", "_revisions": {"start": 2, "ids": ["abc", rows[1]["rev"][2:]]}}
    other = {"_id": "document 1", "_rev": "2-abd", "_revisions": {"start": 2, "ids": ["abd", rows[1]["rev"][2:]]}}
    await ask(client, "POST", "/source/_bulk_docs", {"new_edits": False, "docs": [branch, other]})


async def test_a_restored_backup_has_all_leaves_and_attachments(
    server: TestNode, client: aiohttp.ClientSession
) -> None:
    await fill(client)
    backup = await run_program("couchbackup", server, "source")
    await ask(client, "PUT", "/restored")
    await run_program("couchrestore", server, "restored", backup)
    before, after = await leaves(client, "source"), await leaves(client, "restored")
    assert after == before
    assert after["document 1"] == ["2-abd", "2-abc"]
    async with client.get("/restored/attached/a.txt") as reply:
        assert (reply.content_type, await reply.read()) == ("text/plain", b"hello")
