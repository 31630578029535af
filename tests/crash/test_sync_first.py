"""No acknowledgement before its sync: a trace of system calls shows that each 2xx follows a sync of its data.

SIGKILL cannot show a missing fsync, since the page cache survives the process. So the server runs under ``strace``,
each document carries a marker, and for every 201 in the trace the marker must have been written to the data file
and synced before the reply was sent. The same reading of a trace of ``--durability=none`` must find every reply guilty.
"""

import os
import re
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from tests.crash.server_process import ServerProcess

WRITES_PER_CLIENT = 12
CLIENTS = 4
CALLS = "fdatasync,fsync,msync,pwrite64,pwritev,pwritev2,write,writev,sendto,sendmsg"
SYNCS = ("fdatasync", "fsync", "msync")
DATA_WRITES = ("pwrite64", "pwritev", "pwritev2", "writev")
MARKER = re.compile(r"mark-\d+-\d+-end")
COMMIT = "a commit"
CALL = re.compile(r"^\d+ +(?:<\.\.\. )?(\w+)")
UNFINISHED = re.compile(r"<unfinished \.\.\.>$")


def can_trace() -> bool:
    """Whether strace is here and may trace."""
    strace = shutil.which("strace")
    return strace is not None and subprocess.run([strace, "-o", "/dev/null", "true"], check=False).returncode == 0


pytestmark = pytest.mark.skipif(not can_trace(), reason="strace is missing or may not trace here")


def traced_writes(folder: Path, durability: str) -> list[str]:
    """The trace of a server that acknowledged WRITES_PER_CLIENT writes of each client."""
    trace = folder / "trace"
    before = ["strace", "-f", "-qq", "-s", "100000", "-e", f"trace={CALLS}", "-o", str(trace)]
    env = {**os.environ, "UV_USE_IO_URING": "0"}
    with ServerProcess(folder / "data", arguments=["--durability", durability], before=before, env=env) as server:
        connection = server.connect()
        assert connection.request("PUT", "/db")[0] == 201

        def write(client: int) -> None:
            own = server.connect()
            for number in range(WRITES_PER_CLIENT):
                marker = f"mark-{client}-{number}-end"
                statuses.append(own.request("PUT", f"/db/{marker}", {"marker": marker})[0])
            own.close()

        statuses: list[int] = []
        clients = [threading.Thread(target=write, args=(client,)) for client in range(CLIENTS)]
        for thread in clients:
            thread.start()
        for thread in clients:
            thread.join()
        assert connection.request("POST", "/db/_ensure_full_commit", {})[0] == 201
        connection.close()
    assert statuses == [201] * (CLIENTS * WRITES_PER_CLIENT)
    return trace.read_text(errors="replace").splitlines()


def replies_without_sync(trace: list[str]) -> tuple[int, list[str]]:
    """How many 201 replies the trace has, and the markers of those that no sync of their data preceded.

    The reply to ``_ensure_full_commit`` stands for all that was written; "a commit" is guilty if it does not.
    """
    written: set[str] = set()  # in the file, not known to be synced
    covered: dict[str, set[str]] = {}  # by thread: what a sync that is still running will cover
    synced: set[str] = set()
    guilty: list[str] = []
    replies = 0
    for line in trace:
        call = CALL.match(line)
        if call is None:
            continue
        name, thread = call.group(1), line.split(" ", 1)[0]
        if name in SYNCS:
            if "resumed>" not in line:
                covered[thread] = set(written)
            if not UNFINISHED.search(line):
                synced |= covered.pop(thread, set())
        elif "HTTP/1.1 201" in line:
            replies += 1
            guilty += [marker for marker in set(MARKER.findall(line)) if marker not in synced]
            if "instance_start_time" in line and written - synced:
                guilty.append(COMMIT)
        elif name in DATA_WRITES:
            written |= set(MARKER.findall(line))
    return replies, guilty


def test_every_acknowledgement_follows_a_sync_of_its_data(tmp_path: Path) -> None:
    replies, guilty = replies_without_sync(traced_writes(tmp_path, "fsync"))
    assert replies > CLIENTS * WRITES_PER_CLIENT
    assert guilty == []


def test_the_reading_finds_missing_syncs(tmp_path: Path) -> None:
    """Under ``none`` nothing is synced but what ``_ensure_full_commit`` answers for."""
    _, guilty = replies_without_sync(traced_writes(tmp_path, "none"))
    assert set(guilty) == {f"mark-{client}-{n}-end" for client in range(CLIENTS) for n in range(WRITES_PER_CLIENT)}
