"""Fixtures that many tests share: a running server of the test's own, and a client for it."""

import os
from collections.abc import AsyncIterator, Generator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.examples import FEW, LONG, MANY

if TYPE_CHECKING:  # imported when first asked for: the tests of the lower layers need no server
    import aiohttp

    from docstore.testing import TestNode


# How long one example takes says more of what else the machine does than of the law. `make test-long` asks for LONG.
settings.register_profile("docstore", deadline=None, max_examples=FEW)
settings.register_profile(LONG, deadline=None, max_examples=MANY)
settings.load_profile("docstore")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What was captured is text that can be sent: half a pair in a log line would end pytest-xdist's whole run."""
    report = yield
    report.sections = [(name, text.encode(errors="backslashreplace").decode()) for name, text in report.sections]
    return report


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every process begins with its share of the long tests, so that none is left with one when the others are done.

    pytest-xdist gives each a run of the list, and lets whoever is done take from the end of another's.
    """
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    long = [item for item in items if item.get_closest_marker("long")]
    short = [item for item in items if not item.get_closest_marker("long")]
    share, of_long = -(-len(items) // processes), -(-len(long) // processes)
    ordered: list[pytest.Item] = []
    for process in range(processes):
        own = long[process * of_long : (process + 1) * of_long]
        rest = share - len(own)
        ordered += own + short[:rest]
        del short[:rest]
    items[:] = [*ordered, *short]


@pytest.fixture
async def server(tmp_path: Path) -> "AsyncIterator[TestNode]":
    """An empty server on a free port. When the test ends its store must pass the check."""
    from docstore.testing import run_node
    from tests.storage_findings import storage_findings

    async with run_node(data=tmp_path / "data") as running:
        yield running
        assert storage_findings(running.node) == []


@pytest.fixture
async def client(server: "TestNode") -> "AsyncIterator[aiohttp.ClientSession]":
    """A client of the server: ``await client.get("/db")``."""
    import aiohttp

    async with aiohttp.ClientSession(server.url) as session:
        yield session
