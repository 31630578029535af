"""Stock JavaScript clients (PouchDB, nano) against docstore, as their users run them."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from docstore.settings import Profile
from docstore.testing import TestNode, run_node
from tests.clients.test_ibm_operations import IS_SEARCHED

HERE = Path(__file__).parent
NODE = shutil.which("node")
TIMEOUT_SECONDS = 120

pytestmark = [
    pytest.mark.clients,
    pytest.mark.skipif(NODE is None, reason="node is not installed"),
    pytest.mark.skipif(
        not (HERE / "node_modules" / "pouchdb-node").is_dir(),
        reason="npm packages are not installed",
    ),
]


@pytest.fixture
async def server() -> AsyncIterator[TestNode]:
    async with run_node() as node:
        yield node


with_cloudant = pytest.mark.skipif(
    not (HERE / "node_modules" / "@ibm-cloud" / "cloudant").is_dir(), reason="Cloudant's SDK is not installed"
)


async def run_script(script: str, *arguments: str) -> dict[str, object]:
    """Run one script to its end; its last line of output, decoded."""
    assert NODE is not None
    process = await asyncio.create_subprocess_exec(
        NODE, str(HERE / script), *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), TIMEOUT_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    assert process.returncode == 0, f"{script} failed:\n{out.decode()}\n{err.decode()}"
    result = json.loads(out.decode().strip().splitlines()[-1])
    assert isinstance(result, dict)
    return result


async def test_pouchdb_over_http(server: TestNode) -> None:
    result = await run_script("pouchdb_remote.js", f"{server.url}/pouch")
    assert result == {"docs": 255}


async def test_pouchdb_two_way_sync_of_real_data_ends_in_equal_conflicts(server: TestNode, tmp_path: Path) -> None:
    result = await run_script("pouchdb_sync.js", f"{server.url}/countries", str(tmp_path))
    assert result["countries"] == 250


async def test_nano(server: TestNode) -> None:
    assert await run_script("nano_remote.js", server.url, "nano") == {"ok": True}


async def test_nano_attachments(server: TestNode) -> None:
    assert await run_script("nano_attachments.js", server.url, "nano") == {"ok": True}


async def test_pouchdb_syncs_attachments(server: TestNode, tmp_path: Path) -> None:
    assert await run_script("pouchdb_attachments.js", f"{server.url}/attached", str(tmp_path)) == {"ok": True}


@with_cloudant
async def test_mango_of_nano_and_of_cloudants_sdk(server: TestNode) -> None:
    assert await run_script("mango.js", server.url, "queries") == {"nano": 56, "cloudant": 56}


@with_cloudant
async def test_every_operation_of_cloudants_sdk() -> None:
    async with run_node(profile=Profile.CLOUDANT) as server:
        told = await run_script("ibm_operations.js", server.url, "yes" if IS_SEARCHED else "no")
    assert told == {"called": 100 if IS_SEARCHED else 93, "failed": {}, "missing": []}
