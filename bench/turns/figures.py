"""The questions of ``make bench`` that need nothing but a server, asked of both.

Owns their sizes and rounds, small enough for turns. ``processor`` is what the server's process takes for a request, in
all its threads; it tells more than a rate does on a machine that others use too.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

from bench import attachments, questions, replication
from bench.servers import Target
from bench.turns.comparing import Compared, served

A_ROUND: Final = 2.0
COUNT: Final = 20_000
ATTACHED: Final = 4_000
MICRO: Final = 1e6
MILLI: Final = 1e3

Ask = Callable[[Target], float]
"""Gives seconds of a request, of a document, of whatever there is."""


def processor(target: Target) -> float:
    """Seconds of the processor that a server has had so far."""
    threads = Path(f"/proc/{target.pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9


def of_processor(load: Callable[[Target], float]) -> Ask:
    """Seconds of the processor for each request of a load of ``A_ROUND`` that tells its rate."""

    def ask(target: Target) -> float:
        taken = processor(target)
        rate = load(target)
        return (processor(target) - taken) / (rate * A_ROUND)

    return ask


def _each(load: Callable[[Target], float]) -> Ask:
    return lambda target: 1 / load(target)


def get_rate(target: Target, connections: int) -> float:
    """GETs of one document a second."""
    return questions.gets(target, questions.STALE_PATH, A_ROUND, connections).rate


def requests(targets: list[Target], rounds: int) -> Iterator[Compared]:
    """Single requests, by rate and by processor."""
    loads: dict[str, Callable[[Target], float]] = {
        "GET document, 1 connection": partial(get_rate, connections=1),
        "GET document, 32 connections": partial(get_rate, connections=32),
        "PUT refused, 32 connections": partial(questions.puts_stale, seconds=A_ROUND, connections=32),
        "the same with a superseded rev": partial(questions.puts_superseded, seconds=A_ROUND, connections=32),
        "PUT new document, 1 connection": partial(questions.puts_new, seconds=A_ROUND, connections=1),
        "PUT new document, 32 connections": partial(questions.puts_new, seconds=A_ROUND, connections=32),
        "PUT new document, 128 connections": partial(questions.puts_new, seconds=A_ROUND, connections=128),
        "one document updated": partial(questions.one_document_updated, times=500),
    }
    for target in targets:
        questions.prepare_stale(target)
        for load in loads.values():
            load(target)
    for name, load in loads.items():
        yield _compared(targets, _each(load), rounds).as_rates(name, "1/s", 1)
    for name in ("GET document, 32 connections", "PUT refused, 32 connections", "PUT new document, 32 connections"):
        asked = _compared(targets, of_processor(loads[name]), rounds)
        yield asked.as_times(f"{name}, processor", "us", MICRO)


def listings(targets: list[Target], rounds: int) -> Iterator[Compared]:
    """Many documents at once, in and out."""
    loads: dict[str, tuple[str, Callable[[Target], float]]] = {
        "_bulk_docs, 1,000 a request": ("docs/s", partial(questions.bulk_docs, count=COUNT)),
        "_all_docs include_docs, 100 a page": ("rows/s", partial(questions.all_docs_pages, count=COUNT, pages=200)),
        "_changes, whole feed": ("rows/s", partial(questions.whole_changes_feed, count=COUNT)),
        "_changes include_docs, whole feed": (
            "rows/s",
            partial(questions.whole_changes_feed, count=COUNT, query="?include_docs=true"),
        ),
    }
    for name, (unit, load) in loads.items():
        yield _compared(targets, _each(load), rounds).as_rates(name, unit, 1)
    times: dict[str, Ask] = {
        "long-poll wake-up after a write": partial(questions.long_poll_wake_up, times=30),
        "GET beside steady _bulk_docs, p99": lambda target: questions.get_beside_bulk(target, A_ROUND).p99,
        "_conflicts, 50 documents": partial(questions.conflict_listing, count=COUNT, conflicts=50, times=30),
    }
    for name, ask in times.items():
        yield _compared(targets, ask, rounds).as_times(name, "ms", MILLI)


def bytes_of_attachments(targets: list[Target], rounds: int) -> Iterator[Compared]:
    """Attachments of 20 MB."""

    def given(target: Target) -> float:
        return attachments.gets(f"{target.url}/{attachments.DATABASE}/doc0/bytes", times=5)

    binary = partial(attachments.puts, content_type="application/octet-stream", times=3)
    text = partial(attachments.puts, content_type="text/plain", times=1)
    yield _compared(targets, _each(binary), rounds).as_rates("PUT 20 MB application/octet-stream", "MB/s", 1)
    yield _compared(targets, _each(given), rounds).as_rates("GET 20 MB application/octet-stream", "MB/s", 1)
    yield _compared(targets, _each(text), rounds).as_rates("PUT 20 MB text/plain, gzip level 8", "MB/s", 1)


def replications(targets: list[Target], rounds: int) -> Iterator[Compared]:
    """Between two databases of one server."""
    for database, count, attached in ((replication.PLAIN, COUNT, False), (replication.ATTACHED, ATTACHED, True)):
        for target in targets:
            replication.fill(target, database, count, attached=attached)
        for over_http in (True, False):
            kind = f"replicate {count:,}{' with 10 KB attached' if attached else ''}, "
            kind += "over HTTP" if over_http else "local to local"
            again: dict[str, list[float]] = {target.name: [] for target in targets}

            def ask(
                target: Target,
                database: str = database,
                count: int = count,
                over_http: bool = over_http,
                again: dict[str, list[float]] = again,
            ) -> float:
                rate, second = replication.rates(target, database, count, over_http=over_http, times=1)
                again[target.name].append(second)
                return 1 / rate

            yield _compared(targets, ask, rounds).as_rates(kind, "docs/s", 1)
            seconds = [iter(again[target.name]) for target in targets]
            kept = Compared.of([partial(next, some) for some in seconds], range(rounds))
            yield kept.as_times(f"{kind}, again", "ms")


def footprint(checkouts: list[Path], rounds: int) -> Iterator[Compared]:
    """The start of a server, its files and its memory."""
    with tempfile.TemporaryDirectory(prefix="docstore-bench-") as folder:

        def start(checkout: Path, name: str) -> float:
            began = time.monotonic()
            with served(checkout, Path(folder) / name) as target:
                target.once("GET", "/")
                return time.monotonic() - began

        asks = [partial(start, checkout, f"start{place}") for place, checkout in enumerate(checkouts)]
        yield Compared.of(asks, range(2 * rounds)).as_times("start until it answers", "ms", MILLI)
        memory: list[float] = []
        files: list[float] = []
        for place, checkout in enumerate(checkouts):
            data = Path(folder) / f"loaded{place}"
            with served(checkout, data) as target:
                questions.bulk_docs(target, COUNT)
                memory.append(questions.memory_after_loading(target))
                files.append(questions.file_bytes_per_document(data, COUNT))
    once = range(1)
    kept = Compared.of([partial(float, one) for one in memory], once)
    yield kept.as_times("RssAnon after loading 20,000", "MB", 1 / MICRO)
    kept = Compared.of([partial(float, one) for one in files], once)
    yield kept.as_times("file bytes per document of 330 bytes", "bytes")


def _compared(targets: list[Target], ask: Ask, rounds: int) -> Compared:
    return Compared.of([partial(ask, target) for target in targets], range(rounds))
