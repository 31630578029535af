"""``/_node/{name}`` and what is below it: the name, counters, the process, the versions.

Owns their shape; the counters are ``statistics.py``'s. Follows ``chttpd_node`` of CouchDB.
"""

import asyncio
import gc
import platform
import resource
import threading
import time
from importlib.metadata import version

from docstore import __version__
from docstore.core.collation import collation_version
from docstore.core.json_text import JsonValue
from docstore.errors import NotFound
from docstore.httpd.replies import Reply, json_reply
from docstore.httpd.request import Request
from docstore.httpd.server.statistics import statistics_of
from docstore.node import Node

LOCAL = "_local"
OF_ERLANG = ("run_queue", "run_queue_dirty_cpu", "ets_table_count", "reductions", "words_reclaimed")
OF_ERLANG_MEMORY = ("atom", "atom_used", "processes", "processes_used", "binary", "code", "ets")
"""What only an Erlang system could tell, for those who read it without asking whether it is there."""

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
    found: JsonValue = statistics_of(request.node)
    for segment in request.segments[3:]:
        found = found.get(segment) if isinstance(found, dict) else None
    return json_reply(found)


async def system(request: Request) -> Reply:
    """GET /_node/{name}/_system"""
    checked_name(request)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    memory: dict[str, JsonValue] = {"maximum_resident": usage.ru_maxrss * 1024, "other": usage.ru_maxrss * 1024}
    pool = request.node.pool
    members: dict[str, JsonValue] = {
        "uptime": int(time.time() - request.node.started_at),
        "memory": memory | dict.fromkeys(OF_ERLANG_MEMORY, 0),
        "context_switches": usage.ru_nvcsw + usage.ru_nivcsw,
        "garbage_collection_count": sum(generation["collections"] for generation in gc.get_stats()),
        "io_input": usage.ru_inblock,
        "io_output": usage.ru_oublock,
        "os_proc_count": len(pool.pids),
        "stale_proc_count": 0,
        "process_count": threading.active_count(),
        "process_limit": resource.getrlimit(resource.RLIMIT_NPROC)[0],
        "task_count": len(asyncio.all_tasks()),
        "message_queues": {"couch_file": {}, "couch_db_updater": {}},
        "internal_replication_jobs": 0,
        "distribution": {},
        "distribution_events": {},
    }
    return json_reply(members | dict.fromkeys(OF_ERLANG, 0))


async def versions(request: Request) -> Reply:
    """GET /_node/{name}/_versions"""
    checked_name(request)
    libraries: dict[str, JsonValue] = {library: version(library) for library in LIBRARIES}
    return json_reply(
        {
            "docstore": __version__,
            "python": platform.python_version(),
            "javascript_engine": {"name": "quickjs", "version": version("quickjs-ng")},
            "collation_driver": {"name": "libicu", "library_version": collation_version()},
            "libraries": libraries,
        }
    )


def checked_name(request: Request) -> str:
    """The node's own name. Raises NotFound if the path names another."""
    own = node_name(request.node)
    asked = request.segments[1]
    if asked not in (LOCAL, own):
        raise NotFound(f"no such node: {asked}")
    return own
