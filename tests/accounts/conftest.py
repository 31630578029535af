"""A server that knows users, and quick passwords."""

import base64

import aiohttp
import pytest

from docstore.settings import Admin
from docstore.testing import run_node
from tests.storage_findings import storage_findings


def basic(name, password):
    """The header of Basic credentials."""
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


async def made_quick(node):
    """Few iterations; the security object of the users' database can be set, and lets everybody in."""
    for section, key, word in (
        ("chttpd_auth", "iterations", "3"),
        ("couchdb", "users_db_security_editable", "true"),
    ):
        await node.config.set(section, key, word, persist=False)
    if not node.registry.exists("_users"):
        await node.registry.create("_users")
    await node.registry.open("_users").set_security({})


@pytest.fixture
async def guarded(tmp_path):
    async with run_node(data=tmp_path / "data", admin=Admin("root", "secret")) as server:
        await made_quick(server.node)
        yield server
        assert storage_findings(server.node) == []


@pytest.fixture
async def client(guarded):
    async with aiohttp.ClientSession(guarded.url, cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield Asking(session)


class Asking:
    """Requests as somebody: ``await client("GET", "/db", "sue", "pw")`` gives status and body."""

    def __init__(self, session):
        self.session = session

    async def __call__(self, method, path, name=None, password="pw", *, body=None, headers=None):
        told = dict(headers or {})
        if name is not None:
            told |= basic(name, "secret" if name == "root" and password == "pw" else password)
        async with self.session.request(method, path, json=body, headers=told) as response:
            text = await response.text()
            self.headers = response.headers
            try:
                return response.status, await response.json(content_type=None) if text else None
            except ValueError:
                return response.status, text

    async def add_user(self, name, password="pw", **members):
        document = {"name": name, "type": "user", "roles": [], "password": password} | members
        status, body = await self("PUT", f"/_users/org.couchdb.user:{name}", "root", body=document)
        assert status == 201, body
        return body["rev"]
