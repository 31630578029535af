"""A server with a double around it, from its settings to its end.

Owns the order of their start and stop. It must not know who wants one: tests in this process, or
``docstore testserver``.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from docstore.double.double import Double
from docstore.httpd.listener import Listener
from docstore.node import Node
from docstore.settings import Settings


class Hosted(NamedTuple):
    """A server that runs."""

    node: Node
    listener: Listener
    double: Double


@asynccontextmanager
async def hosted(settings: Settings, double: Double) -> AsyncIterator[Hosted]:
    """Run a server on the running event loop until the block ends."""
    node = Node(settings)
    await node.start()
    try:
        listener = await Listener.start(node, settings.host, settings.port, wrap=double.attach)
        try:
            yield Hosted(node, listener, double)
        finally:
            double.faults.clear()
            await listener.stop()
    finally:
        await node.stop()
