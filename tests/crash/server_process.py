"""Starts the real server process (``docstore serve``) for tests that kill or trace it.

Owns the child process and a small blocking HTTP client; it knows nothing of what a test writes.
"""

import json
import os
import re
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from http.client import HTTPConnection
from io import StringIO
from pathlib import Path
from types import TracebackType
from typing import Self

from docstore.cli.main import main

URL = re.compile(r"http://127\.0\.0\.1:(\d+)")


class ServerProcess:
    """``docstore serve`` on a free loopback port, with its data in ``data``.

    ``said``: its output until it was ready. ``pid``: that of the server itself. ``status``: what it ended with.
    """

    def __init__(
        self,
        data: Path,
        *,
        arguments: Sequence[str] = (),
        before: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        longest_file: int | None = None,
        files: int | None = None,
    ) -> None:
        """``longest_file``: bytes beyond which no file of the process may grow, until ``limit`` says otherwise.

        ``files``: how many it may have open.
        """
        script = Path(sys.executable).parent / "docstore"
        limits = "" if longest_file is None else f"ulimit -S -f {longest_file // 512}; "
        limits += "" if files is None else f"ulimit -n {files}; "
        limited = ("sh", "-c", f'{limits}exec "$@"', "sh") if limits else ()
        command = [*before, *limited, str(script), "serve", "--port", "0", "--data", str(data), *arguments]
        self._process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=None if env is None else dict(env),
        )
        self._reader: threading.Thread | None = None
        self.port = self._read_port()
        self.pid = _child_of(self._process.pid) if before else self._process.pid

    def _read_port(self) -> int:
        assert self._process.stdout is not None
        said = self.said = list[str]()
        for line in self._process.stdout:
            if found := URL.search(line):
                # A pipe that nobody reads fills up, and then the server waits at its next log line.
                self._reader = threading.Thread(target=_drain, args=(self._process.stdout,), daemon=True)
                self._reader.start()
                return int(found.group(1))
            said.append(line)
        self._process.wait()
        raise AssertionError(f"the server ended before it named its URL: {''.join(said)}")

    def connect(self) -> "Connection":
        """A keep-alive connection of its own."""
        return Connection(self.port)

    def limit(self, what: int, limits: tuple[int, int]) -> None:
        """Set one of the process's limits, such as ``resource.RLIMIT_FSIZE``; a limit below another may be raised."""
        resource.prlimit(self.pid, what, limits)

    def kill(self) -> None:
        """SIGKILL, and wait until the process is gone."""
        os.kill(self.pid, signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        """SIGTERM, and wait; SIGKILL when that takes too long."""
        os.kill(self.pid, signal.SIGTERM)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    @property
    def status(self) -> int | None:
        """What the process has ended with; None while it runs."""
        return self._process.returncode

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self.stop()
        if self._reader is not None:
            self._reader.join()
        if self._process.stdout is not None:
            self._process.stdout.close()


def _drain(output: Iterable[str]) -> None:
    for _ in output:
        pass


def _child_of(pid: int) -> int:
    """The one child of a process that wraps the server, such as strace, which keeps signals to itself."""
    (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(child)


class Connection:
    """Blocking JSON over one HTTP connection."""

    def __init__(self, port: int) -> None:
        self._http = HTTPConnection("127.0.0.1", port, timeout=60)

    def request(self, method: str, path: str, body: object = None) -> tuple[int, object]:
        """Status and decoded body of one exchange."""
        data = None if body is None else json.dumps(body).encode()
        self._http.request(method, path, data, {"Content-Type": "application/json"})
        with self._http.getresponse() as response:
            text = response.read()
        return response.status, json.loads(text) if text else None

    def close(self) -> None:
        """Close the connection."""
        self._http.close()


def check_findings(data: Path) -> list[str]:
    """What ``docstore check``, run in this process, says about a data folder, a line each; nothing when it is clean."""
    with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
        try:
            main(["check", "--data", str(data)])
        except SystemExit as ended:
            status = ended.code
    assert status in (0, 1), err.getvalue()
    return [] if status == 0 else out.getvalue().splitlines() or [f"exit 1 without a finding: {err.getvalue()}"]
