"""What a change has made of loading documents: two checkouts of docstore in turns.

Usage: python -m bench.turns BEFORE [--seconds N]

BEFORE is another checkout of the same repository. Each is served from its own folder, and the requests of one client go
to one and to the other in short rounds, so that a machine that slows down slows both; a ratio is the median of those of
neighbouring rounds. Then ``docstore load`` and a replication over HTTP, in turns too, and GETs beside a steady load.
"""

import contextlib
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

import click

from bench import documents, questions, replication, servers
from bench.servers import ROOT, Target

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


def in_turns(ask: Sequence[Callable[[], float]], rounds: Iterable[int]) -> tuple[list[float], float]:
    """The medians of two that take turns, and the median of the ratios of the first's seconds to the second's."""
    seen: list[list[float]] = [[], []]
    for number in rounds:
        for place in (0, 1) if number % 2 else (1, 0):
            seen[place].append(ask[place]())
    return [median(some) for some in seen], median(before / after for before, after in zip(*seen, strict=True))


def _until(end: float) -> Iterator[int]:
    return itertools.takewhile(lambda _: time.monotonic() < end, itertools.count())


def beside(target: Target) -> float:
    """The 99th percentile of GETs beside a steady load, in seconds."""
    return questions.get_beside_bulk(target, A_WHILE).p99


def load(target: Target, checkout: Path, file: Path) -> float:
    """Seconds of a ``docstore load`` of the checkout, its start included."""
    command = [sys.executable, "-m", "docstore", "load", "--quiet", f"{target.url}/load{next(_numbers)}", str(file)]
    began = time.perf_counter()
    subprocess.run(command, cwd=checkout, env=_environment(checkout), check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def replicate(target: Target) -> float:
    """Seconds of a replication over HTTP between two databases of the server."""
    return LOADED / replication.rates(target, replication.PLAIN, LOADED, over_http=True, times=1)[0]


@contextlib.contextmanager
def served(checkout: Path, folder: Path) -> Iterator[Target]:
    """``docstore serve`` of a checkout, as a user starts it."""
    command = [
        sys.executable,
        "-m",
        "docstore",
        "serve",
        "--port",
        "0",
        "--data",
        str(folder),
        "--log-level",
        "warning",
    ]
    with servers.process(command, cwd=checkout, environment=_environment(checkout)) as (started, url):
        yield Target(checkout.name, url, {}, started.pid, folder)


def _environment(checkout: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(checkout)}


@click.command()
@click.argument("before", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--seconds", default=20.0, show_default=True, help="How long each kind of request takes turns.")
def main(before: Path, seconds: float) -> None:
    """Print a line for each question: before, now, the ratio."""
    checkouts = [before.resolve(), ROOT]
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="docstore-bench-")))
        targets = [stack.enter_context(served(one, folder / str(place))) for place, one in enumerate(checkouts)]
        for kind in ("new", "updated", "replicated"):
            writers = [Writer(target, kind) for target in targets]
            for writer in writers:
                writer.round()  # processes start, memory is taken
            taken, ratio = in_turns([writer.round for writer in writers], _until(time.monotonic() + seconds))
            _tell(f"_bulk_docs of 1,000 {kind}, docs/s", [BATCH / one for one in taken], ratio)
        rows = folder / "rows.jsonl"
        lines = [json.dumps({"_id": f"row{number:08}", **documents.document(number)}) for number in range(LOADED)]
        rows.write_text("\n".join(lines))
        loads = [partial(load, target, checkout, rows) for target, checkout in zip(targets, checkouts, strict=True)]
        taken, ratio = in_turns(loads, range(TIMES))
        _tell(f"docstore load of {LOADED:,}, docs/s", [LOADED / one for one in taken], ratio)
        for target in targets:
            replication.fill(target, replication.PLAIN, LOADED, attached=False)
        taken, ratio = in_turns([partial(replicate, target) for target in targets], range(TIMES))
        _tell(f"replication of {LOADED:,} over HTTP, docs/s", [LOADED / one for one in taken], ratio)
        taken, ratio = in_turns([partial(beside, target) for target in targets], range(TIMES))
        _tell("GET beside steady _bulk_docs, p99, ms", [1_000 * one for one in taken], ratio)


def _tell(question: str, figures: list[float], ratio: float) -> None:
    before, now = figures
    print(f"{question}: {before:,.1f} before, {now:,.1f} now, ratio {ratio:.2f}", flush=True)


if __name__ == "__main__":
    main()
