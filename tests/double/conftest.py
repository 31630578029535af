"""A server with rules and a journal, and a client that repeats nothing by itself."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from docstore.testing import TestNode, run_node
from tests.storage_findings import storage_findings


@pytest.fixture
async def server() -> AsyncIterator[TestNode]:
    """Whatever its faults did to clients, its store is consistent in the end."""
    async with run_node() as server:
        await server.node.registry.create("films")
        yield server
        assert storage_findings(server.node) == []


@pytest.fixture
async def client(server: TestNode) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(server.url) as session:
        session._retry_connection = False  # else a PUT whose connection ends is sent again unasked
        yield session
