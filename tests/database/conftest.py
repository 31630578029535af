"""A node and a database for each test; when the test ends the store must pass the check."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from docstore.database.database import Database
from docstore.node import Node
from tests.database.helpers import settings
from tests.storage_findings import storage_findings


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    async with Node(settings(tmp_path / "data")) as node:
        yield node
        assert storage_findings(node) == []


@pytest.fixture
async def db(node: Node) -> Database:
    return await node.registry.create("db")
