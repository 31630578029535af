"""The servers that a run measures: docstore itself, its two ceilings, and peers that already run.

Owns starting and ending child processes. It must not know what is measured.
"""

import contextlib
import json
import re
import signal
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).parent.parent
URL_IN_LINE = re.compile(r"http://127\.0\.0\.1:\d+")


@dataclass(frozen=True)
class Target:
    """A server under measurement: its URL without credentials, the headers it wants, and its process if it is ours."""

    name: str
    url: str
    headers: Mapping[str, str]
    pid: int | None = None
    data: Path | None = None

    def connection(self) -> HTTPConnection:
        """A fresh keep-alive connection."""
        parts = urlsplit(self.url)
        return HTTPConnection(parts.hostname or "127.0.0.1", parts.port or 80, timeout=120)

    def request(
        self, connection: HTTPConnection, method: str, path: str, body: bytes | None = None
    ) -> tuple[int, bytes]:
        """One exchange on a connection: status and whole body."""
        headers = {**self.headers, "Content-Type": "application/json"}
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response.status, response.read()

    def once(self, method: str, path: str, body: object = None) -> object:
        """One exchange on a connection of its own; the decoded reply. Raises RuntimeError for a 4xx or 5xx."""
        connection = self.connection()
        try:
            status, data = self.request(connection, method, path, None if body is None else json.dumps(body).encode())
        finally:
            connection.close()
        if status >= 400:
            raise RuntimeError(f"{method} {self.url}{path}: {status} {data[:200]!r}")
        return json.loads(data) if data else None


def peer(url: str) -> Target:
    """A server that somebody else started, from a URL that may carry credentials."""
    parts = urlsplit(url)
    headers: dict[str, str] = {}
    if parts.username:
        credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = "Basic " + b64encode(credentials.encode()).decode()
    return Target("peer", f"http://{parts.hostname}:{parts.port or 80}", headers)


@contextlib.contextmanager
def docstore(data: Path, *arguments: str) -> Iterator[Target]:
    """``docstore serve`` on a free port, as a user starts it."""
    script = Path(sys.executable).parent / "docstore"
    command = [str(script), "serve", "--port", "0", "--data", str(data), "--log-level", "warning", *arguments]
    with process(command) as (started, url):
        yield Target("docstore", url, {}, started.pid, data)


@contextlib.contextmanager
def bare_handler(status: int, headers: Mapping[str, str], body: bytes) -> Iterator[Target]:
    """One static aiohttp route that answers the same bytes and headers as docstore does."""
    reply = json.dumps({"status": status, "headers": dict(headers), "body": body.decode()})
    with process([sys.executable, "-m", "bench.bare_handler", reply]) as (started, url):
        yield Target("bare aiohttp handler", url, {}, started.pid)


@contextlib.contextmanager
def bare_group_commit(data: Path) -> Iterator[Target]:
    """An aiohttp route that reads the body, puts it into LMDB and answers after a shared fsync."""
    with process([sys.executable, "-m", "bench.bare_group_commit", str(data)]) as (started, url):
        yield Target("bare group commit", url, {}, started.pid)


@contextlib.contextmanager
def bare_stream(size: int, chunk: int) -> Iterator[Target]:
    """An aiohttp route that streams bytes from memory."""
    with process([sys.executable, "-m", "bench.bare_stream", str(size), str(chunk)]) as (started, url):
        yield Target("bare aiohttp stream", url, {}, started.pid)


@contextlib.contextmanager
def process(
    command: list[str], *, cwd: Path = ROOT, environment: Mapping[str, str] | None = None
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server that tells its URL in a line, until the end of the block."""
    started = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=cwd, env=environment
    )
    try:
        yield started, _wait_for_url(started)
    finally:
        started.send_signal(signal.SIGTERM)
        try:
            started.wait(20)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()
        if started.stdout is not None:
            started.stdout.close()


def _wait_for_url(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    seen: list[str] = []
    for line in process.stdout:
        if found := URL_IN_LINE.search(line):
            return found.group()
        seen.append(line)
    raise RuntimeError(f"{process.args!r} ended before it named its URL: {''.join(seen)}")


def seconds_until_answer(data: Path) -> float:
    """Wall time from the start of ``docstore serve`` to its first answer."""
    began = time.perf_counter()
    with docstore(data) as target:
        target.once("GET", "/")
        return time.perf_counter() - began


def anonymous_memory(pid: int) -> int:
    """RssAnon of a process in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"no RssAnon for process {pid}")
