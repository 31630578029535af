"""Slow clients, idle ones, bombs, and floods of passwords: the server goes on for everybody else.

The ordinary run makes them small and looks at answers alone; ``make test-long`` makes them as large as they are meant,
and measures what others notice.
"""

import asyncio
import base64
import gzip
import os
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest

from docstore.settings import MIB
from tests.crash.server_process import ServerProcess
from tests.loads.beside import Noticed, another_client, hold

NAME, PASSWORD = "root", "right"
NOTICED = 0.1
FULL = pytest.mark.long


def sizes(small: int, full: int) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("size", "measured"), [(small, False), pytest.param(full, True, marks=FULL)])


def basic(name: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path / "data", arguments=["--set", "limits/max_header_time=3"]) as server:
        http = server.connect()
        assert http.request("PUT", "/db")[0] == 201
        assert http.request("PUT", "/db/doc", {"v": 1})[0] == 201
        http.close()
        yield server


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[ServerProcess]:
    """With an administrator, and CouchDB's default iterations."""
    env = os.environ | {"DOCSTORE_ADMIN_PASSWORD": PASSWORD}
    with ServerProcess(tmp_path / "data", arguments=["--admin", NAME, "--log-level", "error"], env=env) as server:
        yield server


def url(server: ServerProcess, path: str = "/db/doc") -> str:
    return f"http://127.0.0.1:{server.port}{path}"


def judge(noticed: Noticed, *, measured: bool, p99: float = NOTICED) -> None:
    if measured:
        hold(noticed, p99=p99)


@sizes(20, 500)
async def test_slow_clients_are_left(server: ServerProcess, size: int, measured: bool) -> None:
    async with another_client(url(server), server.pid) as noticed:
        streams = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(size)]
        for _, writer in streams:
            writer.write(b"GET /db/doc HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")

        async def drip(writer: asyncio.StreamWriter) -> None:
            while not writer.is_closing():
                writer.write(b"x")
                await asyncio.sleep(0.5)

        drips = [asyncio.create_task(drip(writer)) for _, writer in streams]
        async with asyncio.timeout(60):
            said = await asyncio.gather(*(reader.read() for reader, _ in streams), return_exceptions=True)
        for task in drips:
            task.cancel()
        await asyncio.gather(*drips, return_exceptions=True)
        for _, writer in streams:
            writer.close()
        assert all(isinstance(one, ConnectionError) or not one or b" 408 " in one for one in said)
    judge(noticed, measured=measured)


@sizes(50, 1_000)
async def test_idle_feeds(server: ServerProcess, size: int, measured: bool) -> None:
    path = "/db/_changes?feed=continuous&since=now&heartbeat=10000"
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session, AsyncExitStack() as feeds:
        opened = [await feeds.enter_async_context(session.get(url(server, path))) for _ in range(size)]
        async with another_client(url(server), server.pid, least=size) as noticed:
            pass  # they are idle, and so is this client but for that
        async with session.put(url(server, "/db/new"), json={}) as reply:
            assert reply.status == 201
        async with asyncio.timeout(60):
            for feed in opened:
                line = b""
                while not line.strip():
                    line = await feed.content.readline()
                assert b'"id":"new"' in line
    judge(noticed, measured=measured)


async def bytes_of(size: int, begin: bytes, piece: bytes, end: bytes = b"") -> AsyncIterator[bytes]:
    yield begin
    portion = piece * (64 * 1024 // len(piece))
    for _ in range(size // len(portion)):
        yield portion
    yield end


BOMBS = {
    "wide": (b'{"a":[', b"[],", b"1]}"),
    "members": (b'{"a":{', b'"":1,', b'"b":1}}'),
    "deep": (b'{"a":', b"[", b" "),
    "objects": (b'{"a":', b'{"":', b" "),
    "docs": (b'{"docs":[', b"{},", b"{}]}"),
    "string": (b'{"a":"', b"\\u0001", b'"}'),
}


@sizes(1, 100)
@pytest.mark.parametrize("kind", BOMBS)
async def test_bombs_of_json(server: ServerProcess, kind: str, size: int, measured: bool) -> None:
    headers = {"Content-Type": "application/json"}
    async with another_client(url(server), server.pid) as noticed, aiohttp.ClientSession(headers=headers) as session:
        for method, path in (("PUT", "/db/bomb"), ("POST", "/db/_bulk_docs"), ("POST", "/db/_find")):
            try:
                async with session.request(method, url(server, path), data=bytes_of(size * MIB, *BOMBS[kind])) as reply:
                    assert reply.status in (201, 400, 413), await reply.text()
            except aiohttp.ClientConnectionError:
                pass  # it was refused before it was sent
    judge(noticed, measured=measured)


@sizes(20, 1_000)
async def test_bombs_of_gzip(server: ServerProcess, size: int, measured: bool) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, gzip_window())
    bomb = packer.compress(b'{"a":"') + b"".join(packer.compress(b"x" * MIB) for _ in range(size)) + packer.flush()
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    async with another_client(url(server), server.pid) as noticed, aiohttp.ClientSession(headers=headers) as session:
        for method, path in (("PUT", "/db/bomb"), ("POST", "/db/_bulk_docs")):
            async with session.request(method, url(server, path), data=bomb) as reply:
                assert reply.status in (400, 413), await reply.text()
        async with session.put(url(server, "/db/bomb"), data=gzip.compress(gzip.compress(bomb))) as reply:
            assert reply.status == 400
    judge(noticed, measured=measured)


def gzip_window() -> int:
    """What makes zlib write gzip's head and tail."""
    return 16 + zlib.MAX_WBITS


@sizes(12, 10_000)
async def test_wrong_passwords(guarded: ServerProcess, size: int, measured: bool) -> None:
    """A minute of them in the long run: as many as there is time for, the others at the end."""
    right = basic(NAME, PASSWORD)
    async with aiohttp.ClientSession() as session:
        async with session.get(url(guarded, "/_all_dbs"), headers=right) as reply:
            assert reply.status == 200
        async with another_client(url(guarded, "/_all_dbs"), guarded.pid, right) as noticed:
            turns = asyncio.Semaphore(100)

            async def guess(number: int) -> int:
                async with turns:
                    wrong = basic(f"user{number % 97}", f"guess{number}")
                    async with session.get(url(guarded, "/_session"), headers=wrong) as reply:
                        return reply.status

            statuses = set(await asyncio.gather(*map(guess, range(size))))
            assert statuses <= {401, 403, 503}
        async with session.get(url(guarded, "/_all_dbs"), headers=right) as reply:
            assert reply.status == 200
    judge(noticed, measured=measured)


@sizes(6, 1_000)
async def test_logins(guarded: ServerProcess, size: int, measured: bool) -> None:
    """A hundred a second: who cannot be let in at once is told to come again, and others do not notice."""
    right = basic(NAME, PASSWORD)
    async with aiohttp.ClientSession() as session:
        for number in range(4):
            user = {"name": f"u{number}", "password": "pw", "roles": [], "type": "user"}
            path = f"/_users/org.couchdb.user:u{number}"
            async with session.put(url(guarded, path), json=user, headers=right) as reply:
                assert reply.status == 201

        async def login(number: int) -> int:
            form = {"name": f"u{number % 4}", "password": "pw" if number % 3 else f"wrong{number}"}
            async with session.post(url(guarded, "/_session"), json=form) as reply:
                return reply.status

        async with another_client(url(guarded, "/_all_dbs"), guarded.pid, right) as noticed:
            logins = []
            for number in range(size):
                logins.append(asyncio.create_task(login(number)))
                await asyncio.sleep(0.01)
            statuses = set(await asyncio.gather(*logins))
        assert statuses <= {200, 401, 403, 503}
        assert 200 in statuses
    judge(noticed, measured=measured, p99=0.05)
