"""Fixtures of the endpoints' tests."""

import aiohttp
import pytest

from docstore.httpd.wire.connection import Connection
from docstore.httpd.wire.own_loop import KNOWN, OwnLoop
from docstore.httpd.wire.server import HttpServer
from tests.httpd.asking import Database


@pytest.fixture
async def db(client):
    """An empty database of an empty server."""
    return await Database(client).create()


@pytest.fixture(params=[OwnLoop, Connection], ids=["own", "aiohttp"])
def either_loop(request, monkeypatch):
    """Connections are served by our own loop, and once more by aiohttp's, as where its version is not known."""
    if request.param is OwnLoop and aiohttp.__version__ not in KNOWN:
        pytest.skip(f"our own loop does not know aiohttp {aiohttp.__version__}")
    monkeypatch.setattr(HttpServer, "kind", request.param)
