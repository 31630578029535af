"""Questions about views: how fast they are built and read, and the ceilings.

Owns the documents, the two views (a compound key with ``_stats``; three rows a document with ``_count``), and what is
asked. The ceilings are QuickJS alone over the same documents, in batches of 100, and LMDB writing the same rows alone.
"""

import json
import time
from pathlib import Path

import lmdb
import quickjs

from bench import questions, wrk
from bench.servers import Target

DATABASE = "bench_views"
DESIGN = f"/{DATABASE}/_design/v"
STATS = "function(doc) { emit([doc.when[0], doc.when[1], doc.customer], doc.amount); }"
TAGS = "function(doc) { doc.tags.forEach(function(tag) { emit(tag, 1); }); }"
VIEWS = {"stats": {"map": STATS, "reduce": "_stats"}, "tags": {"map": TAGS, "reduce": "_count"}}
BATCH = 2_000
AT_ONCE = 100
RANGE = f'{DESIGN}/_view/stats?reduce=false&limit=20&startkey=[2021,3,"c5"]'
REDUCED = f"{DESIGN}/_view/stats?startkey=[2020,2]&endkey=[2024,9]"
GROUPED = f"{DESIGN}/_view/stats?group_level=1"


def document(number: int) -> dict[str, object]:
    """A document of about 300 bytes."""
    return {
        "_id": f"doc{number:08d}",
        "type": "order",
        "customer": f"c{number % 997}",
        "amount": number % 1_000,
        "tags": [f"a{number % 10}", f"b{number % 7}", "c"],
        "when": [2020 + number % 5, number % 12, number % 28],
        "text": "x" * 150,
    }


def fill(target: Target, count: int) -> None:
    """The documents, and no view yet."""
    questions.create(target, DATABASE)
    for start in range(0, count, BATCH):
        docs = [document(number) for number in range(start, min(start + BATCH, count))]
        target.once("POST", f"/{DATABASE}/_bulk_docs", {"docs": docs})


def build(target: Target, count: int, turn: int) -> float:
    """Documents a second through both views, from nothing; ``turn`` makes the views new ones."""
    fresh = f"// {turn}\n"
    views = {name: view | {"map": view["map"].replace("{", "{ " + fresh, 1)} for name, view in VIEWS.items()}
    path = f"/{DATABASE}/_design/build{turn}"
    target.once("PUT", path, {"views": views})
    started = time.perf_counter()
    target.once("GET", f"{path}/_view/tags")
    return count / (time.perf_counter() - started)


def bare_quickjs(count: int) -> float:
    """Documents a second through the same two functions, each batch one crossing."""
    context = quickjs.Context()
    context.eval(
        f"let rows; const emit = (key, value) => rows.push([key, value]); const maps = [{STATS}, {TAGS}];"
        "function run(texts) { return JSON.stringify(JSON.parse(texts).map(doc => maps.map("
        "map => { rows = []; map(doc); return rows; }))); }"
    )
    run = context.get("run")
    batches = [
        json.dumps([document(number) for number in range(start, start + AT_ONCE)]) for start in range(0, count, AT_ONCE)
    ]
    started = time.perf_counter()
    for batch in batches:
        run(batch)
    return count / (time.perf_counter() - started)


def bare_rows(folder: Path, count: int) -> float:
    """Documents a second whose four rows LMDB writes, in transactions of 1,000 documents, without a sync."""
    folder.mkdir(exist_ok=True)
    environment = lmdb.open(str(folder), map_size=1 << 32, sync=False)
    rows = [
        (b"%d %08d" % (place, number * 7_919 % count), b'{"id":"doc%08d","key":"a1","value":1}' % number)
        for number in range(count)
        for place in range(4)
    ]
    started = time.perf_counter()
    for start in range(0, len(rows), 4_000):
        with environment.begin(write=True) as transaction, transaction.cursor() as cursor:
            cursor.putmulti(sorted(rows[start : start + 4_000]))
    taken = time.perf_counter() - started
    environment.close()
    return count / taken


def prepare_reads(target: Target) -> None:
    """Both views, built."""
    target.once("PUT", DESIGN, {"views": VIEWS})
    target.once("GET", f"{DESIGN}/_view/tags")


def ranges(target: Target, seconds: float) -> float:
    """Ranges of 20 rows per second, at 16 connections."""
    return wrk.run(target.url + RANGE, target.headers, connections=16, seconds=seconds).rate


def milliseconds(target: Target, path: str, times: int = 50, body: object = None) -> float:
    """How long one answer takes, the median, on one connection; of a POST, if there is a body."""
    sent = None if body is None else json.dumps(body).encode()
    connection = target.connection()
    taken: list[float] = []
    for _ in range(times):
        started = time.perf_counter()
        target.request(connection, "GET" if sent is None else "POST", path, sent)
        taken.append(time.perf_counter() - started)
    connection.close()
    return sorted(taken)[times // 2] * 1_000
