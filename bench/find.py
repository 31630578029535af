"""Questions about Mango: an index built, pages read by it, everything looked at, and the ceilings.

Owns the documents of 400 bytes, the index, and what is asked. The ceilings are LMDB alone: the same rows written, and
as many bodies read in order and their members decoded.
"""

import json
import threading
import time
from pathlib import Path

import lmdb
import msgspec

from bench import questions, wrk
from bench.servers import Target

DATABASE = "bench_find"
COUNT = 50_000
BATCH = 2_000
PAGE = 20
FIND = f"/{DATABASE}/_find"


def document(number: int) -> dict[str, object]:
    """A document of about 400 bytes."""
    return {
        "_id": f"doc{number:08d}",
        "type": "order",
        "customer": f"c{number % 997}",
        "amount": number * 7_919 % COUNT,
        "tags": [f"a{number % 10}", f"b{number % 7}", "c"],
        "when": [2020 + number % 5, number % 12, number % 28],
        "text": "x" * 240,
    }


def fill(target: Target) -> None:
    """The documents, and no index yet."""
    questions.create(target, DATABASE)
    for start in range(0, COUNT, BATCH):
        docs = [document(number) for number in range(start, start + BATCH)]
        target.once("POST", f"/{DATABASE}/_bulk_docs", {"docs": docs})


def build(target: Target, turn: int) -> float:
    """Documents a second into an index, from nothing until a query is answered by it."""
    name = f"build{turn}"
    definition: dict[str, object] = {"fields": ["amount"]}
    if turn:  # another index, of the same documents
        definition["partial_filter_selector"] = {name: {"$exists": False}}
    target.once("POST", f"/{DATABASE}/_index", {"index": definition, "ddoc": name, "name": name})
    query = {"selector": {"amount": {"$gte": 0}}, "limit": 1, "use_index": [name, name]}
    started = time.perf_counter()
    target.once("POST", FIND, query)
    taken = time.perf_counter() - started
    return COUNT / taken


def posts(path: str, bodies: str) -> str:
    """Lua that POSTs a query; ``bodies`` is an expression of it that has ``n``, a number that goes on."""
    return f"""
local n = 0
request = function()
  n = (n * 1103 + 12345) % {COUNT - PAGE}
  return wrk.format("POST", "{path}", {{["Content-Type"]="application/json"}}, {bodies})
end
"""


def pages(target: Target, seconds: float) -> float:
    """Pages of 20 documents by the index per second, at 16 connections."""
    body = f"""string.format('{{"selector":{{"amount":{{"$gte":%d}}}},"limit":{PAGE}}}', n)"""
    return _rate(target, posts(FIND, body), seconds)


def covered(target: Target, seconds: float) -> float:
    """The same of what the index has itself."""
    body = f"""string.format('{{"selector":{{"amount":{{"$gte":%d}}}},"fields":["_id","amount"],"limit":{PAGE}}}', n)"""
    return _rate(target, posts(FIND, body), seconds)


def listed(target: Target, seconds: float) -> float:
    """Pages of 20 rows of ``_all_docs`` without documents per second, at 16 connections, asked by POST too."""
    body = f"""string.format('{{"start_key":"doc%08d","limit":{PAGE}}}', n)"""
    return _rate(target, posts(f"/{DATABASE}/_all_docs", body), seconds)


def _rate(target: Target, script: str, seconds: float) -> float:
    load = wrk.run(target.url, target.headers, connections=16, seconds=seconds, script=script)
    if load.other_replies or load.socket_errors:
        raise RuntimeError(f"queries were not answered: {load}")
    return load.rate


def scan(target: Target) -> float:
    """Documents a second that one comparison without an index looks at."""
    started = time.perf_counter()
    target.once("POST", FIND, {"selector": {"customer": {"$gt": "d"}}})
    return COUNT / (time.perf_counter() - started)


def beside_scans(target: Target, seconds: float) -> float:
    """p99 of a document's GET, in milliseconds, beside full scans that follow each other; four connections."""
    over = threading.Event()

    def scan_on() -> None:
        while not over.is_set():
            scan(target)

    scanning = threading.Thread(target=scan_on)
    scanning.start()
    try:
        url = f"{target.url}/{DATABASE}/{document(7)['_id']}"
        return wrk.run(url, target.headers, connections=4, seconds=seconds).p99 * 1_000
    finally:
        over.set()
        scanning.join()


# --- The ceilings -----------------------------------------------------------------------------------------------------


def bare_rows(folder: Path) -> float:
    """Documents a second whose one row LMDB writes, in transactions of 1,000, without a sync."""
    folder.mkdir(exist_ok=True)
    environment = lmdb.open(str(folder), map_size=1 << 32, sync=False)
    rows = [(b"%08d %08d" % (number * 7_919 % COUNT, number), b'{"id":"doc%08d"}' % number) for number in range(COUNT)]
    started = time.perf_counter()
    for start in range(0, COUNT, 1_000):
        with environment.begin(write=True) as transaction, transaction.cursor() as cursor:
            cursor.putmulti(sorted(rows[start : start + 1_000]))
    taken = time.perf_counter() - started
    environment.close()
    return COUNT / taken


def bare_scan(folder: Path) -> float:
    """Documents a second that LMDB reads in order and msgspec decodes, with a comparison each."""
    folder.mkdir(exist_ok=True)
    environment = lmdb.open(str(folder), map_size=1 << 32, sync=False)
    with environment.begin(write=True) as transaction, transaction.cursor() as cursor:
        cursor.putmulti([(b"%08d" % number, json.dumps(document(number)).encode()) for number in range(COUNT)])
    decode = msgspec.json.Decoder().decode
    started = time.perf_counter()
    with environment.begin() as transaction, transaction.cursor() as cursor:
        found = sum(decode(value)["customer"] > "d" for _, value in cursor)
    taken = time.perf_counter() - started
    environment.close()
    if found:
        raise AssertionError("the comparison is to match nothing")
    return COUNT / taken
