"""``python -m bench``: asks every question in one run and prints a Markdown table.

Usage: python -m bench [--peer URL] [--quick] [--only WORD]
"""

import contextlib
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from statistics import median

import click

from bench import attachments, documents, find, partitions, questions, replication, search, servers, views, wrk
from bench.report import Row, markdown
from bench.servers import Target
from docstore.storage.attachments.blob_rows import CHUNK_BYTES

ROUNDS = 5
CONFLICTS = 50
SEARCHED = 50_000
SEARCH_ROUNDS = 3
PARTITIONED_TIMES = 10
"""So many times the documents of other questions: partitions are for databases that are large."""


class Run:
    """One run: docstore in a temporary folder, perhaps a peer beside it, and how long each load lasts."""

    def __init__(self, folder: Path, targets: list[Target], quick: bool) -> None:
        self.folder = folder
        self.targets = targets
        self.docstore = targets[0]
        self.seconds = 5.0 if quick else 10.0
        self.count = 20_000 if quick else 100_000

    def in_rounds(self, loads: Mapping[str, Callable[[], float]]) -> dict[str, float]:
        """Each load in turn, several times over: medians, so that a machine that slows down slows all of them."""
        rates: dict[str, list[float]] = {name: [] for name in loads}
        for _ in range(ROUNDS):
            for name, load in loads.items():
                rates[name].append(load())
        return {name: median(seen) for name, seen in rates.items()}

    def get_rate(self, target: Target, connections: int) -> float:
        """GETs of the one document per second, for one round."""
        return questions.gets(target, "/db/doc", self.seconds / ROUNDS, connections).rate

    def reads(self) -> list[Row]:
        """GET of one document, beside a bare handler that answers the same bytes and headers."""
        for target in self.targets:
            questions.create(target, "db")
            target.once("PUT", "/db/doc", documents.document(1))
        connection = self.docstore.connection()
        connection.request("GET", "/db/doc")
        reply = connection.getresponse()
        kept = {name: value for name, value in reply.getheaders() if name not in ("Content-Length", "Date", "Server")}
        body = reply.read()
        connection.close()
        rows = []
        with servers.bare_handler(reply.status, kept, body) as bare:
            for connections in (1, 32):
                figures = self.in_rounds(
                    {target.name: partial(self.get_rate, target, connections) for target in [*self.targets, bare]}
                )
                rows.append(Row(f"GET document, {connections} connections", "1/s", figures))
        return rows

    def writes(self) -> list[Row]:
        """Durable PUTs beside a bare group commit, refused PUTs, and one document updated again and again."""
        rows = []
        with servers.bare_group_commit(self.folder) as bare:
            for connections in (1, 32, 128):
                seconds = self.seconds / ROUNDS
                loads = {
                    target.name: partial(questions.puts_new, target, seconds, connections) for target in self.targets
                }
                loads[bare.name] = partial(questions.puts_bare, bare, seconds, connections)
                figures = self.in_rounds(loads)
                rows.append(Row(f"PUT new document, {connections} connections", "1/s", figures))
        rows += self.refused()
        one = {target.name: questions.one_document_updated(target, 1_000) for target in self.targets}
        return [*rows, Row("one document updated 1,000 times", "1/s", one)]

    def refused(self) -> list[Row]:
        """Refused PUTs beside GETs of the same document, in turns."""
        seconds = self.seconds / ROUNDS
        loads: dict[str, Callable[[], float]] = {}
        for target in self.targets:
            questions.prepare_stale(target)
            loads[f"GET {target.name}"] = partial(questions.gets_stale, target, seconds, 32)
            loads[f"PUT {target.name}"] = partial(questions.puts_stale, target, seconds, 32)
            loads[f"superseded {target.name}"] = partial(questions.puts_superseded, target, seconds, 32)
        figures = self.in_rounds(loads)

        def of(load: str) -> dict[str, float]:
            return {target.name: figures[f"{load} {target.name}"] for target in self.targets}

        return [
            Row("GET of the document that is to be refused, 32 connections", "1/s", of("GET")),
            Row("PUT without a rev -> 409, 32 connections", "1/s", of("PUT")),
            Row("PUT with a superseded rev -> 409, 32 connections", "1/s", of("superseded")),
        ]

    def feeds(self) -> list[Row]:
        """Bulk writes, then the listings of what they wrote."""
        per = self.in_rounds({target.name: partial(questions.bulk_docs, target, self.count) for target in self.targets})
        pages = {target.name: questions.all_docs_pages(target, self.count, 300) for target in self.targets}
        feed = {target.name: questions.whole_changes_feed(target, self.count) for target in self.targets}
        full = {
            target.name: questions.whole_changes_feed(target, self.count, "?include_docs=true")
            for target in self.targets
        }
        return [
            Row("_bulk_docs, 1,000 a request", "docs/s", per),
            Row("_all_docs include_docs, 100 a page", "rows/s", pages),
            Row("_changes, whole feed", "rows/s", feed),
            Row("_changes include_docs, whole feed", "rows/s", full),
        ]

    def waiting(self) -> list[Row]:
        """Latencies: a long poll's wake-up and a GET beside a steady bulk load."""
        wake = {target.name: questions.long_poll_wake_up(target, 50) * 1_000 for target in self.targets}
        beside = {target.name: questions.get_beside_bulk(target, self.seconds).p99 * 1_000 for target in self.targets}
        return [
            Row("long-poll wake-up after a write, median", "ms", wake, less_is_better=True),
            Row("GET beside steady _bulk_docs, p99", "ms", beside, less_is_better=True),
        ]

    def conflicts(self) -> list[Row]:
        """All of ``_conflicts``, where few documents among many are in conflict. A CouchDB has no such listing."""
        taken = questions.conflict_listing(self.docstore, self.count, CONFLICTS, 50) * 1_000
        what = f"_conflicts: {CONFLICTS} documents of {self.count:,}"
        return [Row(what, "ms", {self.docstore.name: taken}, less_is_better=True)]

    def attachments(self) -> list[Row]:
        """Attachments of 20 MB, beside LMDB writing the same chunks and aiohttp streaming the same bytes."""
        plain = {target.name: attachments.puts(target, "application/octet-stream") for target in self.targets}
        plain["bare LMDB chunks"] = attachments.bare_chunks(self.folder)
        path = f"/{attachments.DATABASE}/doc0/bytes"
        given = {target.name: attachments.gets(target.url + path) for target in self.targets}
        with servers.bare_stream(attachments.SIZE, CHUNK_BYTES) as bare:
            given[bare.name] = attachments.gets(f"{bare.url}/db/doc/bytes")
        gzipped = {target.name: attachments.puts(target, "text/plain", times=3) for target in self.targets}
        return [
            Row("PUT 20 MB application/octet-stream, durable", "MB/s", plain),
            Row("GET 20 MB application/octet-stream", "MB/s", given),
            Row("PUT 20 MB text/plain, gzip level 8", "MB/s", gzipped),
        ]

    def replication(self) -> list[Row]:
        """Replications within one server: small documents, and documents with an attachment of 10 KB."""
        rows = []
        for database, count, attached, what in (
            (replication.PLAIN, 20_000, False, "20,000 documents of 400 bytes"),
            (replication.ATTACHED, 10_000, True, "10,000 documents with 10 KB attached"),
        ):
            for target in self.targets:
                replication.fill(target, database, count, attached=attached)
            for over_http, way in ((True, "over HTTP, same server"), (False, "local to local")):
                found = {
                    target.name: replication.rates(target, database, count, over_http=over_http)
                    for target in self.targets
                }
                rates = {name: rate for name, (rate, _) in found.items()}
                again = {name: milliseconds for name, (_, milliseconds) in found.items()}
                rows.append(Row(f"replicate {what}, {way}", "docs/s", rates))
                rows.append(Row("the same again: nothing to do", "ms", again, less_is_better=True))
        return rows

    def views(self) -> list[Row]:
        """Two views over the documents: built, beside QuickJS and LMDB alone, and read."""
        for target in self.targets:
            views.fill(target, self.count)
        rates: dict[str, list[float]] = {}
        for turn in range(ROUNDS):
            for target in self.targets:
                rates.setdefault(target.name, []).append(views.build(target, self.count, turn))
            rates.setdefault("bare QuickJS", []).append(views.bare_quickjs(self.count))
            rates.setdefault("bare LMDB", []).append(views.bare_rows(self.folder / f"rows{turn}", self.count))
        built = {name: median(seen) for name, seen in rates.items()}
        for target in self.targets:
            views.prepare_reads(target)
        loads = {target.name: partial(views.ranges, target, self.seconds / ROUNDS) for target in self.targets}
        reduced = {target.name: views.milliseconds(target, views.REDUCED) for target in self.targets}
        grouped = {target.name: views.milliseconds(target, views.GROUPED) for target in self.targets}
        return [
            Row(f"build two views (4 rows a document) of {self.count:,} documents", "docs/s", built),
            Row("view, a range of 20 rows, 16 connections", "1/s", self.in_rounds(loads)),
            Row("view, a reduction of nearly all rows", "ms", reduced, less_is_better=True),
            Row("view, group_level=1 with five groups", "ms", grouped, less_is_better=True),
        ]

    def search(self) -> list[Row]:
        """A full-text index over 50,000 documents: built, beside tantivy alone, and asked. docstore alone has one."""
        target, count = self.docstore, SEARCHED
        search.fill(target, count)
        rates: dict[str, list[float]] = {}
        for turn in range(SEARCH_ROUNDS):
            rates.setdefault(target.name, []).append(search.build(target, count, turn))
            rates.setdefault("bare tantivy", []).append(search.bare_tantivy(self.folder / f"tantivy{turn}", count))
        built = {name: median(seen) for name, seen in rates.items()}
        search.prepare(target)
        asked = [("a term", search.TERM), ("a pattern and a range of numbers", search.PATTERN)]
        asked += [("all, sorted by two fields", search.SORTED), ("counts and ranges of all", search.COUNTED)]
        return [
            Row(f"build a search index of {count:,} documents", "docs/s", built),
            *(
                Row(f"search {what}, {count:,} documents", "ms", {target.name: search.milliseconds(target, path)}, True)
                for what, path in asked
            ),
        ]

    def partitions(self) -> list[Row]:
        """What a partition of 100 documents answers beside all others."""
        count = self.count * PARTITIONED_TIMES
        rows: dict[str, dict[str, float]] = {}
        for target in self.targets:
            partitions.fill(target, count)
            for name, taken in partitions.asked(target, count).items():
                rows.setdefault(name, {})[target.name] = taken
        what = f"of a partition, in a database of {count:,} documents"
        return [Row(f"{name} {what}", "ms", taken, less_is_better=True) for name, taken in rows.items()]

    def find(self) -> list[Row]:
        """Mango: an index built, beside LMDB alone, pages by it, and everything looked at."""
        for target in self.targets:
            find.fill(target)
        seconds = self.seconds / ROUNDS
        built: dict[str, list[float]] = {}
        for turn in range(ROUNDS):
            for target in self.targets:
                built.setdefault(target.name, []).append(find.build(target, turn))
            built.setdefault("bare LMDB", []).append(find.bare_rows(self.folder / f"found{turn}"))
        pages = self.in_rounds({target.name: partial(find.pages, target, seconds) for target in self.targets})
        loads = {f"covered {target.name}": partial(find.covered, target, seconds) for target in self.targets}
        loads |= {f"listed {target.name}": partial(find.listed, target, seconds) for target in self.targets}
        rates = self.in_rounds(loads)
        scans = self.in_rounds(
            {target.name: partial(find.scan, target) for target in self.targets}
            | {"bare LMDB": partial(find.bare_scan, self.folder / "scanned")}
        )
        beside = {target.name: find.beside_scans(target, self.seconds) for target in self.targets}
        covered = {target.name: rates[f"covered {target.name}"] for target in self.targets}
        listed = {target.name: rates[f"listed {target.name}"] for target in self.targets}
        return [
            Row(
                f"build an index of {find.COUNT:,} documents",
                "docs/s",
                {name: median(seen) for name, seen in built.items()},
            ),
            Row("_find by an index, 20 documents, 16 connections", "1/s", pages),
            Row("_find covered by an index, 20 rows, 16 connections", "1/s", covered),
            Row("_all_docs, 20 rows by POST, 16 connections", "1/s", listed),
            Row("_find without an index, one comparison", "docs/s", scans),
            Row("GET beside full scans, p99", "ms", beside, less_is_better=True),
        ]

    def footprint(self) -> list[Row]:
        """What a server that holds the documents costs: start-up, file, memory."""
        with tempfile.TemporaryDirectory() as name:
            data = Path(name)
            with servers.docstore(data) as fresh:
                questions.bulk_docs(fresh, self.count)
                memory = questions.memory_after_loading(fresh) / 1e6
            size = questions.file_bytes_per_document(data, self.count)
            start = min(servers.seconds_until_answer(data) for _ in range(3))
        return [
            Row("start of docstore serve until it answers", "s", {"docstore": start}, less_is_better=True),
            Row("file bytes per document of 330 bytes", "bytes", {"docstore": size}, less_is_better=True),
            Row(f"RssAnon after loading {self.count:,} documents", "MB", {"docstore": memory}, less_is_better=True),
        ]


@click.command()
@click.option("--peer", help="URL of another server to ask the same of (credentials may stand in it).")
@click.option("--quick", is_flag=True, help="Short loads and 20,000 documents instead of 100,000.")
@click.option(
    "--only",
    help="Only the questions whose name has this word: reads writes feeds waiting conflicts attachments replication"
    " views partitions find footprint.",
)
def main(peer: str | None, quick: bool, only: str | None) -> None:
    """Measure docstore and print a Markdown table of figures and ratios."""
    if not wrk.available():
        raise click.ClickException("wrk is not installed (Debian: apt-get install wrk)")
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        targets = [stack.enter_context(servers.docstore(folder / "data"))]
        if peer:
            targets.append(servers.peer(peer))
        run = Run(folder, targets, quick)
        rows: list[Row] = []
        questions_asked = (
            run.reads,
            run.writes,
            run.feeds,
            run.waiting,
            run.conflicts,
            run.attachments,
            run.replication,
            run.views,
            run.partitions,
            run.find,
            run.search,
            run.footprint,
        )
        for question in questions_asked:
            if only is None or only in question.__name__:
                click.echo(f"... {question.__name__}", err=True)
                rows += question()
        click.echo(markdown(rows))


if __name__ == "__main__":
    main()
