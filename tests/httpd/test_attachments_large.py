"""An attachment much larger than what the server may hold in memory, there and back, with other requests beside it."""

import http.client
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.cli.running import Serving, serving
from tests.httpd import transfer

MIB = 1024 * 1024
MOST_ANONYMOUS_MEMORY = 200 * MIB
LONGEST_P99_SECONDS = 0.05
FEWEST_REQUESTS = 30


class Beside:
    """What happens beside a transfer: small requests are timed, and the server's anonymous memory is watched."""

    def __init__(self, server: Serving) -> None:
        self._status = Path(f"/proc/{server.process.pid}/status")
        self.connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=60)
        self.most_memory = 0
        self.seconds: list[float] = []

    def ask(self) -> None:
        started = time.perf_counter()
        self.connection.request("GET", "/db/small")
        answer = self.connection.getresponse()
        answer.read()
        self.seconds.append(time.perf_counter() - started)
        assert answer.status == 200
        line = next(line for line in self._status.read_text().splitlines() if line.startswith("RssAnon"))
        self.most_memory = max(self.most_memory, int(line.split()[1]) * 1024)

    @property
    def p99(self) -> float:
        return sorted(self.seconds)[int(len(self.seconds) * 0.99)]


def transferred(server: Serving, verb: str, size: int) -> tuple[str, Beside]:
    """The digest that the transfer's process tells, and what happened beside it."""
    beside = Beside(server)
    port = str(urlsplit(server.url).port)
    command = [sys.executable, transfer.__file__, verb, port, "/db/large/data", str(size)]
    with closing(beside.connection), subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        while process.poll() is None:
            beside.ask()
        assert process.stdout is not None
        assert process.returncode == 0
        return process.stdout.read().strip(), beside


@pytest.mark.parametrize("size", [64 * MIB + 17, pytest.param(2048 * MIB + 17, marks=pytest.mark.long)])
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the memory of a process is read from /proc")
def test_there_and_back(tmp_path: Path, size: int) -> None:
    with serving(tmp_path / "data") as server:
        connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=60)
        with closing(connection):
            for path in ("/db", "/db/small"):
                connection.request("PUT", path, b"{}")
                assert connection.getresponse().read().startswith(b'{"ok":true')
        sent, put = transferred(server, "put", size)
        received, get = transferred(server, "get", size)
    assert received == sent
    for beside in (put, get):
        assert beside.most_memory < MOST_ANONYMOUS_MEMORY
        assert len(beside.seconds) < FEWEST_REQUESTS or beside.p99 < LONGEST_P99_SECONDS
