"""One function per question; each returns the rows of its answer.

Owns what is asked of a server and how it is counted. Servers are started and ended by the caller.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

from bench import documents, wrk
from bench.servers import ROOT, Target, anonymous_memory

DATABASE = "bench"
BATCH = 1_000
READ_CHUNK = 1 << 20


def create(target: Target, name: str) -> None:
    """A fresh database of one shard."""
    connection = target.connection()
    target.request(connection, "DELETE", f"/{name}")
    status, reply = target.request(connection, "PUT", f"/{name}?q=1")
    connection.close()
    if status >= 300:
        raise RuntimeError(f"could not create {name}: {status} {reply!r}")


def gets(target: Target, path: str, seconds: float, connections: int) -> wrk.Load:
    """GETs of one document."""
    return wrk.run(target.url + path, target.headers, connections=connections, seconds=seconds)


def puts_new(target: Target, seconds: float, connections: int) -> float:
    """Durable PUTs of new documents per second."""
    name = f"{DATABASE}_puts_{connections}"
    create(target, name)
    script = wrk.put_new(name, documents.text(1), f"c{connections}-")
    return _all_well(wrk.run(target.url, target.headers, connections=connections, seconds=seconds, script=script)).rate


def puts_bare(target: Target, seconds: float, connections: int) -> float:
    """The same PUTs against the bare group commit."""
    script = wrk.put_new("db", documents.text(1), "d")
    return _all_well(wrk.run(target.url, target.headers, connections=connections, seconds=seconds, script=script)).rate


STALE_PATH = f"/{DATABASE}_stale/doc"
SUPERSEDED_PATH = f"/{DATABASE}_stale/superseded"


def prepare_stale(target: Target) -> None:
    """The documents that ``puts_stale`` and ``gets_stale`` are about, and ``puts_superseded``."""
    create(target, f"{DATABASE}_stale")
    target.once("PUT", STALE_PATH, documents.document(1))
    first = target.once("PUT", SUPERSEDED_PATH, documents.document(1))
    target.once("PUT", SUPERSEDED_PATH, {**documents.document(2), "_rev": cast("dict[str, str]", first)["rev"]})


def gets_stale(target: Target, seconds: float, connections: int) -> float:
    """GETs of the document that the PUTs of ``puts_stale`` do not change, per second."""
    url = target.url + STALE_PATH
    return _all_well(wrk.run(url, target.headers, connections=connections, seconds=seconds)).rate


def puts_stale(target: Target, seconds: float, connections: int) -> float:
    """PUTs without a revision that are answered 409, per second."""
    return _refused(target, seconds, connections, wrk.put_same(STALE_PATH, documents.text(2)))


def puts_superseded(target: Target, seconds: float, connections: int) -> float:
    """PUTs with the revision before the last one that are answered 409, per second."""
    told = cast("dict[str, dict[str, list[str]]]", target.once("GET", f"{SUPERSEDED_PATH}?revs=true"))
    document = json.dumps({"_rev": f"1-{told['_revisions']['ids'][1]}", **documents.document(3)}, separators=(",", ":"))
    return _refused(target, seconds, connections, wrk.put_same(SUPERSEDED_PATH, document))


def _refused(target: Target, seconds: float, connections: int, script: str) -> float:
    load = wrk.run(target.url, target.headers, connections=connections, seconds=seconds, script=script)
    if load.socket_errors or load.other_replies == 0:
        raise RuntimeError(f"stale PUTs were not refused: {load}")
    return load.rate


def bulk_docs(target: Target, count: int) -> float:
    """Documents per second over one connection, 1,000 a request."""
    name = f"{DATABASE}_bulk"
    create(target, name)
    bodies = list(documents.bulk_bodies(count, BATCH))
    connection = target.connection()
    began = time.perf_counter()
    for body in bodies:
        status, _ = target.request(connection, "POST", f"/{name}/_bulk_docs", body)
        if status != 201:
            raise RuntimeError(f"_bulk_docs answered {status}")
    taken = time.perf_counter() - began
    connection.close()
    return count / taken


def one_document_updated(target: Target, times: int) -> float:
    """Updates per second of one document, each on top of the last, over one connection."""
    create(target, f"{DATABASE}_one")
    connection = target.connection()
    rev = b""
    began = time.perf_counter()
    for number in range(times):
        query = f"?rev={rev.decode()}" if rev else ""
        status, reply = target.request(
            connection, "PUT", f"/{DATABASE}_one/doc{query}", documents.text(number).encode()
        )
        if status != 201:
            raise RuntimeError(f"update {number} answered {status}: {reply!r}")
        rev = reply.split(b'"rev":"')[1].split(b'"')[0]
    taken = time.perf_counter() - began
    connection.close()
    return times / taken


def all_docs_pages(target: Target, count: int, pages: int) -> float:
    """Rows per second of ``_all_docs?include_docs=true`` in pages of 100 from spread start keys."""
    connection = target.connection()
    began = time.perf_counter()
    for page in range(pages):
        start = (page * 7919) % (count - 100)
        path = f"/{DATABASE}_bulk/_all_docs?include_docs=true&limit=100&startkey=%22doc{start:08d}%22"
        status, reply = target.request(connection, "GET", path)
        rows = reply.count(b'"key"')
        if status != 200 or rows != 100:
            raise RuntimeError(f"{path} answered {status} with {rows} rows")
    taken = time.perf_counter() - began
    connection.close()
    return pages * 100 / taken


def whole_changes_feed(target: Target, count: int, query: str = "") -> float:
    """Rows per second of one whole ``_changes`` feed, read and thrown away."""
    connection = target.connection()
    began = time.perf_counter()
    connection.request("GET", f"/{DATABASE}_bulk/_changes{query}", headers=dict(target.headers))
    response = connection.getresponse()
    rows = 0
    tail = b""
    while chunk := response.read1(READ_CHUNK):
        rows += (tail + chunk).count(b'"changes":')
        tail = chunk[-9:]
    taken = time.perf_counter() - began
    connection.close()
    if rows != count:
        raise RuntimeError(f"_changes gave {rows} rows of {count}")
    return rows / taken


def conflict_listing(target: Target, count: int, conflicts: int, times: int) -> float:
    """Median seconds for all rows of ``_conflicts``, of so many documents in conflict among ``count``."""
    name = f"{DATABASE}_conflicts"
    create(target, name)
    for body in documents.bulk_bodies(count, BATCH):
        target.once("POST", f"/{name}/_bulk_docs", json.loads(body))
    leaves = [
        {
            "_id": f"doc{number:08d}",
            "_rev": f"2-{letter * 32}",
            "_revisions": {"start": 2, "ids": [letter * 32, "0" * 32]},
        }
        for number in range(0, count, count // conflicts)
        for letter in "ab"
    ]
    target.once("POST", f"/{name}/_bulk_docs", {"docs": leaves, "new_edits": False})
    connection = target.connection()
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        status, reply = target.request(connection, "GET", f"/{name}/_conflicts")
        taken.append(time.perf_counter() - began)
        if status != 200 or reply.count(b'"key"') != conflicts:
            raise RuntimeError(f"_conflicts answered {status} with {reply.count(b'key')} rows")
    connection.close()
    return sorted(taken)[len(taken) // 2]


def long_poll_wake_up(target: Target, times: int) -> float:
    """Median seconds from the reply to a write until a waiting long poll has its row."""
    name = f"{DATABASE}_poll"
    create(target, name)
    waiting, writing = target.connection(), target.connection()
    taken = []
    since = "0"
    for number in range(times):
        waiting.request("GET", f"/{name}/_changes?feed=longpoll&since={since}", headers=dict(target.headers))
        time.sleep(0.02)  # the poll must be waiting before the write that wakes it
        target.request(writing, "PUT", f"/{name}/d{number}", b"{}")
        began = time.perf_counter()
        reply = waiting.getresponse().read()
        taken.append(time.perf_counter() - began)
        since = reply.split(b'"last_seq":"')[1].split(b'"')[0].decode()
    waiting.close()
    writing.close()
    return sorted(taken)[len(taken) // 2]


def get_beside_bulk(target: Target, seconds: float) -> wrk.Load:
    """GETs over 8 connections while another process writes ``_bulk_docs`` of 1,000 without a pause."""
    create(target, f"{DATABASE}_beside")
    target.once("PUT", f"/{DATABASE}_beside/doc", documents.document(1))
    parts = urlsplit(target.url)
    command = [
        sys.executable,
        "-m",
        "bench.steady_bulk",
        parts.netloc,
        f"{DATABASE}_beside",
        *_header_arguments(target),
    ]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        assert writer.stdout is not None
        writer.stdout.readline()
        return gets(target, f"/{DATABASE}_beside/doc", seconds, 8)
    finally:
        writer.terminate()
        writer.wait()
        if writer.stdout is not None:
            writer.stdout.close()


def file_bytes_per_document(data: Path, count: int) -> float:
    """Allocated bytes of the data folder per document."""
    return sum(path.stat().st_blocks * 512 for path in data.rglob("*") if path.is_file()) / count


def memory_after_loading(target: Target) -> int:
    """RssAnon of the server in bytes."""
    if target.pid is None:
        raise RuntimeError("memory is measured for servers of this run only")
    return anonymous_memory(target.pid)


def _all_well(load: wrk.Load) -> wrk.Load:
    if load.other_replies or load.socket_errors:
        raise RuntimeError(f"a load was not answered well: {load}")
    return load


def _header_arguments(target: Target) -> Iterator[str]:
    for name, value in target.headers.items():
        yield f"{name}: {value}"
