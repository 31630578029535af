"""A server with a double around it, from its settings to its end.

Owns the order of their start and stop. It must not know who wants one: tests in this process, or
``docstore testserver``.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

from docstore.config.configuration import Configuration
from docstore.config.table import Name
from docstore.double.double import Double
from docstore.httpd.listener import Listener
from docstore.httpd.service import Service
from docstore.node import Node
from docstore.settings import Settings

NO_WORDS: Final[Mapping[Name, str]] = {}


class Hosted(NamedTuple):
    """A server that runs."""

    node: Node
    listener: Listener
    double: Double


@asynccontextmanager
async def hosted(settings: Settings, double: Double, *, words: Mapping[Name, str] = NO_WORDS) -> AsyncIterator[Hosted]:
    """Run a server on the running event loop until the block ends. ``words`` go before ``settings``."""
    profile = double.profile
    configuration = Configuration(settings, command_line={**profile.words, **words})
    settings = configuration.settings()
    node = Node(settings, configuration=configuration)
    await node.start()
    try:
        listener = await Listener.listen(
            Service(node), profile.router, settings.host, settings.port, wrap=double.attach
        )
        try:
            yield Hosted(node, listener, double)
        finally:
            await listener.stop()
    finally:
        await node.stop()
