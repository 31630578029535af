"""A server with a double around it, from its settings to its end.

Owns the order of their start and stop. It must not know who wants one: tests in this process, or
``docstore testserver``.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final, NamedTuple

from docstore.config.configuration import Configuration
from docstore.config.table import Name
from docstore.double.double import Double
from docstore.double.stage.clock import MovableClock
from docstore.double.stage.paths import add_paths
from docstore.double.stage.stage import Stage
from docstore.httpd.guard import is_loopback
from docstore.httpd.listener import Listener
from docstore.node import Node
from docstore.settings import Settings

NO_WORDS: Final[Mapping[Name, str]] = {}


class Hosted(NamedTuple):
    """A server that runs."""

    node: Node
    listener: Listener
    double: Double
    stage: Stage


@asynccontextmanager
async def hosted(settings: Settings, double: Double, *, words: Mapping[Name, str] = NO_WORDS) -> AsyncIterator[Hosted]:
    """Run a server on the running event loop until the block ends. ``words`` go before ``settings``."""
    # to others than this machine's clients a key that nobody has given out is no credential
    cloudant = replace(settings.cloudant, any_api_key=is_loopback(settings.host))
    settings = replace(settings, cloudant=cloudant)
    configuration = Configuration(settings, command_line={**double.profile.words, **words})
    settings = configuration.settings()
    clock = MovableClock()
    node = Node(settings, configuration=configuration, clock=clock)
    await node.start()
    stage = Stage(node, clock, double)
    try:
        listener = await Listener.start(node, settings.host, settings.port, wrap=double.attach)
        try:
            add_paths(double.surface, stage)
            await stage.begin()
            yield Hosted(node, listener, double, stage)
        finally:
            stage.end()
            await listener.stop()
    finally:
        await node.stop()
