"""The real ``docstore serve``: nothing of a double answers there, however it is asked and whatever is set."""

import json
import os
from base64 import b64encode
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest

from docstore.testing import TestNode
from tests.crash.server_process import ServerProcess

ADMIN = {"Authorization": "Basic " + b64encode(b"admin:secret").decode(), "Content-Type": "application/json"}
RULE = json.dumps({"action": {"type": "answer", "status": 503}})
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "COPY")
SPELLED = (
    "/_docstore/{}",
    "/_docstore/{}/",
    "//_docstore/{}",
    "/_docstore//{}",
    "/%5fdocstore/{}",
    "/_docstore%2F{}",
    "/_docstore/{}?a=b",
    "http://127.0.0.1/_docstore/{}",
    "/_node/_local/_docstore/{}",
)
SETTINGS = {
    "DOCSTORE_DOCSTORE__FAULTS": RULE,
    "DOCSTORE_DOCSTORE__DOUBLE": "true",
    "DOCSTORE_DOCSTORE__TESTSERVER": "true",
    "DOCSTORE_DOUBLE__ENABLED": "true",
    "DOCSTORE_FAULTS__ENABLED": "true",
}


@pytest.mark.parametrize("arguments", [(), ("--as", "cloudant")], ids=["couchdb", "cloudant"])
async def test_serve_has_no_double(server: TestNode, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    names = list(server.double.surface.paths)
    assert {"faults", "requests", "snapshots", "clock", "load", "reset"} <= set(names)
    env = {**os.environ, **SETTINGS, "DOCSTORE_ADMIN_PASSWORD": "secret"}
    with (
        ServerProcess(tmp_path, arguments=("--admin", "admin", *arguments), env=env) as process,
        closing(HTTPConnection("127.0.0.1", process.port, timeout=60)) as http,
    ):

        def ask(method: str, path: str, body: str | None = None) -> tuple[int, bytes]:
            http.request(method, path, body, ADMIN)
            with http.getresponse() as reply:
                return reply.status, reply.read()

        assert ask("PUT", "/db")[0] == 201
        for name in ("docstore/faults", "docstore/double", "double/enabled"):
            ask("PUT", f"/_node/_local/_config/{name}", json.dumps(RULE))
        for name in names:
            for spelled in SPELLED:
                for method in METHODS:
                    body = None if method in ("GET", "HEAD", "COPY") else RULE
                    status, told = ask(method, spelled.format(name), body)
                    assert status in (400, 404, 405), (method, spelled, status)
                    assert b'"seed"' not in told
                    assert b'"offset":' not in told
        assert ask("PUT", "/db/alien", "{}")[0] == 201
        assert json.loads(ask("GET", "/db")[1])["doc_count"] == 1
