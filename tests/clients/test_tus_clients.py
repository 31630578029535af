"""Stock tus clients, tuspy and tus-js-client, upload attachments over connections that break and servers that die."""

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator, Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from docstore.testing import TestNode, run_node
from tests.clients.cutting_proxy import CuttingProxy
from tests.crash.server_process import ServerProcess, check_findings
from tests.storage_findings import storage_findings

tusclient = pytest.importorskip("tusclient.client")
TUS_ERRORS = pytest.importorskip("tusclient.exceptions").TusCommunicationError

HERE = Path(__file__).parent
NODE = shutil.which("node")
TIMEOUT_SECONDS = 120
MIB = 1024 * 1024
DATA = os.urandom(8 * MIB + 12_345)
CUT = 3 * MIB

pytestmark = pytest.mark.clients

Upload = Callable[..., Any]
"""``await upload(url, file, chunk=BYTES, retries=COUNT, resume=URL)``: what the client says in the end."""


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[TestNode]:
    async with run_node(data=tmp_path / "data") as node:
        yield node
        assert storage_findings(node.node) == []


@pytest.fixture
async def session(server: TestNode) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(server.url) as session:
        async with session.put("/db") as reply:
            assert reply.status == 201
        yield session


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "photo"
    path.write_bytes(DATA)
    return path


async def upload_with_tuspy(
    url: str, file: Path, *, chunk: int, retries: int = 0, resume: str | None = None, **options: Any
) -> dict[str, Any]:
    """``resume``: the URL of an upload that was begun before."""

    def run() -> dict[str, Any]:
        stream = BytesIO(file.read_bytes())  # it would not close a file that it opens
        client = tusclient.TusClient(url)
        uploader = None
        try:
            uploader = client.uploader(
                file_stream=stream, chunk_size=chunk, retries=retries, retry_delay=0, url=resume, **options
            )
            uploader.upload()
        except TUS_ERRORS as error:
            return {"error": str(error), "url": resume if uploader is None else uploader.url}
        headers = {} if uploader.request is None else uploader.request.response_headers
        return {"ok": True, "url": uploader.url, "rev": headers.get("x-couch-update-newrev")}

    return await asyncio.wait_for(asyncio.to_thread(run), TIMEOUT_SECONDS)


async def upload_with_tus_js(
    url: str, file: Path, *, chunk: int, retries: int = 0, resume: str | None = None, **options: Any
) -> dict[str, Any]:
    """As above."""
    assert NODE is not None
    text = json.dumps({"chunkSize": chunk, "retries": retries, "uploadUrl": resume, **options})
    process = await asyncio.create_subprocess_exec(
        NODE,
        str(HERE / "tus_upload.js"),
        url,
        str(file),
        text,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), TIMEOUT_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    assert process.returncode == 0, err.decode()
    result = json.loads(out)
    assert isinstance(result, dict)
    return result


needs_node = pytest.mark.skipif(
    NODE is None or not (HERE / "node_modules" / "tus-js-client").is_dir(),
    reason="node, or the npm packages, are not installed",
)
both_clients = pytest.mark.parametrize(
    "upload",
    [
        pytest.param(upload_with_tuspy, id="tuspy"),
        pytest.param(upload_with_tus_js, id="tus-js-client", marks=needs_node),
    ],
)


async def attachment(session: aiohttp.ClientSession, path: str = "/db/doc/photo") -> bytes:
    async with session.get(path) as reply:
        assert reply.status == 200
        return await reply.read()


async def write(session: aiohttp.ClientSession, path: str, body: dict[str, object]) -> str:
    async with session.put(path, json=body) as reply:
        assert reply.status == 201
        return str((await reply.json())["rev"])


@both_clients
async def test_an_upload(server: TestNode, session: aiohttp.ClientSession, file: Path, upload: Upload) -> None:
    done = await upload(f"{server.url}/db/doc/photo", file, chunk=MIB, metadata={"filetype": "image/png"})
    assert done["ok"], done
    async with session.get("/db/doc") as reply:
        document = await reply.json()
    assert document["_rev"] == done["rev"]
    assert document["_attachments"]["photo"]["content_type"] == "image/png"
    assert await attachment(session) == DATA


@both_clients
@pytest.mark.parametrize("chunk", [MIB, 16 * MIB])
async def test_connections_that_break_in_the_middle(
    server: TestNode, session: aiohttp.ClientSession, file: Path, upload: Upload, chunk: int
) -> None:
    port = int(server.url.rpartition(":")[2])
    async with CuttingProxy(port) as proxy:
        proxy.cut_after(CUT)
        proxy.cut_after(CUT)
        done = await upload(f"{proxy.url}/db/doc/photo", file, chunk=chunk, retries=3)
        assert done["ok"], done
        assert proxy.cuts == 2
    assert await attachment(session) == DATA
    counts = server.node.uploads.counts
    assert (counts["created"], counts["completed"]) == (1, 1)
    assert counts["bytes"] == len(DATA), "bytes were sent twice and kept twice"


@both_clients
async def test_a_client_that_was_ended_goes_on(
    server: TestNode, session: aiohttp.ClientSession, file: Path, upload: Upload
) -> None:
    port = int(server.url.rpartition(":")[2])
    async with CuttingProxy(port) as proxy:
        proxy.cut_after(CUT)
        failed = await upload(f"{proxy.url}/db/doc/photo", file, chunk=MIB)
    assert failed["error"]
    path = failed["url"].partition("/db/")[2]
    done = await upload(server.url, file, chunk=MIB, resume=f"{server.url}/db/{path}")
    assert done["ok"], done
    assert await attachment(session) == DATA
    assert server.node.uploads.counts["bytes"] == len(DATA)


@both_clients
async def test_a_server_that_is_killed_in_the_middle(tmp_path: Path, file: Path, upload: Upload) -> None:
    data = tmp_path / "killed"
    servers = [ServerProcess(data)]
    port = servers[0].port
    offsets: list[int] = []

    async def kill_and_start_again() -> None:
        await asyncio.to_thread(servers[0].kill)
        servers.append(await asyncio.to_thread(ServerProcess, data, arguments=["--port", str(port)]))
        assert servers[1].port == port
        offsets.append(await asyncio.to_thread(bytes_counted, data))

    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session, CuttingProxy(port) as proxy:
            async with session.put("/db") as reply:
                assert reply.status == 201
            proxy.cut_after(CUT, kill_and_start_again)
            done = await upload(f"{proxy.url}/db/doc/photo", file, chunk=MIB, retries=3)
            assert done["ok"], done
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
            assert await attachment(session) == DATA
    finally:
        for one in servers:
            one.__exit__(None, None, None)
    assert offsets[0] >= 2 * MIB, "what was acknowledged is lost"
    assert check_findings(data) == []


def bytes_counted(data: Path) -> int:
    """The offset of the one upload in the store of a running server."""
    from docstore.settings import StorageSettings
    from docstore.storage.attachments.uploads import scan_uploads
    from docstore.storage.engine.environment import Environment

    with Environment.open(data, StorageSettings(), read_only=True) as environment, environment.snapshot() as snapshot:
        [(_, _, row)] = scan_uploads(snapshot)
    return row.offset


@both_clients
async def test_a_conflict_is_an_error(
    server: TestNode, session: aiohttp.ClientSession, file: Path, upload: Upload
) -> None:
    first = await write(session, "/db/doc", {"n": 1})
    latest = await write(session, f"/db/doc?rev={first}", {"n": 2})
    failed = await upload(f"{server.url}/db/doc/photo?rev={first}", file, chunk=4 * MIB, retries=2)
    assert "ok" not in failed
    assert failed["error"] is not None
    # it is the same to a client that comes again: no offset tells it that all is well
    path = failed["url"].removeprefix(server.url)
    async with session.head(path, headers={"Tus-Resumable": "1.0.0"}) as reply:
        assert reply.status == 412
        assert "Upload-Offset" not in reply.headers
    refused = await upload(server.url, file, chunk=4 * MIB, resume=failed["url"])
    assert "ok" not in refused
    async with session.get("/db/doc") as reply:
        assert "_attachments" not in await reply.json()
    # and the bytes need not be sent again
    async with session.post(f"{path}?rev={latest}") as reply:
        assert reply.status == 201
    assert await attachment(session) == DATA
    done = await upload(server.url, file, chunk=4 * MIB, resume=failed["url"])
    assert done["ok"]


async def test_tuspy_sends_checksums(server: TestNode, session: aiohttp.ClientSession, file: Path) -> None:
    port = int(server.url.rpartition(":")[2])
    async with CuttingProxy(port) as proxy:
        proxy.cut_after(CUT)
        done = await upload_with_tuspy(f"{proxy.url}/db/doc/photo", file, chunk=MIB, retries=2, upload_checksum=True)
    assert done["ok"], done
    assert await attachment(session) == DATA


@needs_node
async def test_tus_js_sends_bytes_with_the_creation(
    server: TestNode, session: aiohttp.ClientSession, file: Path
) -> None:
    done = await upload_with_tus_js(f"{server.url}/db/doc/photo", file, chunk=4 * MIB, uploadDataDuringCreation=True)
    assert done["ok"], done
    assert done["asked"] == [["POST", 201], ["PATCH", 204], ["PATCH", 204]]
    assert await attachment(session) == DATA


@needs_node
async def test_tus_js_speaks_an_older_draft_of_the_ietf(
    server: TestNode, session: aiohttp.ClientSession, file: Path
) -> None:
    """It is given no interim responses, and needs none."""
    port = int(server.url.rpartition(":")[2])
    async with CuttingProxy(port) as proxy:
        proxy.cut_after(CUT)
        done = await upload_with_tus_js(
            f"{proxy.url}/db/doc/photo", file, chunk=MIB, retries=2, protocol="ietf-draft-05"
        )
    assert done["ok"], done
    assert proxy.cuts == 1
    assert await attachment(session) == DATA
