"""Questions about partitions: what one is asked beside very many others.

Owns the documents, a hundred in each partition, the view, the index, and what is asked of a partition in the middle.
"""

from bench import views
from bench.servers import Target

DATABASE = "bench_partitions"
IN_EACH = 100
BATCH = 2_000
DESIGN = {
    "views": {
        "n": {"map": "function(doc) { emit(doc.n, null); }"},
        "total": {"map": "function(doc) { emit(doc.n % 5, doc.n); }", "reduce": "_sum"},
    }
}
FIND = {"selector": {"n": {"$gt": 20}}, "limit": 20}


def fill(target: Target, count: int) -> None:
    """So many documents, and index and view built."""
    connection = target.connection()
    target.request(connection, "DELETE", f"/{DATABASE}")
    target.request(connection, "PUT", f"/{DATABASE}?q=1&partitioned=true")
    connection.close()
    for start in range(0, count, BATCH):
        docs = [document(number) for number in range(start, min(start + BATCH, count))]
        target.once("POST", f"/{DATABASE}/_bulk_docs", {"docs": docs})
    target.once("POST", f"/{DATABASE}/_index", {"index": {"fields": ["n"]}, "ddoc": "n"})
    target.once("POST", f"{inside(count)}/_find", FIND)
    target.once("PUT", f"/{DATABASE}/_design/v", DESIGN)
    target.once("GET", f"{inside(count)}/_design/v/_view/n?limit=1")


def document(number: int) -> dict[str, object]:
    """A document of about 100 bytes."""
    return {"_id": f"p{number // IN_EACH:05d}:{number % IN_EACH:03d}", "n": number % IN_EACH, "text": "x" * 60}


def inside(count: int) -> str:
    """The path of a partition in the middle."""
    return f"/{DATABASE}/_partition/p{count // IN_EACH // 2:05d}"


def asked(target: Target, count: int) -> dict[str, float]:
    """Milliseconds for each question, the median."""
    partition = inside(count)
    questions = {
        "its documents": f"{partition}/_all_docs?include_docs=true",
        "rows of a view": f"{partition}/_design/v/_view/n?startkey=20&limit=20",
        "a reduction by groups": f"{partition}/_design/v/_view/total?group=true",
        "its counts": partition,
    }
    found = {name: views.milliseconds(target, path) for name, path in questions.items()}
    return found | {"a query by an index": views.milliseconds(target, f"{partition}/_find", body=FIND)}
