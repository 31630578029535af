"""A server in a process of its own, so that its memory can be looked at.

    python -m tests.httpd.memory_child BUDGET

prints its URL, and ends when its input does.
"""

import asyncio
import sys

from docstore.settings import Limits
from docstore.testing import run_node


async def main(budget: int) -> None:
    async with run_node(limits=Limits(max_memory=budget, max_memory_wait=300.0)) as server:
        print(server.url, flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
