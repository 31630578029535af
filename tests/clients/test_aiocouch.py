"""aiocouch, an asyncio CouchDB client for Python, against docstore."""

from collections.abc import AsyncIterator

import pytest
from aiocouch import CouchDB
from aiocouch.exception import ConflictError, NotFoundError, PreconditionFailedError

from docstore.testing import TestNode, run_node

pytestmark = pytest.mark.clients


@pytest.fixture
async def server() -> AsyncIterator[TestNode]:
    async with run_node() as node:
        yield node


async def test_documents_and_conflicts(server: TestNode) -> None:
    async with CouchDB(server.url) as couch:
        database = await couch.create("films")
        with pytest.raises(PreconditionFailedError):
            await couch.create("films")
        document = await database.create("a/b c")
        document["title"] = "Alien"
        await document.save()
        stale = await database.get("a/b c")
        document["year"] = 1979
        await document.save()
        stale["year"] = 1980
        with pytest.raises(ConflictError):
            await stale.save()
        assert (await database.get("a/b c"))["year"] == 1979
        await document.delete()
        with pytest.raises(NotFoundError):
            await database.get("a/b c")
        await couch["films"]
        await database.delete()


async def test_bulk_and_listing(server: TestNode) -> None:
    async with CouchDB(server.url) as couch:
        database = await couch.create("numbers")
        async with database.create_docs(["n1", "n2", "n3"]) as bulk:
            async for document in bulk:
                document["square"] = int(document.id[1]) ** 2
        assert not bulk.error
        squares = {document.id: document["square"] async for document in database.docs()}
        assert squares == {"n1": 1, "n2": 4, "n3": 9}
        async with database.update_docs(["n2", "n3"]) as bulk:
            async for document in bulk:
                document["square"] += 1
        assert len(bulk.ok) == 2
        info = await database.info()
        assert info["doc_count"] == 3


async def test_changes_feed(server: TestNode) -> None:
    async with CouchDB(server.url) as couch:
        database = await couch.create("watched")
        for name in ("one", "two"):
            document = await database.create(name)
            await document.save()
        seen = [event.id async for event in database.changes(feed="normal")]
        assert seen == ["one", "two"]


async def test_attachments(server: TestNode) -> None:
    async with CouchDB(server.url) as couch:
        database = await couch.create("attached")
        document = await database.create("d")
        await document.save()
        attachment = document.attachment("a/b.txt")
        await attachment.save(b"hello", "text/plain")
        await document.fetch()
        assert list(document["_attachments"]) == ["a/b.txt"]
        found = (await database.get("d")).attachment("a/b.txt")
        assert await found.fetch() == b"hello"
        assert found.content_type == "text/plain"
        await found.delete()
        assert not await (await database.get("d")).attachment("a/b.txt").exists()
