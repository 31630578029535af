"""Loading documents: one client's ``_bulk_docs``, ``docstore load``, a replication over HTTP, a GET beside it.

Owns what is sent for them. Whose turn it is is ``comparing.py``'s.
"""

import itertools
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

from bench import documents, questions, replication
from bench.servers import Target
from bench.turns.comparing import Compared, environment, until

BATCH: Final = 1_000
A_ROUND: Final = 5
"""Requests to one server before it is the other one's turn."""
A_WHILE: Final = 2.0
LOADED: Final = 20_000
TIMES: Final = 5

_numbers = itertools.count()


class Writer:
    """One client of one server, which writes a thousand documents a request."""

    def __init__(self, target: Target, kind: str) -> None:
        self.target = target
        self.kind = kind
        self.connection = target.connection()
        self.database = f"turns_{kind}"
        self.template = next(documents.bulk_bodies(BATCH, BATCH, prefix="ROUND-"))
        self.revs: list[str] = []
        target.once("PUT", f"/{self.database}")

    def round(self) -> float:
        """How long a request takes, the median of some."""
        return median(self._seconds() for _ in range(A_ROUND))

    def _seconds(self) -> float:
        body = self._body()
        began = time.perf_counter()
        status, reply = self.target.request(self.connection, "POST", f"/{self.database}/_bulk_docs", body)
        taken = time.perf_counter() - began
        if status != 201:
            raise RuntimeError(f"_bulk_docs answered {status}")
        if self.kind == "updated":
            self.revs = [row["rev"] for row in json.loads(reply)]
        return taken

    def _body(self) -> bytes:
        if self.kind == "new":
            return self.template.replace(b"ROUND-", b"r%06d-" % next(_numbers))
        docs = json.loads(self.template)["docs"]
        if self.kind == "updated":
            docs = [{**one, "_rev": rev} for one, rev in zip(docs, self.revs, strict=True)] if self.revs else docs
            return json.dumps({"docs": docs}, separators=(",", ":")).encode()
        number = next(_numbers)
        docs = [{**one, "_id": f"{number}-{one['_id']}", "_rev": f"1-{place:032x}"} for place, one in enumerate(docs)]
        return json.dumps({"new_edits": False, "docs": docs}, separators=(",", ":")).encode()


def beside(target: Target) -> float:
    """The 99th percentile of GETs beside a steady load, in seconds."""
    return questions.get_beside_bulk(target, A_WHILE).p99


def load(target: Target, checkout: Path, file: Path) -> float:
    """Seconds of a ``docstore load`` of the checkout, its start included."""
    command = [sys.executable, "-m", "docstore", "load", "--quiet", f"{target.url}/load{next(_numbers)}", str(file)]
    began = time.perf_counter()
    subprocess.run(command, cwd=checkout, env=environment(checkout), check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def replicate(target: Target) -> float:
    """Seconds of a replication over HTTP between two databases of the server."""
    return LOADED / replication.rates(target, replication.PLAIN, LOADED, over_http=True, times=1)[0]


def compared(targets: list[Target], checkouts: list[Path], folder: Path, seconds: float) -> Iterator[Compared]:
    """Each question, asked of both in turns; ``seconds`` for each kind of ``_bulk_docs``."""
    for kind in ("new", "updated", "replicated"):
        writers = [Writer(target, kind) for target in targets]
        for writer in writers:
            writer.round()  # processes start, memory is taken
        asked = Compared.of([writer.round for writer in writers], until(time.monotonic() + seconds))
        yield asked.as_rates(f"_bulk_docs of 1,000 {kind}", "docs/s", BATCH)
    rows = folder / "rows.jsonl"
    lines = [json.dumps({"_id": f"row{number:08}", **documents.document(number)}) for number in range(LOADED)]
    rows.write_text("\n".join(lines))
    loads = [partial(load, target, checkout, rows) for target, checkout in zip(targets, checkouts, strict=True)]
    yield Compared.of(loads, range(TIMES)).as_rates(f"docstore load of {LOADED:,}", "docs/s", LOADED)
    for target in targets:
        replication.fill(target, replication.PLAIN, LOADED, attached=False)
    asked = Compared.of([partial(replicate, target) for target in targets], range(TIMES))
    yield asked.as_rates(f"replication of {LOADED:,} over HTTP", "docs/s", LOADED)
    asked = Compared.of([partial(beside, target) for target in targets], range(TIMES))
    yield asked.as_times("GET beside steady _bulk_docs, p99", "ms", 1_000)
