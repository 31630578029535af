"""A process that stages an attachment and kills itself on the way, for the test that nothing is left of it.

    python -m tests.crash.staging_child FOLDER POINT

POINT is one of ``POINTS``. Before it dies it prints the number of the staging, 0 if it does not know it yet.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from docstore.core.attachment import Inline
from docstore.database.attachments.staging import WINDOW_BYTES
from docstore.node import Node
from docstore.settings import Settings

OCTETS = "application/octet-stream"
POINTS = ("windows", "sealed", "large sealed", "inline", "linked")
LARGE = 3 * WINDOW_BYTES + 1000


def content(length: int) -> bytes:
    """The same bytes in every process, and no chunk like another."""
    return b"".join(b"%012d" % number for number in range(length // 12 + 1))[:length]


async def run(folder: Path, point: str) -> None:
    async with Node(Settings(folder)) as node:
        db = await node.registry.create("db")
        blobs = node.registry.blobs
        if point == "inline":
            staged = (await blobs.stage_inline([Inline("a", OCTETS, content(1000))]))[0].staging
            die(staged)
        data = content(1000 if point in ("sealed", "linked") else LARGE)
        staging = blobs.stage(OCTETS)
        for start in range(0, len(data), 100_000):
            await staging.write(data[start : start + 100_000])
        if point == "windows":
            die(staging.number)
        sealed = await staging.seal()
        if point == "linked":
            await db.put_attachment("d", None, sealed.linked("a", OCTETS))
        die(staging.number)


def die(number: int) -> None:
    print(number, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), sys.argv[2]))
