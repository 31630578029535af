"""SIGKILL between the first byte of an attachment and its edit: after a restart nothing is left."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from docstore.database.commands import DropStagings
from docstore.errors import NotFound
from docstore.node import Node
from docstore.settings import Settings
from tests.crash.staging_child import POINTS, content
from tests.storage_findings import storage_findings

TABLES = ("blobs", "digests", "blob_refs", "stagings", "garbage")


def killed_at(folder: Path, point: str) -> int:
    """The number of the staging that a process held when it died."""
    command = [sys.executable, "-m", "tests.crash.staging_child", str(folder), point]
    done = subprocess.run(command, stdout=subprocess.PIPE, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL
    return int(done.stdout)


def entries(node: Node) -> dict[str, int]:
    with node.env.snapshot() as snapshot:
        return {name: snapshot.transaction.stat(getattr(snapshot.tables, name))["entries"] for name in TABLES}


async def collected(node: Node) -> dict[str, int]:
    """What is left when the collector has done its work."""
    async with asyncio.timeout(30):
        while entries(node)["garbage"]:
            await node.writer.submit(DropStagings(()))
    assert storage_findings(node) == []
    return entries(node)


@pytest.mark.parametrize("point", [point for point in POINTS if point != "linked"])
async def test_nothing_is_left_after_a_restart(tmp_path: Path, point: str) -> None:
    killed_at(tmp_path, point)
    async with Node(Settings(tmp_path)) as node:
        assert await collected(node) == dict.fromkeys(TABLES, 0)
        with pytest.raises(NotFound):
            node.registry.open("db").open_doc("d")


async def test_what_was_linked_stays(tmp_path: Path) -> None:
    killed_at(tmp_path, "linked")
    async with Node(Settings(tmp_path)) as node:
        assert (await collected(node))["stagings"] == 0
        opened = node.registry.open("db").open_attachment("d", "a")
        assert b"".join([piece async for piece in opened.stored()]) == content(1000)
