"""The real server, started on a disk that is full: it opens, reads, and writes as soon as there is room."""

import resource
import shutil
import subprocess
import sys
from pathlib import Path
from time import monotonic

from docstore.settings import MIB
from tests.crash.server_process import Connection, ServerProcess, check_findings

UNLIMITED = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
TEXT = "x" * 2_000
PATIENCE = 60.0


def fill(disk: Path) -> Path:
    """Take all room that is left; the file that takes it."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (MIB, 4096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    assert shutil.disk_usage(disk).free == 0
    return ballast


def docs(http: Connection) -> set[str]:
    status, body = http.request("GET", "/db/_all_docs")
    assert status == 200
    return {row["id"] for row in body["rows"]}


def put(http: Connection, doc_id: str) -> int:
    return http.request("PUT", f"/db/{doc_id}", {"text": TEXT})[0]


def begin(http: Connection) -> set[str]:
    """A database of some documents, and a larger one that may go; the documents."""
    for name in ("db", "large"):
        assert http.request("PUT", f"/{name}")[0] == 201
    for number in range(5):
        assert put(http, f"first{number}") == 201
    many = [{"_id": f"d{number}", "text": TEXT} for number in range(500)]
    assert http.request("POST", "/large/_bulk_docs", {"docs": many})[0] == 201
    return docs(http)


def sequence(http: Connection) -> str:
    return http.request("GET", "/db")[1]["update_seq"]


def test_nothing_can_be_written(tmp_path: Path) -> None:
    """No file may grow by a byte, nor be made: what was there is served, and nothing of it changes."""
    data = tmp_path / "data"
    with ServerProcess(data) as server:
        http = server.connect()
        stored, since = begin(http), sequence(http)
        http.close()
    for leftover in data.glob("*-seal*"):
        if leftover.suffix == ".new":
            leftover.unlink()
    before = (data / "docs.mdb").read_bytes()
    with ServerProcess(data, longest_file=0) as server:
        assert any("is full: reads are served, writes wait for room" in line for line in server.said)
        http = server.connect()
        assert docs(http) == stored
        assert sequence(http) == since
        assert http.request("GET", f"/db/_changes?since={since}")[1]["results"] == []
        for method, path, body in (
            ("PUT", "/db/other", {}), ("DELETE", "/large", None), ("PUT", "/new", None),
            ("POST", "/db/_purge", {"first0": ["1-967a00dff5e02add41819138abb3284d"]}),
        ):  # fmt: skip
            assert http.request(method, path, body)[0] == 507
        assert docs(http) == stored
        assert (data / "docs.mdb").read_bytes() == before
        server.limit(resource.RLIMIT_FSIZE, UNLIMITED)
        assert put(http, "later") == 201
        assert http.request("DELETE", "/large")[0] == 200
        assert docs(http) == {*stored, "later"}
        assert [row["id"] for row in http.request("GET", f"/db/_changes?since={since}")[1]["results"]] == ["later"]
        http.close()
    assert check_findings(data) == []
    with ServerProcess(data) as server:
        http = server.connect()
        assert docs(http) == {*stored, "later"}
        assert sequence(http).split("-")[1] == since.split("-")[1]
        http.close()


def test_a_database_is_deleted_to_make_room(small_disk: Path) -> None:
    """On a disk without a free byte what is freed inside the file is enough to go on."""
    data = small_disk / "data"
    with ServerProcess(data) as server:
        http = server.connect()
        stored = begin(http)
        http.close()
    fill(small_disk)
    with ServerProcess(data) as server:
        http = server.connect()
        assert docs(http) == stored
        assert http.request("DELETE", "/large")[0] == 200
        give_up = monotonic() + PATIENCE  # a sweep that met the full disk is tried again after a while
        while put(http, "again") != 201:
            assert monotonic() < give_up
        acknowledged = {"again"}
        for number in range(200):
            if put(http, f"n{number}") == 201:
                acknowledged.add(f"n{number}")
        assert docs(http) == {*stored, *acknowledged}
        http.close()
    assert check_findings(data) == []


def test_room_is_made_outside(small_disk: Path) -> None:
    """Filled up by the server itself, killed, and started again: nothing acknowledged is lost, and it goes on."""
    data = small_disk / "data"
    with ServerProcess(data) as server:
        http = server.connect()
        begin(http)
        ballast = fill(small_disk)
        numbers = iter(range(5_000))
        while put(http, f"n{next(numbers)}") == 201:
            pass
        stored = docs(http)
        http.close()
        server.kill()
    with ServerProcess(data) as server:
        http = server.connect()
        assert docs(http) == stored
        status = put(http, "later")
        assert status in (201, 507)
        ballast.unlink()
        while status == 507:
            status = put(http, "later")
        assert status == 201
        assert docs(http) == {*stored, "later"}
        http.close()
    assert check_findings(data) == []


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "docstore", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_commands_on_a_full_disk(small_disk: Path, tmp_path: Path) -> None:
    """A store without a server is saved to another disk; what has no room is refused in one line, and harms nothing."""
    data = small_disk / "data"
    with ServerProcess(data) as server:
        http = server.connect()
        begin(http)
        http.close()
    fill(small_disk)
    backup = tmp_path / "db.backup"
    assert run("check", "--data", str(data)).returncode == 0
    done = run("backup", "--data", str(data), "large", str(backup))
    assert done.returncode == 0, done.stderr
    assert "500 revisions" in done.stdout
    compacted = run("compact", "--data", str(data))
    assert compacted.returncode == 1
    assert compacted.stderr.splitlines()[-1] == "docstore: The disk has no room for the compact copy."
    assert "Traceback" not in compacted.stderr
    assert check_findings(data) == []
    done = run("restore", "--data", str(tmp_path / "elsewhere"), str(backup), "large")
    assert done.returncode == 0, done.stderr
