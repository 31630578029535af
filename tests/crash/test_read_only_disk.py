"""A disk that can only be read: no server starts on it, its store is read all the same, and one that runs reads on."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from docstore.storage.engine.data_file import DATA_FILE
from tests.crash.injecting import failing, needs_injection
from tests.crash.server_process import Connection, ServerProcess, check_findings

WRITES = "pwrite64,pwritev,pwritev2,ftruncate,rename"
ALONE = {**os.environ, "DOCSTORE_GLOBAL_CHANGES__UPDATE_DB": "false"}
"""Nothing is written but what a test asks for: no commit is half done when the disk turns read-only."""
READ_ONLY = {"error": "insufficient_storage", "reason": "The disk is read-only."}


@contextmanager
def read_only(disk: Path) -> Iterator[None]:
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    try:
        yield
    finally:
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)


def docstore(*arguments: str) -> "subprocess.CompletedProcess[str]":
    script = str(Path(sys.executable).parent / "docstore")
    return subprocess.run([script, *arguments], capture_output=True, text=True, check=False, timeout=60)


def docs(http: Connection) -> list[str]:
    status, body = http.request("GET", "/db/_all_docs")
    assert status == 200
    return [row["id"] for row in body["rows"]]


def put(http: Connection, doc_id: str) -> tuple[int, object]:
    return http.request("PUT", f"/db/{doc_id}", {"text": "x" * 1_000})


def test_what_is_on_a_read_only_disk_can_be_read(small_disk: Path, tmp_path: Path) -> None:
    data, copy = small_disk / "data", tmp_path / "copy"
    with ServerProcess(data) as server:
        http = server.connect()
        assert http.request("PUT", "/db")[0] == 201
        assert put(http, "a")[0] == 201
        http.close()
    with read_only(small_disk):
        ended = docstore("serve", "--port", "0", "--data", str(data))
        assert ended.returncode == 1
        assert "Read-only file system" in ended.stderr
        assert "Traceback" not in ended.stderr
        assert check_findings(data) == []
        assert docstore("snapshot", "--data", str(data), str(copy)).returncode == 0
    assert check_findings(copy) == []
    with ServerProcess(data) as server:
        http = server.connect()
        assert docs(http) == ["a"]
        assert put(http, "b")[0] == 201
        http.close()


@needs_injection
def test_a_disk_that_turns_read_only(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with ServerProcess(data, env=ALONE) as server:
        http = server.connect()
        assert http.request("PUT", "/db")[0] == 201
        assert put(http, "a")[0] == 201
        design = {"views": {"v": {"map": "function (doc) { emit(doc._id, null); }"}}}
        assert http.request("PUT", "/db/_design/d", design)[0] == 201
        assert http.request("GET", "/db/_design/d/_view/v")[0] == 200
        with failing(server.pid, WRITES, "EROFS", only=data / DATA_FILE):
            assert put(http, "b") == (507, READ_ONLY)
            assert http.request("POST", "/db/_bulk_docs", {"docs": [{}, {}]}) == (507, READ_ONLY)
            assert http.request("PUT", "/other") == (507, READ_ONLY)
            assert http.request("PUT", "/db/a/attached", "bytes")[0] in (409, 507)
            assert http.request("DELETE", "/db") == (507, READ_ONLY)
            assert docs(http) == ["_design/d", "a"]
            assert http.request("GET", "/db/_design/d/_view/v")[1]["total_rows"] == 1
            assert http.request("GET", "/_all_dbs") == (200, ["_global_changes", "_replicator", "_users", "db"])
        assert put(http, "b")[0] == 201
        assert http.request("GET", "/db/_design/d/_view/v")[1]["total_rows"] == 2
        http.close()
    assert check_findings(data) == []
    with ServerProcess(data) as server:
        http = server.connect()
        assert docs(http) == ["_design/d", "a", "b"]
        http.close()


@needs_injection
def test_a_server_stops_while_its_disk_is_read_only(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with ServerProcess(data, env=ALONE) as server:
        http = server.connect()
        assert http.request("PUT", "/db")[0] == 201
        assert put(http, "a")[0] == 201
        http.close()
        with failing(server.pid, WRITES, "EROFS"):
            server.stop()
        assert server.status == 0
    assert check_findings(data) == []
