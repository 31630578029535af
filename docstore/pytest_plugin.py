"""The pytest plugin of docstore: the fixture ``docstore_server``.

Owns the fixture's name and nothing else. Every pytest run on a machine with docstore imports this module, so the server
is imported only when a test asks for the fixture.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from docstore.testing import TestNode


@pytest.fixture
def docstore_server() -> "Iterator[TestNode]":
    """A running server of the test's own, empty, at ``docstore_server.url``; works for sync and async tests."""
    from docstore.testing import run_node_in_thread

    with run_node_in_thread() as server:
        yield server
