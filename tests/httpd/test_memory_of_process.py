"""What the process really takes beside many requests whose bodies become much: within the budget, and given back."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

from docstore.settings import MIB

BUDGET = 32 * MIB
AT_ONCE = 12
ROWS = 60_000
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


class Child:
    """The server's process, and what it takes."""

    def __init__(self, process: "subprocess.Popen[str]", port: int) -> None:
        self._status = Path(f"/proc/{process.pid}/status")
        self._port = port

    def taken(self) -> int:
        """Bytes of memory, without the pages of the data file."""
        line = next(line for line in self._status.read_text().splitlines() if line.startswith("RssAnon"))
        return int(line.split()[1]) * 1024

    def ask(self, path: str, body: bytes) -> int:
        connection = HTTPConnection("127.0.0.1", self._port)
        method = "POST" if body else "PUT"
        connection.request(method, path, body, {"Content-Type": "application/json"})
        with connection.getresponse() as reply:
            reply.read()
            status = reply.status
        connection.close()
        return status

    def peak_of(self, work: Callable[[], object]) -> int:
        """The most that the process took meanwhile."""
        done = threading.Event()
        seen = [self.taken()]

        def look() -> None:
            while not done.wait(0.002):
                seen.append(self.taken())

        looking = threading.Thread(target=look)
        looking.start()
        try:
            work()
        finally:
            done.set()
            looking.join()
        return max(seen)


@contextmanager
def child(budget: int) -> Iterator[Child]:
    command = [sys.executable, "-m", "tests.httpd.memory_child", str(budget)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        server = Child(process, int(process.stdout.readline().rpartition(":")[2]))
        assert server.ask("/db", b"") == 201
        yield server
        process.stdin.close()


def ask_at_once(server: Child, requests: Sequence[tuple[str, bytes]]) -> set[int]:
    with ThreadPoolExecutor(len(requests)) as pool:
        return set(pool.map(lambda request: server.ask(*request), requests))


def test_many_requests_take_no_more_than_the_budget_and_give_it_back() -> None:
    """Each takes some 12 MiB: a tiny body of nested arrays."""
    body = b'{"x":[' + b",".join([b"[[1]]"] * ROWS) + b"]}"
    paths = ["_revs_diff", "_missing_revs", "_purge", "_changes?filter=_selector"]
    requests = [(f"/db/{paths[number % len(paths)]}", body) for number in range(AT_ONCE)]
    with child(BUDGET) as server:
        ask_at_once(server, requests[:2])
        before = server.taken()
        peak = server.peak_of(lambda: ask_at_once(server, requests))
        assert peak - before < BUDGET
        assert server.taken() - before < BUDGET // 2
