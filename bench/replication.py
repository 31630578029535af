"""Questions about replication: between two databases of one server, over HTTP and the direct way.

Owns the databases that are replicated and how a run is timed. The server does everything: it is source, target and
replicator in one process. A second run finds nothing to do; what it takes is the price of looking.
"""

import itertools
import statistics
import time
from base64 import b64encode
from typing import Any

from bench import questions
from bench.servers import Target

TIMES = 3
BATCH = 500
PLAIN = "bench_replication_plain"
ATTACHED = "bench_replication_attached"
ATTACHMENT_BYTES = 10_240

_names = itertools.count()


def fill(target: Target, database: str, count: int, *, attached: bool) -> None:
    """Documents of about 400 bytes, if so with an attachment of 10 KB each."""
    questions.create(target, database)
    for start in range(0, count, BATCH):
        docs = [_document(number, attached=attached) for number in range(start, min(start + BATCH, count))]
        target.once("POST", f"/{database}/_bulk_docs", {"docs": docs})


def rates(target: Target, database: str, count: int, *, over_http: bool, times: int = TIMES) -> tuple[float, float]:
    """Documents per second into an empty database, and milliseconds of a second run: medians.

    The copies are deleted in the end: a sweep in the background would slow the next run down.
    """
    seconds: list[float] = []
    again: list[float] = []
    copies = [f"bench_replication_copy{next(_names)}" for _ in range(times)]
    for copy in copies:
        first, _ = _replicate(target, database, copy, over_http=over_http)
        second, reply = _replicate(target, database, copy, over_http=over_http)
        seconds.append(first)
        again.append(second * 1000)
        if not reply.get("no_changes") or reply["history"][0]["docs_written"] != count:
            raise RuntimeError(f"not everything was replicated: {reply['history'][0]}")
    for copy in copies:
        target.once("DELETE", f"/{copy}")
    return count / statistics.median(seconds), statistics.median(again)


def _replicate(target: Target, source: str, copy: str, *, over_http: bool) -> tuple[float, dict[str, Any]]:
    began = time.perf_counter()
    place = (lambda name: {"url": f"{target.url}/{name}", "headers": dict(target.headers)}) if over_http else str
    body = {"source": place(source), "target": place(copy), "create_target": True}
    reply = target.once("POST", "/_replicate", body)
    assert isinstance(reply, dict)
    return time.perf_counter() - began, reply


def _document(number: int, *, attached: bool) -> dict[str, object]:
    document: dict[str, object] = {
        "_id": f"document-{number:08}",
        "name": f"somebody {number}",
        "number": number,
        "tags": ["red", "green", "blue"],
        "nested": {"ratio": number / 7, "ok": number % 2 == 0},
        "text": "the quick brown fox jumps over the lazy dog " * 5,
    }
    if attached:
        data = (b"%010d" % number) * (ATTACHMENT_BYTES // 10)
        document["_attachments"] = {"a.bin": {"content_type": "application/octet-stream", "data": _base64(data)}}
    return document


def _base64(data: bytes) -> str:
    return b64encode(data).decode()
