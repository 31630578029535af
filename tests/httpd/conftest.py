"""Fixtures of the endpoints' tests."""

import pytest

from tests.httpd.asking import Database


@pytest.fixture
async def db(client):
    """An empty database of an empty server."""
    return await Database(client).create()
