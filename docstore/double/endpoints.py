"""Where a request leads: the kind of endpoint, the database and the document, for rules and the journal.

Owns that value, and which kinds there are. What a kind is called is ``httpd/endpoint_kinds.py``'s matter.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from docstore.core.cloudant.throughput import LISTINGS, SEARCHES
from docstore.errors import DocstoreError
from docstore.httpd.app import ROUTER
from docstore.httpd.endpoint_kinds import kind_of
from docstore.httpd.routing import Router


@dataclass(frozen=True, slots=True)
class Place:
    """Where a path leads: the kind of endpoint, and the database and the document that it names, or ``""``."""

    kind: str = ""
    database: str = ""
    document: str = ""


def place_of(router: Router, segments: Sequence[str]) -> Place:
    """Where a path leads; nowhere, if there is no such endpoint."""
    try:
        route = router.find(segments)
    except DocstoreError:
        return Place()
    database = segments[0] if route.below_database else ""
    return Place(kind_of(route, segments), database, route.doc_id(segments))


KINDS: Final = frozenset(kind_of(route) for route in ROUTER.routes) | LISTINGS | SEARCHES
