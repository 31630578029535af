"""Servers that look like Cloudant, and clients with a token."""

import aiohttp
import pytest

from docstore.core.cloudant.iam import APIKEY_GRANT
from docstore.settings import Admin, CloudantSettings, Profile
from docstore.testing import run_node
from tests.storage_findings import storage_findings

ROLES = ("Manager", "Writer", "Reader", "Monitor", "Checkpointer")


def basic(name="root", password="secret"):
    return {"Authorization": aiohttp.encode_basic_auth(name, password)}


class Account:
    """Requests to a server as somebody: ``await account("GET", "/db", token)`` gives status and body."""

    def __init__(self, server, session):
        self.node = server.node
        self.clock = server.clock
        self.url = server.url
        self.session = session
        self.headers = {}

    async def __call__(self, method, path, who=None, *, body=None, headers=None):
        """``who``: a token, or headers of credentials."""
        told = who if isinstance(who, dict) else {} if who is None else {"Authorization": f"Bearer {who}"}
        async with self.session.request(method, path, json=body, headers=told | (headers or {})) as response:
            self.headers = response.headers
            text = await response.text()
            return response.status, await response.json(content_type=None) if text else None

    async def ask_token(self, **form):
        async with self.session.post("/identity/token", data={"grant_type": APIKEY_GRANT} | form) as response:
            return response.status, await response.json()

    async def token(self, key="any"):
        status, body = await self.ask_token(apikey=key)
        assert status == 200, body
        return body["access_token"]

    async def add_key(self, name, word):
        await self.node.config.set("iam_api_keys", name, word, persist=False)


@pytest.fixture
def profile():
    return Profile.CLOUDANT


@pytest.fixture
def blocks():
    return 100


@pytest.fixture
async def account(tmp_path, profile, blocks):
    """An account of Cloudant with a manager ``root``, where any key is a manager's."""
    settings = {
        "data": tmp_path / "data",
        "profile": profile,
        "admin": Admin("root", "secret"),
        "cloudant": CloudantSettings(blocks=blocks),
    }
    async with run_node(**settings) as server:
        await server.node.config.set("chttpd_auth", "iterations", "3", persist=False)
        async with aiohttp.ClientSession(server.url, cookie_jar=aiohttp.DummyCookieJar()) as session:
            yield Account(server, session)
        assert storage_findings(server.node) == []


@pytest.fixture
async def tokens(account):
    """A token for each role."""
    for role in ROLES:
        await account.add_key(role.lower(), f"{role}:key-{role}")
    return {role: await account.token(f"key-{role}") for role in ROLES}
