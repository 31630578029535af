"""Workers and the end of their server; what they have of it, and where there can be none."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from docstore.testing import TestNode
from tests.crash.server_process import ServerProcess
from tests.workers.test_pool import TRIAL, running, there, until

ROOT = Path(__file__).parent.parent.parent
LONG_BODY = {"docs": [{"_id": f"doc{number}", "text": "x" * 300} for number in range(1_000)]}


def children(pid: int) -> list[int]:
    return [
        int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()
    ]


@pytest.fixture
def holder() -> Iterator[subprocess.Popen]:
    command = [sys.executable, "-m", "tests.workers.holder", "endless"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


async def test_workers_end_with_a_server_that_is_killed(holder: subprocess.Popen) -> None:
    pids = list(map(int, (await asyncio.to_thread(holder.stdout.readline)).split()))
    assert len(pids) == 2
    assert all(map(there, pids))
    holder.kill()
    await until(lambda: not any(alive(pid) for pid in pids))


def alive(pid: int) -> bool:
    """Whether a process is more than an entry that nobody has waited for."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
async def test_workers_of_the_program_end_with_it(tmp_path: Path, number: signal.Signals) -> None:
    with ServerProcess(tmp_path / "data") as server:
        connection = server.connect()
        connection.request("PUT", "/db")
        while not (pids := children(server.pid)):
            connection.request("POST", "/db/_bulk_docs", LONG_BODY)
        connection.close()
        os.kill(server.pid, number)
        assert server._process.wait(30) == (-number if number == signal.SIGKILL else 0)
        await until(lambda: not any(map(alive, pids)))


async def test_a_key_pressed_in_the_terminal_does_not_reach_a_worker() -> None:
    async with running() as pool:
        pid = await pool.run(f"{TRIAL}:pid")
        assert os.getpgid(pid) == pid
        os.kill(pid, signal.SIGINT)
        assert await pool.run(f"{TRIAL}:pid") == pid


async def test_nothing_of_the_server_is_in_a_worker(server: TestNode) -> None:
    """Neither a file, nor a module of those that are not needed to compute."""
    async with running() as pool:
        files = await pool.run(f"{TRIAL}:open_files")
        modules = set(await pool.run(f"{TRIAL}:modules"))
    own = [path for path in files if not path.startswith(("/dev/null", "/proc/"))]
    assert sum(path.startswith("socket:") for path in own) == 1
    assert not [path for path in own if str(server.data) in path or "eventpoll" in path]
    assert len(own) <= 3  # the socket, the lifeline, and what the tests' own errors go to
    assert not modules & {"asyncio", "lmdb", "aiohttp", "msgspec", "docstore.node", "docstore.storage", "docstore.core"}


@pytest.mark.skipif(os.getuid() != 0, reason="takes a user of whom there is no other process")
def test_where_the_system_starts_no_more_processes_a_thread_computes() -> None:
    command = [sys.executable, "-m", "tests.workers.holder", "limited"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    own, *found = done.stdout.split()
    assert found == [own, own, own, "[]", "True"]
    assert done.stderr.count("computing in a thread") == 1
    assert len(done.stderr.splitlines()) == 1
