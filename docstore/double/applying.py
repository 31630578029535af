"""Whether an action means anything for a request: only then it counts as a hit.

Owns that. It must not know how an action is carried out.
"""

from typing import Final

from docstore.double.actions import (
    Action,
    BreakFeed,
    BrokenJson,
    ExpireSession,
    ReorderRows,
    RepeatRows,
    Rewind,
    SlowBody,
    SpuriousConflict,
    StaleRead,
    Truncate,
)
from docstore.double.facts import Facts
from docstore.httpd.endpoint_kinds import ATTACHMENT

FEEDS: Final = frozenset({"_changes", "_db_updates"})
DOCUMENTS: Final = frozenset({"document", "_design"})
OF_ONE_REVISION: Final = frozenset({"rev", "open_revs"})


def applies(action: Action, facts: Facts) -> bool:
    """Whether an action means anything for a request."""
    method, endpoint = facts.method, facts.endpoint
    if isinstance(action, BreakFeed | RepeatRows | ReorderRows):
        return endpoint in FEEDS and method != "HEAD"
    if isinstance(action, Rewind):
        return endpoint == "_changes"
    if isinstance(action, StaleRead):
        return endpoint in DOCUMENTS and method in ("GET", "HEAD") and not OF_ONE_REVISION & facts.query.keys()
    if isinstance(action, SpuriousConflict):
        if endpoint in ("database", "_bulk_docs"):
            return method == "POST"
        return (endpoint in DOCUMENTS or endpoint == ATTACHMENT) and method in ("PUT", "DELETE")
    if isinstance(action, ExpireSession):
        return bool(facts.credential)
    if isinstance(action, BrokenJson | Truncate | SlowBody):
        return method != "HEAD"
    return True


def is_late(action: Action) -> bool:
    """Whether only the answer tells if an action means anything."""
    return isinstance(action, SpuriousConflict)
