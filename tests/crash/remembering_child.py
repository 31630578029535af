"""A process that is killed just before or just after the commit of a remembered write.

Run as ``python -m tests.crash.remembering_child FOLDER POINT``.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from docstore.database.apply.reply_forms import WrittenForm
from docstore.node import Node
from docstore.settings import Settings
from tests.database.helpers import document

POINTS = ("before", "after")
FORM = WrittenForm("a", 201)


def fingerprint() -> bytes:
    return b"f" * 32


async def write(node: Node) -> str:
    """The write, which is the same in every process; the revision that it was answered with."""
    once = node.remembered.ticket("db", "", "key", fingerprint)
    await once.remembering(node.registry.open("db"), FORM).update_docs([document("a", n=1)])
    assert once.reply is not None
    return once.reply.body.decode()


async def main(folder: Path, point: str) -> None:
    async with Node(Settings(folder)) as node:
        await node.registry.create("db")

        def commit(transaction) -> None:
            if point == "after":
                transaction.commit()
            os.kill(os.getpid(), signal.SIGKILL)

        node.writer._commit = commit
        await write(node)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
