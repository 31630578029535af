"""``docstore.client``: one update at a time, and what it makes of each kind of lost answer.

Many updates at once, behind a network of faults, are in ``retries/``.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.request import Request, urlopen

import aiohttp
import pytest

from docstore.client import Client, Document, OutcomeUnknown, SyncClient, UpdateFailed
from docstore.testing import TestNode, run_node, run_node_in_thread
from tests.retries.fault_proxy import NO_FAULTS, FaultProxy


def count(document: Document) -> Document:
    return {**document, "count": document.get("count", 0) + 1}


async def nothing() -> None:
    """No other client does anything."""


class Other:
    """Another client, on the server itself."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def ask(self, method: str, path: str, body: object = None) -> Any:
        async with self._session.request(method, path, json=body) as reply:
            assert reply.status < 300, await reply.text()
            return await reply.json(content_type=None)

    def edits(self, times: int = 1, **members: object) -> Callable[[], Awaitable[None]]:
        """What sets members of the document, keeping the others."""

        async def edit() -> None:
            for time in range(times):
                document = await self.ask("GET", "/db/a")
                await self.ask("PUT", "/db/a", {**document, **members, "time": time})

        return edit


@pytest.fixture
async def node() -> AsyncIterator[TestNode]:
    async with run_node() as running:
        yield running


@pytest.fixture
async def other(node: TestNode) -> AsyncIterator[Other]:
    async with aiohttp.ClientSession(node.url) as session:
        found = Other(session)
        await found.ask("PUT", "/db")
        yield found


@pytest.fixture
async def couchdb(node: TestNode) -> AsyncIterator[FaultProxy]:
    """The server as one that remembers nothing."""
    async with FaultProxy(node.url, 0, NO_FAULTS, plain=True) as proxy:
        yield proxy


async def test_it_creates_changes_and_deletes(node: TestNode, other: Other) -> None:
    async with Client(node.url) as client:
        made = await client.update("db", "a", count)
        assert (made.document["count"], made.attempts) == (1, 1)
        changed = await client.update("db", "a", count)
        assert await other.ask("GET", "/db/a") == {"_id": "a", "_rev": changed.rev, "count": 2}
        gone = await client.update("db", "a", lambda document: {"_deleted": True})
        assert gone.rev is not None
        assert gone.rev.startswith("3-")
        again = await client.update("db", "a", count)
        assert (again.document["count"], again.rev and again.rev[:2]) == (1, "4-")


async def test_ids_are_quoted(node: TestNode, other: Other) -> None:
    async with Client(node.url + "/") as client:
        await client.update("db", "a/b?c#ä", count)
        await client.update("db", "_design/x/y", lambda document: {**document, "language": "query"})
    rows = (await other.ask("GET", "/db/_all_docs"))["rows"]
    assert [row["id"] for row in rows] == ["_design/x/y", "a/b?c#ä"]


async def test_none_leaves_the_document_as_it_is(node: TestNode, other: Other) -> None:
    async with Client(node.url) as client:
        assert (await client.update("db", "a", lambda document: None)).rev is None
        made = await client.update("db", "a", count)
        left = await client.update("db", "a", lambda document: None)
    assert (left.rev, left.attempts, left.document["count"]) == (made.rev, 0, 1)


async def test_a_conflict_makes_it_read_again(node: TestNode, other: Other) -> None:
    await other.ask("PUT", "/db/a", {"count": 1})
    async with FaultProxy(node.url, 0, NO_FAULTS) as proxy, Client(proxy.url) as client:
        proxy.overtake = other.edits(count=10)
        result = await client.update("db", "a", count)
    assert (result.document["count"], result.attempts) == (11, 2)


async def test_a_lost_answer_is_replayed(node: TestNode, other: Other) -> None:
    async with FaultProxy(node.url, 0, NO_FAULTS) as proxy, Client(proxy.url) as client:
        await client.update("db", "a", count)
        proxy.ambush = other.edits(label="x")
        result = await client.update("db", "a", count)
    assert result.attempts == 1
    assert (await other.ask("GET", "/db/a"))["count"] == 2


async def test_what_the_server_refuses_is_no_conflict(node: TestNode, other: Other) -> None:
    async with Client(node.url) as client:
        with pytest.raises(UpdateFailed, match="doc_validation") as failure:
            await client.update("db", "a", lambda document: {"_unknown": 1})
        assert failure.value.status == 400
        with pytest.raises(UpdateFailed, match="not_found"):
            await client.update("nowhere", "a", count)


async def test_a_server_that_is_not_there(unused_tcp_port: int) -> None:
    async with Client(f"http://127.0.0.1:{unused_tcp_port}", patience=0.05) as client:
        with pytest.raises(UpdateFailed):
            await client.update("db", "a", count)


@pytest.mark.parametrize("field", ["", "_operation"])
def test_the_operation_field_must_be_the_callers(field: str) -> None:
    with pytest.raises(ValueError, match="underscore"):
        Client("http://127.0.0.1", operation_field=field)


async def test_local_documents_have_no_history(node: TestNode) -> None:
    async with Client(node.url) as client:
        with pytest.raises(ValueError, match="history"):
            await client.update("db", "_local/a", count)


class TestOnCouchDB:
    """A server that remembers nothing."""

    async def test_an_operation_id_is_found_under_later_edits(self, couchdb: FaultProxy, other: Other) -> None:
        async with Client(couchdb.url, operation_field="operation") as client:
            await client.update("db", "a", count)
            couchdb.ambush = other.edits(times=3, operation="other")
            result = await client.update("db", "a", count)
        assert (result.attempts, result.rev and result.rev[:2]) == (1, "2-")
        document = await other.ask("GET", "/db/a")
        assert (document["count"], document["_rev"][:2]) == (2, "5-")

    async def test_a_new_document_is_found_too(self, couchdb: FaultProxy, other: Other) -> None:
        async with Client(couchdb.url, operation_field="operation") as client:
            couchdb.ambush = other.edits(times=2, operation="other")
            result = await client.update("db", "a", count)
        assert (result.attempts, result.rev and result.rev[:2]) == (1, "1-")

    async def test_so_is_one_made_again_after_its_deletion(self, couchdb: FaultProxy, other: Other) -> None:
        async with Client(couchdb.url, operation_field="operation") as client:
            await client.update("db", "a", count)
            await client.update("db", "a", lambda document: {"_deleted": True})
            await other.ask("POST", "/db/_compact", {})
            couchdb.ambush = other.edits(operation="other")
            result = await client.update("db", "a", count)
        assert (result.attempts, result.rev and result.rev[:2]) == (1, "3-")

    @pytest.mark.parametrize("field", ["operation", None])
    async def test_a_conflict_makes_it_read_again(self, couchdb: FaultProxy, other: Other, field: str | None) -> None:
        await other.ask("PUT", "/db/a", {"count": 1})
        async with Client(couchdb.url, operation_field=field) as client:
            couchdb.overtake = other.edits(times=2, count=10)
            result = await client.update("db", "a", count)
        assert (result.document["count"], result.attempts) == (11, 2)

    async def test_without_operation_id_it_does_not_guess(self, couchdb: FaultProxy, other: Other) -> None:
        async with Client(couchdb.url) as client:
            await client.update("db", "a", count)
            couchdb.ambush = nothing
            with pytest.raises(OutcomeUnknown) as unknown:
                await client.update("db", "a", count)
        assert unknown.value.document["count"] == 2

    async def test_what_was_compacted_away_is_unknown(self, couchdb: FaultProxy, other: Other) -> None:
        async def edit_and_compact() -> None:
            await other.edits(times=2)()
            await other.ask("POST", "/db/_compact", {})
            while (await other.ask("GET", "/db"))["compact_running"]:
                pass

        async with Client(couchdb.url, operation_field="operation") as client:
            await client.update("db", "a", count)
            couchdb.ambush = edit_and_compact
            with pytest.raises(OutcomeUnknown, match="no longer known"):
                await client.update("db", "a", count)


def test_without_an_event_loop() -> None:
    with run_node_in_thread() as server, SyncClient(server.url) as client:
        urlopen(Request(f"{server.url}/db", method="PUT")).close()
        assert [client.update("db", "a", count).document["count"] for _ in range(2)] == [1, 2]
