"""What ``_stats`` tells: numbers since the start, in CouchDB's shape.

Owns what each number is here. All names of CouchDB are there (``statistics_names.py``), and methods and statuses that
did not occur too, so that a monitor finds them; what nothing here counts is 0, and below ``docstore`` is what only
docstore has. It must not know requests.
"""

import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from docstore.core.histogram import EMPTY, Histogram
from docstore.core.json_text import JsonValue
from docstore.httpd.server.statistics_names import NUMBERS
from docstore.node import Node
from docstore.replication.jobs.job import State
from docstore.settings import Durability

METHODS: Final = ("COPY", "DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT")
STATUSES: Final = (
    200, 201, 202, 204, 206, 301, 302, 304, 400, 401, 403, 404, 405, 406, 409, 412, 413, 414, 415, 416, 417, 500, 501,
    503, 507,
)  # fmt: skip
OTHER_WORDS: Final = {
    206: "206 Partial Content",
    413: "413 Request Entity Too Long responses",
    414: "414 Request URI Too Long responses",
    503: "503 Service unavailable responses",
}
"""Where CouchDB's are not the usual ones."""

UPLOADS: Final = {
    "created": "number of resumable uploads begun",
    "completed": "number of resumable uploads that became attachments",
    "conflicts": "number of times that the revision of a resumable upload was not the latest",
    "cancelled": "number of resumable uploads given up by clients",
    "expired": "number of resumable uploads that expired",
    "bytes": "number of bytes received by resumable uploads",
}
DOCUMENTS: Final = ("/{db}/{doc}", "/{db}/_design/{doc}", "/{db}/_design%2F{doc}")
VIEWS: Final = ("/{db}/_design/{doc}/_view/{view}", "/{db}/_design/{doc}/_view/{view}/queries")
PARTITION: Final = "partition"


def statistics_of(node: Node) -> dict[str, JsonValue]:
    """The numbers of a node, nested as the paths of ``_stats``."""
    now = time.monotonic()
    told = numbers_of(node)
    times = histograms_of(node)
    tree: dict[str, JsonValue] = {}
    for path, kind, description in NUMBERS:
        name = ".".join(path)
        value = times.get(name, EMPTY).members(now) if kind == "histogram" else told.get(name, 0)
        _put(tree, path, _number(value, kind, description))
    counters = node.counters
    for method, count in sorted((dict.fromkeys(METHODS, 0) | counters.requests_by_method).items()):
        words = f"number of HTTP {method} requests"
        _put(tree, ("couchdb", "httpd_request_methods", method), _number(count, "counter", words))
    for status, count in sorted((dict.fromkeys(STATUSES, 0) | counters.responses_by_status).items()):
        words = f"number of HTTP {_named(status)}"
        _put(tree, ("couchdb", "httpd_status_codes", str(status)), _number(count, "counter", words))
    env = node.env
    tree["docstore"] = {
        "commands": _number(node.writer.commands, "counter", "number of commands carried out in commits"),
        "open_snapshots": _number(env.open_snapshots, "gauge", "number of open snapshots"),
        "data_file_bytes": _number(env.data_file.stat().st_size, "gauge", "size of the data file"),
        "uploads": {name: _number(node.uploads.counts[name], "counter", text) for name, text in UPLOADS.items()},
    }
    return tree


def numbers_of(node: Node) -> Mapping[str, int]:
    """The counters and gauges of CouchDB that something here counts, by their names."""
    counters, logins, writer = node.counters, node.accounts.logins, node.writer
    routes = counters.requests_by_route
    jobs = [job.state() for job in node.replications.jobs()]
    return {
        "couchdb.httpd.requests": counters.requests,
        "couchdb.httpd.bulk_requests": routes["/{db}/_bulk_docs", "POST"],
        "couchdb.httpd.purge_requests": routes["/{db}/_purge", "POST"],
        "couchdb.httpd.view_reads": sum(routes[view, method] for view in VIEWS for method in ("GET", "POST")),
        "couchdb.httpd.partition_all_docs_requests": routes[PARTITION, "_all_docs"],
        "couchdb.httpd.partition_explain_requests": routes[PARTITION, "_explain"],
        "couchdb.httpd.partition_find_requests": routes[PARTITION, "_find"],
        "couchdb.httpd.partition_view_requests": routes[PARTITION, "_view"],
        "couchdb.database_reads": sum(routes[path, method] for path in DOCUMENTS for method in ("GET", "HEAD")),
        "couchdb.document_writes": writer.edits,
        "couchdb.open_databases": len(node.registry.names()),
        "couchdb.password_hashing_fast": logins.known,
        "couchdb.password_hashing_slow": logins.hashed,
        "couchdb.commits": writer.groups,
        "fsync.count": writer.groups if node.env.settings.durability is Durability.FSYNC else 0,
        "couch_replicator.jobs.total": len(jobs),
        "couch_replicator.jobs.running": jobs.count(State.RUNNING),
        "couch_replicator.jobs.pending": jobs.count(State.PENDING),
        "couch_replicator.jobs.crashed": jobs.count(State.CRASHING),
    }


def histograms_of(node: Node) -> Mapping[str, Histogram]:
    """The same of histograms."""
    return {
        "couchdb.request_time": node.counters.request_times,
        "couchdb.httpd.bulk_docs": node.counters.bulk_sizes,
    }


def _put(tree: dict[str, JsonValue], path: tuple[str, ...], number: JsonValue) -> None:
    *above, last = path
    for name in above:
        below = tree.setdefault(name, {})
        if not isinstance(below, dict):
            raise TypeError(f"{path} is below a number")
        tree = below
    tree[last] = number


def _named(status: int) -> str:
    try:
        return OTHER_WORDS.get(status) or f"{status} {HTTPStatus(status).phrase} responses"
    except ValueError:
        return f"{status} responses"


def _number(value: JsonValue, kind: str, description: str) -> JsonValue:
    return {"value": value, "type": kind, "desc": description}
