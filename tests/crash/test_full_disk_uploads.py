"""Attachments sent to the real server on a disk that fills up in the middle: what is told afterwards is true.

The disk is full for the process alone: its files may not grow beyond a limit, which is lifted again.
"""

import hashlib
import random
import resource
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple

import pytest

from docstore.settings import MIB
from tests.crash.server_process import ServerProcess, check_findings

SIZE = 8 * MIB + 100_000
ROOM = 5 * MIB
"""For one window of bytes, and for what is left at the end, but not for a second window between them."""
DATA = random.Random(9).randbytes(SIZE)
UNLIMITED = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
LENGTH = str(SIZE)


class Protocol(NamedTuple):
    """The headers that make an upload, that send its bytes, all that are left of them, and that ask for its offset."""

    create: Mapping[str, str]
    send: Mapping[str, str]
    ask: Mapping[str, str]
    statuses: tuple[int, ...]


TUS = {"Tus-Resumable": "1.0.0"}
PROTOCOLS = {
    "tus": Protocol(
        {**TUS, "Upload-Length": LENGTH}, {**TUS, "Content-Type": "application/offset+octet-stream"}, TUS, (204,)
    ),
    "ietf": Protocol(
        {"Upload-Complete": "?0", "Upload-Length": LENGTH, "Content-Type": "image/png"},
        {"Upload-Complete": "?1", "Content-Type": "application/partial-upload"},
        {},
        (201,),
    ),
}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path) as server:
        yield server
    assert check_findings(tmp_path) == []


def exchange(
    server: ServerProcess, method: str, path: str, headers: Mapping[str, str], body: bytes = b""
) -> tuple[int, Mapping[str, str], bytes]:
    http = HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        http.request(method, path, body or None, {**headers, "Content-Length": str(len(body))})
        with http.getresponse() as response:
            return response.status, response.headers, response.read()
    finally:
        http.close()


@pytest.mark.parametrize("name", sorted(PROTOCOLS))
def test_an_upload_over_a_full_disk_has_the_right_bytes(server: ServerProcess, tmp_path: Path, name: str) -> None:
    protocol = PROTOCOLS[name]
    assert exchange(server, "PUT", "/db", {})[0] == 201
    status, headers, _ = exchange(server, "POST", "/db/doc/a", protocol.create)
    assert status == 201
    upload = "/" + headers["Location"].split("/", 3)[3]
    size = (tmp_path / "docs.mdb").stat().st_size
    server.limit(resource.RLIMIT_FSIZE, (size + ROOM, resource.RLIM_INFINITY))
    status, _, _ = exchange(server, "PATCH", upload, {**protocol.send, "Upload-Offset": "0"}, DATA)
    assert status == 507
    server.limit(resource.RLIMIT_FSIZE, UNLIMITED)
    _, headers, _ = exchange(server, "HEAD", upload, protocol.ask)
    offset = int(headers["Upload-Offset"])
    assert 0 < offset < SIZE
    send = {**protocol.send, "Upload-Offset": str(offset)}
    status, _, _ = exchange(server, "PATCH", upload, send, DATA[offset:])
    assert status in protocol.statuses
    _, _, found = exchange(server, "GET", "/db/doc/a", {})
    assert hashlib.sha256(found).digest() == hashlib.sha256(DATA).digest()


@pytest.mark.parametrize("kind", ["image/png", "text/plain"])
def test_a_plain_put_over_a_full_disk_stores_nothing(server: ServerProcess, tmp_path: Path, kind: str) -> None:
    assert exchange(server, "PUT", "/db", {})[0] == 201
    size = (tmp_path / "docs.mdb").stat().st_size
    server.limit(resource.RLIMIT_FSIZE, (size + ROOM, resource.RLIM_INFINITY))
    assert exchange(server, "PUT", "/db/doc/a", {"Content-Type": kind}, DATA)[0] == 507
    server.limit(resource.RLIMIT_FSIZE, UNLIMITED)
    assert exchange(server, "GET", "/db/doc/a", {})[0] == 404
    assert exchange(server, "PUT", "/db/doc/a", {"Content-Type": kind}, DATA)[0] == 201
    assert exchange(server, "GET", "/db/doc/a", {})[2] == DATA
