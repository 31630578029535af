"""The kind of endpoint that a request is for, by one word: what classes of throughput, actions and rules go by.

Owns the words. They are made from the route table: an endpoint with a word of its own is called by it (``_changes``,
``_find``, ``_view``), others are ``document``, ``_design``, ``_local``, ``attachment``, ``database`` and ``server``. It
must not know what an endpoint does.
"""

from collections.abc import Sequence
from typing import Final

from docstore.core.cloudant.throughput import LISTINGS, SEARCHES
from docstore.httpd.routing import Route

SERVER: Final = "server"
DATABASE: Final = "database"
DOCUMENT: Final = "document"
ATTACHMENT: Final = "attachment"
PARTITION: Final = "_partition"
OPENING: Final = ("_design", "_local", "_node", "_api", "_docstore", PARTITION)
"""Words that lead to an endpoint and are one only where nothing follows."""


def kind_of(route: Route, segments: Sequence[str] = ()) -> str:
    """The word of a route; ``segments`` are those of the request, since within a partition they say what is asked."""
    words = [word.removesuffix("{doc}").removesuffix("%2F") for word in route.segments]
    named = [word for word in words if word.startswith("_") and word not in OPENING]
    if PARTITION in words and len(segments) > 3:
        return _within_partition(segments)
    if named:
        return named[0]
    if route.id_position:
        opening = next((word for word in words if word in ("_design", "_local")), DOCUMENT)
        return ATTACHMENT if route.has_rest else opening
    last = next((word for word in reversed(words) if word in OPENING), None)
    if last is not None:
        return last
    return DATABASE if route.below_database else SERVER


def _within_partition(segments: Sequence[str]) -> str:
    known = LISTINGS | SEARCHES
    return next((segment for segment in reversed(segments[3:]) if segment in known), PARTITION)
