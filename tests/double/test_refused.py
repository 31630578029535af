"""Writes with attachments that become branches: as another node would have made them."""

import gzip
import json
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from docstore.double.actions import SpuriousConflict
from docstore.testing import TestNode

Write = Callable[[aiohttp.ClientSession, str, str], Awaitable[tuple[int, Any]]]

TEXT = {"content_type": "text/plain", "data": "aGVsbG8gaGVsbG8gaGVsbG8="}
IMAGE = {"content_type": "image/png", "data": "AAECAw=="}
KEPT = {"old.txt": {"stub": True}}
BOUNDARY = "abc"


async def inline(client: aiohttp.ClientSession, url: str, rev: str) -> tuple[int, Any]:
    body = {"year": 3, "_rev": rev, "_attachments": {"b.png": IMAGE, **KEPT, "a.txt": TEXT}}
    async with client.put(url, json=body) as reply:
        return reply.status, await reply.json()


async def bulk(client: aiohttp.ClientSession, url: str, rev: str) -> tuple[int, Any]:
    database, _, doc_id = url.rpartition("/")
    docs = [{"_id": doc_id, "_rev": rev, "_attachments": {"a.txt": TEXT}}]
    async with client.post(f"{database}/_bulk_docs", json={"docs": docs}) as reply:
        return reply.status, (await reply.json())[0]


async def multipart(client: aiohttp.ClientSession, url: str, rev: str) -> tuple[int, Any]:
    follows = {"a.txt": {"content_type": "text/plain", "length": 5, "follows": True}}
    follows["b"] = {"content_type": "a/b", "length": 3, "follows": True}
    head = json.dumps({"year": 4, "_rev": rev, "_attachments": {**follows, **KEPT}})
    body = f"--{BOUNDARY}\r\nContent-Type: application/json\r\n\r\n{head}\r\n--{BOUNDARY}\r\n\r\nhello\r\n"
    body += f"--{BOUNDARY}\r\n\r\n\0\r\n\r\n--{BOUNDARY}--"
    headers = {"Content-Type": f'multipart/related; boundary="{BOUNDARY}"'}
    async with client.put(url, data=body.encode(), headers=headers) as reply:
        return reply.status, await reply.json()


async def attachment(client: aiohttp.ClientSession, url: str, rev: str) -> tuple[int, Any]:
    headers = {"Content-Type": "application/json"}
    async with client.put(f"{url}/a/b.json", params={"rev": rev}, data=b'{"a": 1}', headers=headers) as reply:
        return reply.status, await reply.json()


async def gzipped(client: aiohttp.ClientSession, url: str, rev: str) -> tuple[int, Any]:
    headers = {"Content-Type": "text/plain", "Content-Encoding": "gzip"}
    data = gzip.compress(b"hello", mtime=0)
    async with client.put(f"{url}/z", params={"rev": rev}, data=data, headers=headers) as reply:
        return reply.status, await reply.json()


async def attachment_again(client: aiohttp.ClientSession, url: str, rev: str) -> tuple[int, Any]:
    async with client.put(f"{url}/old.txt", params={"rev": rev}, data=b"new") as reply:
        return reply.status, await reply.json()


async def without_attachment(client: aiohttp.ClientSession, url: str, rev: str) -> tuple[int, Any]:
    async with client.delete(f"{url}/old.txt", params={"rev": rev}) as reply:
        return reply.status, await reply.json()


@pytest.fixture
async def revs(client: aiohttp.ClientSession) -> list[str]:
    """Of a document with an attachment: what both databases have, and what ``here`` alone has."""
    found: list[str] = []
    for name in ("here", "elsewhere"):
        async with client.put(f"/{name}") as reply:
            assert reply.status == 201
        body = {"year": 1, "_attachments": {"old.txt": TEXT}}
        async with client.put(f"/{name}/alien", json=body) as reply:
            found.append((await reply.json())["rev"])
    assert found[0] == found[1]
    body = {"year": 2, "_rev": found[0]}
    async with client.put("/here/alien", json=body) as reply:
        found[1] = (await reply.json())["rev"]
    return found


async def read(client: aiohttp.ClientSession, name: str, rev: str) -> Any:
    params = {"rev": rev, "attachments": "true", "revs": "true"}
    async with client.get(f"/{name}/alien", params=params, headers={"Accept": "application/json"}) as reply:
        assert reply.status == 200
        return await reply.json()


@pytest.mark.parametrize(
    "write",
    [inline, bulk, multipart, attachment, gzipped, attachment_again, without_attachment],
    ids=lambda one: one.__name__,
)
async def test_the_branch_is_the_one_of_another_node(
    server: TestNode, client: aiohttp.ClientSession, revs: list[str], write: Write
) -> None:
    fault = server.faults.add(SpuriousConflict(), times=1)
    expected = await write(client, "/elsewhere/alien", revs[0])
    assert fault.hits == 0
    told = await write(client, "/here/alien", revs[0])
    assert told == expected
    assert fault.hits == 1
    rev = told[1]["rev"]
    assert await read(client, "here", rev) == await read(client, "elsewhere", rev)
    async with client.get("/here/alien", params={"conflicts": "true"}) as reply:
        winner = await reply.json()
    assert {winner["_rev"], *winner["_conflicts"]} == {rev, revs[1]}
    assert (await write(client, "/here/alien", revs[0]))[1]["error"] == "conflict"


async def test_what_finds_no_attachment_stays_a_conflict(
    server: TestNode, client: aiohttp.ClientSession, revs: list[str]
) -> None:
    server.faults.add(SpuriousConflict())
    stub = {"_rev": revs[0], "_attachments": {"none": {"stub": True}}}
    async with client.put("/here/alien", json=stub) as reply:
        assert reply.status in (409, 412)
    async with client.put("/here/alien/a", params={"rev": "7-abc"}, data=b"a") as reply:
        assert reply.status == 409
    async with client.get("/here/alien", params={"conflicts": "true"}) as reply:
        assert "_conflicts" not in await reply.json()


async def test_a_rival_may_have_attachments(server: TestNode, client: aiohttp.ClientSession, revs: list[str]) -> None:
    server.faults.add(SpuriousConflict(rival={"_attachments": {"x": TEXT}}), method="PUT", times=1)
    assert (await attachment(client, "/elsewhere/alien", revs[0]))[0] == 201
    async with client.get("/elsewhere/alien", params={"conflicts": "true"}) as reply:
        winner = await reply.json()
    both = [await read(client, "elsewhere", rev) for rev in (winner["_rev"], *winner["_conflicts"])]
    assert sorted(sorted(one["_attachments"]) for one in both) == [["a/b.json", "old.txt"], ["x"]]
