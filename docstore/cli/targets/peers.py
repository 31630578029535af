"""SOURCE and TARGET of the commands that replicate: URLs, or names in data folders that no server has open.

Owns the nodes of those folders, and with them their locks, for as long as the peers are open. How a peer is spoken to
is ``replication``'s business.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import click

from docstore.core.json_text import JsonValue
from docstore.node import Node
from docstore.replication.connect import connect
from docstore.replication.options import Endpoint, ReplicationOptions, parse_replication
from docstore.replication.peer import Peer
from docstore.replication.remote.options import TlsOptions
from docstore.settings import Settings
from docstore.storage.engine.data_file import DATA_FILE
from docstore.storage.engine.folder_lock import FolderInUse


@dataclass(frozen=True, slots=True)
class Place:
    """A database as a command names it. ``data`` is the folder of one that is a name, ``auth`` that of a URL."""

    text: str
    data: Path | None
    auth: dict[str, JsonValue] | None = field(default=None, repr=False)

    @property
    def is_url(self) -> bool:
        """Whether it is reached over HTTP."""
        return self.text.startswith(("http://", "https://"))

    @property
    def member(self) -> JsonValue:
        """The same as the ``source`` or ``target`` of a ``_replicate`` body."""
        return self.text if self.auth is None else {"url": self.text, "auth": self.auth}

    def check(self, option: str = "--data") -> None:
        """Raises click.UsageError for a name without a folder, a URL with one, and what is neither."""
        if "://" in self.text and not self.is_url:
            raise click.UsageError(f"{self.text!r} is no http:// or https:// URL")
        if not self.is_url and self.data is None:
            raise click.UsageError(f"{self.text!r} is a name and needs {option} DIR (or give a URL)")
        if self.is_url and self.data is not None:
            raise click.UsageError(f"{option} goes with a name, not with a URL")
        if not self.is_url and self.auth is not None:
            raise click.UsageError(f"credentials go with a URL, not with the name {self.text!r}")


class Nodes:
    """The nodes of the folders that a command needs, each opened once."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self._nodes: dict[Path, Node] = {}

    async def open(self, place: Place, *, create: bool = False) -> Node | None:
        """The node of the place's folder, None for a URL. ``create``: the folder is made if it is missing.

        Raises click.ClickException for a folder in use, and for one that is not there.
        """
        if place.data is None:
            return None
        folder = place.data.resolve()
        if folder not in self._nodes:
            if not create and not (folder / DATA_FILE).exists():
                raise click.ClickException(f"{place.data} is no data folder")
            node = Node(Settings(data=place.data))
            try:
                await node.start()
            except FolderInUse as error:
                advice = f"; give {error.url}/{quote(place.text, safe='')} instead" if error.url else ""
                raise click.ClickException(f"{error.reason}{advice}") from None
            self._stack.push_async_callback(node.stop)
            self._nodes[folder] = node
        return self._nodes[folder]


@dataclass(frozen=True, slots=True)
class OpenPeers:
    """Open source and target, and what tells apart the places where names may be: the uuids of the folders."""

    source: Peer
    target: Peer
    uuids: tuple[str, ...]


@asynccontextmanager
async def open_peers(
    source: Place, target: Place, options: ReplicationOptions, tls: TlsOptions
) -> AsyncIterator[OpenPeers]:
    """Both ends of a replication. Raises click.ClickException for a folder in use, and for one that is not there."""
    async with AsyncExitStack() as stack:
        nodes = Nodes(stack)
        ends = []
        uuids: dict[str, None] = {}
        for place, endpoint, create in (
            (source, options.source, False),
            (target, options.target, options.create_target),
        ):
            node = await nodes.open(place, create=create)
            if node is not None:
                uuids[node.uuid] = None
            ends.append(_connect(stack, node, endpoint, options, tls))
        yield OpenPeers(ends[0], ends[1], tuple(uuids))


@asynccontextmanager
async def open_peer(place: Place, tls: TlsOptions, *, create: bool = False) -> AsyncIterator[Peer]:
    """One database. ``create``: its folder is made if it is missing. Raises click.ClickException as above."""
    options = parse_replication({"source": place.member, "target": place.member}, names=True)
    async with AsyncExitStack() as stack:
        node = await Nodes(stack).open(place, create=create)
        yield _connect(stack, node, options.source, options, tls)


def _connect(
    stack: AsyncExitStack, node: Node | None, endpoint: Endpoint, options: ReplicationOptions, tls: TlsOptions
) -> Peer:
    peer = connect(endpoint, options, None if node is None else node.registry, tls=tls)
    stack.push_async_callback(peer.close)
    return peer
