"""What ``_stats`` tells: counters since the start, in CouchDB's shape.

Owns their names and descriptions, which are CouchDB's where it has them (``stats_descriptions.cfg``); methods and
statuses that did not occur are there with 0, so that a monitor finds them. It must not know requests.
"""

from http import HTTPStatus
from typing import Final

from docstore.core.json_text import JsonValue
from docstore.node import Node

METHODS: Final = ("COPY", "DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT")
STATUSES: Final = (
    200, 201, 202, 204, 206, 301, 302, 304, 400, 401, 403, 404, 405, 406, 409, 412, 413, 414, 415, 416, 417, 500, 501,
    503,
)  # fmt: skip
UPLOADS: Final = {
    "created": "number of resumable uploads begun",
    "completed": "number of resumable uploads that became attachments",
    "conflicts": "number of times that the revision of a resumable upload was not the latest",
    "cancelled": "number of resumable uploads given up by clients",
    "expired": "number of resumable uploads that expired",
    "bytes": "number of bytes received by resumable uploads",
}


def statistics_of(node: Node) -> dict[str, JsonValue]:
    """The counters of a node, nested as the paths of ``_stats``."""
    counters = node.counters
    logins = node.accounts.logins
    methods = dict.fromkeys(METHODS, 0) | dict(counters.requests_by_method)
    statuses = dict.fromkeys(STATUSES, 0) | dict(counters.responses_by_status)
    return {
        "couchdb": {
            "httpd": {"requests": _counter(counters.requests, "number of HTTP requests")},
            "httpd_request_methods": {
                method: _counter(count, f"number of HTTP {method} requests")
                for method, count in sorted(methods.items())
            },
            "httpd_status_codes": {
                str(status): _counter(count, f"number of HTTP {_named(status)} responses")
                for status, count in sorted(statuses.items())
            },
            "open_databases": _counter(len(node.registry.names()), "number of open databases"),
            "password_hashing_fast": _counter(logins.known, "number of fast password hashing operations"),
            "password_hashing_slow": _counter(logins.hashed, "number of slow password hashing operations"),
            "commits": _counter(node.writer.groups, "number of commits performed"),
        },
        "docstore": {
            "commands": _counter(node.writer.commands, "number of commands carried out in them"),
            "open_snapshots": _gauge(node.env.open_snapshots, "number of open snapshots"),
            "data_file_bytes": _gauge(node.env.data_file.stat().st_size, "size of the data file"),
            "uploads": {name: _counter(node.uploads.counts[name], text) for name, text in UPLOADS.items()},
        },
    }


def _named(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _counter(value: int, description: str) -> JsonValue:
    return {"value": value, "type": "counter", "desc": description}


def _gauge(value: int, description: str) -> JsonValue:
    return {"value": value, "type": "gauge", "desc": description}
