"""A program with a pool, for tests that kill it or take its rights: ``holder.py endless`` or ``holder.py limited``."""

import asyncio
import os
import resource
import sys

from docstore.settings import WorkerSettings
from docstore.workers.pool import Pool

NOBODY_ELSE = 54_321
"""A user of whom there is no other process."""


async def endless() -> None:
    """Have one worker that waits and one in an endless loop of C, tell their numbers, and wait to be killed."""
    pool = Pool(WorkerSettings(processes=2), package="tests")
    looping, waiting = (
        asyncio.ensure_future(pool.run("tests.workers.trial:loop_in_c")),
        pool.run("tests.workers.trial:pid"),
    )
    await waiting
    print(*pool.pids, flush=True)
    await looping


async def limited() -> None:
    """Work where no process may be started any more, but one thread may."""
    pool = Pool(WorkerSettings(processes=2), package="tests")
    os.setgroups([])
    os.setresuid(NOBODY_ELSE, NOBODY_ELSE, NOBODY_ELSE)
    resource.setrlimit(resource.RLIMIT_NPROC, (2, 2))
    found = [await pool.run("tests.workers.trial:pid", number) for number in range(3)]
    print(os.getpid(), *found, pool.pids, pool.computes_in_thread, flush=True)
    await pool.stop()


if __name__ == "__main__":
    import tests.workers.trial  # noqa: F401  (read while the files may be)

    asyncio.run({"endless": endless, "limited": limited}[sys.argv[1]]())
