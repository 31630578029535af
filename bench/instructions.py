"""Instructions of the processor that a request costs the server: ``python -m bench.instructions TREE TREE``.

Owns the requests and their counting under callgrind. Times tell nothing apart that is nearer than a tenth on a machine
with other work; instructions tell a hundredth there. What worker processes do is not in them, nor is any waiting. A
tree is a checkout with its ``.venv``, whose server is started as a user starts it.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from bench import servers

SERVE: Final = """
import sys, lmdb
opened = lmdb.open
lmdb.open = lambda *a, map_size=1 << 20, **k: opened(*a, map_size=min(map_size, 8 << 30), **k)
sys.argv = ["docstore", "serve", "--port", "0", "--data", sys.argv[1]]
from docstore.cli.main import main
main()
"""
"""Starts the server with an address space that valgrind grants."""

DOCUMENT: Final = {"name": "somebody", "list": list(range(10)), "text": "x" * 250}
STALE: Final = "1-" + "a" * 32
BYTES: Final = bytes(range(256)) * 256
TOTAL: Final = re.compile(r"^(?:summary|totals): (\d+)", re.MULTILINE)
PATIENCE: Final = 120.0


class Server:
    """A server under callgrind, and a connection to it."""

    def __init__(self, url: str, pid: int, out: Path) -> None:
        """``out``: where callgrind writes."""
        host, _, port = url.removeprefix("http://").partition(":")
        self._connection = HTTPConnection(host, int(port), timeout=PATIENCE)
        self._pid = pid
        self._out = out
        self._dumps = 0

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Mapping[str, str]:
        """One exchange; a body that is no bytes is sent as JSON. What was answered as JSON, if it is an object."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        self._connection.request(method, path, data, {"Content-Type": "application/json", **headers})
        answer = self._connection.getresponse().read()
        read = json.loads(answer) if answer[:1] == b"{" and len(answer) < 1_000 else {}
        return {name: value for name, value in read.items() if isinstance(value, str)}

    def count(self, times: int, request: Callable[[int], object]) -> float:
        """Instructions of one request: of so many, after a third as many that are not counted."""
        for number in range(times // 3):
            request(number)
        self._control("--zero")
        for number in range(times // 3, times // 3 + times):
            request(number)
        self._control("--dump")
        self._dumps += 1
        dump = Path(f"{self._out}.{self._dumps}")
        ends = time.monotonic() + PATIENCE
        while time.monotonic() < ends:
            found = TOTAL.search(dump.read_text()) if dump.exists() else None
            if found is not None:
                return int(found[1]) / times
            time.sleep(0.1)
        raise RuntimeError("callgrind wrote no figures")

    def _control(self, what: str) -> None:
        subprocess.run(["callgrind_control", what, str(self._pid)], check=True, capture_output=True)


def requests_of(server: Server) -> dict[str, tuple[int, Callable[[int], object]]]:
    """What is counted: how many of each, and the request of a number."""
    ask = server.ask
    ask("PUT", "/db")
    rev = ask("PUT", "/db/d", DOCUMENT)["rev"]
    many = [f"m{number:03}" for number in range(500)]
    ask("POST", "/db/_bulk_docs", {"docs": [{**DOCUMENT, "_id": name} for name in many]})
    siblings = [{"_id": "c", "_rev": f"1-{number:032x}", "n": number} for number in range(20)]
    ask("POST", "/db/_bulk_docs", {"docs": siblings, "new_edits": False})
    ask("PUT", "/db/a/bytes", BYTES, **{"Content-Type": "application/octet-stream"})
    last: dict[str, str] = {}

    def update(number: int) -> None:
        last["_rev"] = ask("PUT", "/db/u", {**DOCUMENT, "n": number, **last})["rev"]

    def batch(number: int) -> list[dict[str, object]]:
        return [{**DOCUMENT, "_id": f"b{number:03}-{place:03}"} for place in range(100)]

    def arrived(number: int) -> list[dict[str, object]]:
        return [{**DOCUMENT, "_id": f"n{number:03}-{place:03}", "_rev": STALE} for place in range(100)]

    return {
        "GET": (1_000, lambda _: ask("GET", "/db/d")),
        "GET of a revision": (1_000, lambda _: ask("GET", f"/db/d?rev={rev}")),
        "GET, not modified": (1_000, lambda _: ask("GET", "/db/d", **{"If-None-Match": f'"{rev}"'})),
        "GET, missing": (1_000, lambda _: ask("GET", "/db/none")),
        "GET with 19 conflicts": (100, lambda _: ask("GET", "/db/c?conflicts=true")),
        "PUT, new": (400, lambda number: ask("PUT", f"/db/new{number}", DOCUMENT)),
        "PUT, update": (400, update),
        "PUT, refused": (1_000, lambda _: ask("PUT", "/db/d", {**DOCUMENT, "_rev": STALE})),
        "_bulk_docs of 100": (12, lambda number: ask("POST", "/db/_bulk_docs", {"docs": batch(number)})),
        "the same, new_edits=false": (
            12,
            lambda number: ask("POST", "/db/_bulk_docs", {"docs": arrived(number), "new_edits": False}),
        ),
        "_bulk_get of 100": (
            12,
            lambda _: ask("POST", "/db/_bulk_get", {"docs": [{"id": name} for name in many[:100]]}),
        ),
        "_revs_diff of 100": (12, lambda _: ask("POST", "/db/_revs_diff", {name: [STALE] for name in many[:100]})),
        "_all_docs, 500 rows": (12, lambda _: ask("GET", "/db/_all_docs?limit=500")),
        "_changes, 500 rows": (12, lambda _: ask("GET", "/db/_changes?limit=500")),
        "the same with documents": (9, lambda _: ask("GET", "/db/_changes?limit=500&include_docs=true")),
        "open_revs of 20": (60, lambda _: ask("GET", "/db/c?open_revs=all", Accept="application/json")),
        "attachment GET, 64 KiB": (60, lambda _: ask("GET", "/db/a/bytes")),
        "attachment PUT, 64 KiB": (
            40,
            lambda number: ask("PUT", f"/db/at{number}/b", BYTES, **{"Content-Type": "application/octet-stream"}),
        ),
        "_local PUT": (60, lambda number: ask("PUT", f"/db/_local/l{number}", {"n": number})),
    }


def counted(tree: Path, words: tuple[str, ...]) -> dict[str, float]:
    """Instructions a request, of those whose names have one of the words, or of all."""
    with TemporaryDirectory() as folder:
        out = Path(folder) / "callgrind.out"
        command = ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={out}"]
        command += [str(tree / ".venv" / "bin" / "python"), "-c", SERVE, str(Path(folder) / "data")]
        environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": ""}
        with servers.process(command, cwd=tree, environment=environment) as (process, url):
            server = Server(url, process.pid, out)
            return {
                name: server.count(times, request)
                for name, (times, request) in requests_of(server).items()
                if not words or any(word in name for word in words)
            }


def main() -> None:
    """Count both at the same time, and print a table."""
    if len(sys.argv) < 3:
        sys.exit("python -m bench.instructions TREE TREE [WORD...]")
    trees, words = [Path(name).absolute() for name in sys.argv[1:3]], tuple(sys.argv[3:])
    with ThreadPoolExecutor(len(trees)) as threads:
        before, after = threads.map(lambda tree: counted(tree, words), trees)
    print(f"| thousands of instructions a request | {trees[0].name} | {trees[1].name} | ratio |\n|---|---|---|---|")
    for name, instructions in before.items():
        print(f"| {name} | {instructions / 1e3:,.0f} | {after[name] / 1e3:,.0f} | {after[name] / instructions:.3f} |")


if __name__ == "__main__":
    main()
