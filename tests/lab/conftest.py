"""Nodes for the tests of the lab."""

import pytest

from docstore.lab.nodes import LabNode


@pytest.fixture
async def nodes(tmp_path):
    """Two running nodes without servers."""
    started = [LabNode(name, tmp_path, serves=False) for name in ("left", "right")]
    for node in started:
        await node.start()
    yield started
    for node in started:
        await node.stop()
