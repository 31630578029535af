"""What can be told of a node: ``_prometheus``, ``_docstore/conflict_stats`` and ``_docstore/log``.

Owns the shape of the second; the first is ``metrics.py``'s, the lines of the third are ``log_tail.py``'s. All are read
from memory, so they begin at zero with the server.
"""

import asyncio
import logging
from collections import Counter
from types import ModuleType
from typing import Final

from docstore.core.json_text import JsonValue
from docstore.database.conflicts.statistics import SLOT_SECONDS, SLOTS
from docstore.errors import QueryParseError
from docstore.httpd.log_tail import TAIL
from docstore.httpd.params.values import erlang_text, parse_positive_integer
from docstore.httpd.replies import Reply, json_reply
from docstore.httpd.request import Request
from docstore.httpd.server.node_endpoints import checked_name

DEFAULT_LIMIT: Final = 100
LEVELS: Final = {
    logging.getLevelName(level).lower(): level
    for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL)
}
"""By the names that lines are told with."""


async def prometheus(request: Request) -> Reply:
    """GET /_node/{name}/_prometheus"""
    checked_name(request)
    metrics = await asyncio.to_thread(_load)
    text = await asyncio.to_thread(metrics.render, metrics.NodeCollector(request.node, _end(request)))
    return Reply(200, text, content_type=metrics.CONTENT_TYPE)


def _end(request: Request) -> float | None:
    """When the certificate runs out, if there is one."""
    watch = request.service.certificate
    return None if watch is None else watch.end


async def conflict_stats(request: Request) -> Reply:
    """GET /_docstore/conflict_stats"""
    stats = request.node.conflict_stats
    kinds: Counter[str] = Counter()
    databases: dict[str, dict[str, JsonValue]] = {}
    for (kind, database), count in sorted(stats.conflicts.items()):
        kinds[kind] += count
        databases.setdefault(database, {})[kind] = count
    often: list[JsonValue] = [
        {"db": one.database, "id": one.id, "conflicts": one.refusals, "error": one.error}
        for one in stats.most_refused()
    ]
    return json_reply(
        {
            "conflicts": stats.conflicts.total(),
            "kinds": dict(kinds),
            "databases": dict(databases),
            "idempotent_replays": dict(sorted(stats.replays.items())),
            "lenient_successes": dict(sorted(stats.leniencies.items())),
            "documents": {"seconds": SLOT_SECONDS * SLOTS, "most": often},
        }
    )


async def log(request: Request) -> Reply:
    """GET /_docstore/log"""
    query = request.query
    word = query.get("level", "debug")
    if word not in LEVELS:
        raise QueryParseError(f"Invalid value for level: {erlang_text(word)}")
    since = parse_positive_integer(query.get("since", 0))
    limit = parse_positive_integer(query.get("limit", DEFAULT_LIMIT))
    return await asyncio.to_thread(_tail, since, limit, LEVELS[word])


def _tail(since: int, limit: int, level: int) -> Reply:
    """The reply, which may have megabytes: lines with tracebacks are long."""
    lines = TAIL.since(since, limit, level)
    return json_reply({"last": TAIL.last, "lines": [line.members() for line in lines]})


def _load() -> ModuleType:
    from docstore.httpd.server import metrics

    return metrics
