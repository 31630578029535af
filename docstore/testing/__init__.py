"""A docstore server for tests: in this process, on a free port, with its data in a temporary folder.

    async with run_node() as server:          # on the running event loop
        ... server.url ...

    with run_node_in_thread() as server:      # on an event loop of its own, for tests that are not async
        ... server.url ...

``server.faults`` makes it misbehave as told, ``server.journal`` is what it was asked (docs/faults.md); it goes back to
earlier states, is loaded with data, and has a clock that can be moved (docs/testing.md).
"""

from docstore.testing.databases import TestDatabase, make_database
from docstore.testing.nodes import TestNode, run_node, run_node_in_thread

__all__ = ["TestDatabase", "TestNode", "make_database", "run_node", "run_node_in_thread"]
