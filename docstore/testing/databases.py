"""A database of a test's own, on a server that other tests use too.

    database = make_database(server, "films")
    ... database.url, database.cloudant ...
    database.remove()

Owns its making and its end, with everything else that was made meanwhile, and how clients are told of it. It knows
nothing of any test framework.
"""

import asyncio
import re
from contextlib import suppress
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from docstore.core.json_text import JsonValue
from docstore.double.faults import Faults
from docstore.double.journal import Journal
from docstore.double.stage.clock import MovableClock
from docstore.double.stage.loading import Loaded
from docstore.errors import DatabaseExists, DatabaseNotFound
from docstore.httpd.writing import batch
from docstore.testing.nodes import TestNode

if TYPE_CHECKING:
    from ibmcloudant.cloudant_v1 import CloudantV1

MAX_NAME: Final = 60
_FOREIGN: Final = re.compile("[^a-z0-9_$()+-]+")


class TestDatabase:
    """A database, made by ``make_database``.

    ``name``      of it; ``url`` is its address, ``server`` the server that it is on
    ``user``, ``password``  an administrator; None on a server where everybody is one
    """

    __test__ = False  # not a test class, whatever its name says to a collector

    def __init__(self, server: TestNode, name: str, others: frozenset[str]) -> None:
        """``others``: the databases that were there before."""
        self.server = server
        self.name = name
        self._others = others
        admin = server.settings.admin
        self.user = None if admin is None else admin.name
        self.password = None if admin is None else admin.password

    @property
    def url(self) -> str:
        """Its address, without a slash at the end and without credentials."""
        return f"{self.server.url}/{quote(self.name, safe='')}"

    @property
    def auth(self) -> tuple[str, str] | None:
        """User and password, as ``requests`` takes them; None where nobody needs any."""
        return None if self.user is None or self.password is None else (self.user, self.password)

    @property
    def auth_url(self) -> str:
        """Its address with the credentials in it, for clients that want them there."""
        if self.auth is None:
            return self.url
        user, password = (quote(word, safe="") for word in self.auth)
        return self.url.replace("://", f"://{user}:{password}@", 1)

    @property
    def faults(self) -> Faults:
        """The rules by which its server misbehaves."""
        return self.server.faults

    @property
    def journal(self) -> Journal:
        """What its server was asked."""
        return self.server.journal

    @property
    def clock(self) -> MovableClock:
        """The clock of its server."""
        return self.server.clock

    @cached_property
    def cloudant(self) -> "CloudantV1":
        """A client of IBM's SDK for its server. Raises ModuleNotFoundError where that is not installed."""
        from ibm_cloud_sdk_core.authenticators import BasicAuthenticator, NoAuthAuthenticator
        from ibmcloudant.cloudant_v1 import CloudantV1

        client = CloudantV1(NoAuthAuthenticator() if self.auth is None else BasicAuthenticator(*self.auth))
        client.set_service_url(self.server.url)
        return client

    def load(self, source: Path | str | JsonValue) -> Loaded:
        """Put documents into it, or those of a file, a folder or a backup. Raises BadFixture, OSError."""
        return self.server.load(source, self.name)

    def remove(self) -> None:
        """Delete it, and all databases that were made since."""
        self.server.run(_remove(self.server, self.name, self._others))


def make_database(server: TestNode, wanted: str = "test") -> TestDatabase:
    """A new database with a name like the one that is wanted. Not for the server's own event loop."""
    name, others = server.run(_make(server, _spelled(wanted)))
    return TestDatabase(server, name, others)


async def _make(server: TestNode, name: str) -> tuple[str, frozenset[str]]:
    registry = server.node.registry
    others = frozenset(registry.names())
    for number in count(1):
        with suppress(DatabaseExists):
            return (await registry.create(f"{name}-{number}")).name, others
    raise AssertionError("there are numbers enough")


async def _remove(server: TestNode, name: str, others: frozenset[str]) -> None:
    await batch.written()
    made = [other for other in server.node.registry.names() if other not in others]
    ended = await asyncio.gather(*map(server.node.registry.delete, {name, *made}), return_exceptions=True)
    for error in ended:
        if error is not None and not isinstance(error, DatabaseNotFound):
            raise error


def _spelled(wanted: str) -> str:
    """A name that a database can have."""
    name = _FOREIGN.sub("-", wanted.lower())[:MAX_NAME].strip("-")
    return name if name[:1].isalpha() else f"test-{name}".rstrip("-")
