"""``/_node/{name}`` and what is below it: the name, counters, the process, the versions.

Owns their shape. Follows ``chttpd_node`` of CouchDB; what only an Erlang system could tell is left out.
"""

import asyncio
import gc
import platform
import resource
import threading
import time
from importlib.metadata import version

from docstore import __version__
from docstore.core.json_text import JsonValue
from docstore.errors import NotFound
from docstore.httpd.replies import Reply, json_reply
from docstore.httpd.request import Request
from docstore.node import Node

LOCAL = "_local"
UPLOAD_COUNTERS = {
    "created": "number of resumable uploads begun",
    "completed": "number of resumable uploads that became attachments",
    "conflicts": "number of times that the revision of a resumable upload was not the latest",
    "cancelled": "number of resumable uploads given up by clients",
    "expired": "number of resumable uploads that expired",
    "bytes": "number of bytes received by resumable uploads",
}
LIBRARIES = ("aiohttp", "lmdb", "msgspec", "uvloop")


def node_name(node: Node) -> str:
    """The name by which this node goes in ``_membership`` and in paths."""
    return node.name


async def name(request: Request) -> Reply:
    """GET /_node/{name}"""
    return json_reply({"name": checked_name(request)})


async def statistics(request: Request) -> Reply:
    """GET /_node/{name}/_stats and any path into it; null where it leads nowhere."""
    checked_name(request)
    found: JsonValue = _statistics(request.node)
    for segment in request.segments[3:]:
        found = found.get(segment) if isinstance(found, dict) else None
    return json_reply(found)


async def system(request: Request) -> Reply:
    """GET /_node/{name}/_system"""
    checked_name(request)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return json_reply(
        {
            "uptime": int(time.time() - request.node.started_at),
            "memory": {"maximum_resident": usage.ru_maxrss * 1024},
            "context_switches": usage.ru_nvcsw + usage.ru_nivcsw,
            "garbage_collection_count": sum(generation["collections"] for generation in gc.get_stats()),
            "io_input": usage.ru_inblock,
            "io_output": usage.ru_oublock,
            "process_count": threading.active_count(),
            "task_count": len(asyncio.all_tasks()),
            "message_queues": {},
        }
    )


async def versions(request: Request) -> Reply:
    """GET /_node/{name}/_versions"""
    checked_name(request)
    libraries: dict[str, JsonValue] = {library: version(library) for library in LIBRARIES}
    return json_reply({"docstore": __version__, "python": platform.python_version(), "libraries": libraries})


def checked_name(request: Request) -> str:
    """The node's own name. Raises NotFound if the path names another."""
    own = node_name(request.node)
    asked = request.segments[1]
    if asked not in (LOCAL, own):
        raise NotFound(f"no such node: {asked}")
    return own


def _statistics(node: Node) -> dict[str, JsonValue]:
    counters = node.counters
    methods: dict[str, JsonValue] = {
        method: _counter(count, f"number of HTTP {method} requests")
        for method, count in sorted(counters.requests_by_method.items())
    }
    statuses: dict[str, JsonValue] = {
        str(status): _counter(count, f"number of HTTP {status} responses")
        for status, count in sorted(counters.responses_by_status.items())
    }
    return {
        "couchdb": {
            "httpd": {"requests": _counter(counters.requests, "number of HTTP requests")},
            "httpd_request_methods": methods,
            "httpd_status_codes": statuses,
            "open_databases": _counter(len(node.registry.names()), "number of open databases"),
        },
        "docstore": {
            "uploads": {name: _counter(node.uploads.counts[name], text) for name, text in UPLOAD_COUNTERS.items()}
        },
    }


def _counter(value: int, description: str) -> JsonValue:
    return {"value": value, "type": "counter", "desc": description}
