"""What is taken out of answers before they are compared, since it differs on purpose in all of them.

Owns the changes, each with the line of docs/compatibility.md that explains it. They are for an order that means
nothing, or a place that a server counts in its own way: what else stands in the answers is compared as ever.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Observed = dict[str, Any]


@dataclass(frozen=True)
class Level:
    """``change`` makes an observed answer to a step of ``kind``, a regular expression, what both would have to be."""

    line: str
    kind: str
    change: Callable[[Observed], Observed]


def purges_in_order(observed: Observed) -> Observed:
    """What is remembered of purges, sorted."""
    match observed.get("json"):
        case {"purged_infos": list(infos)}:
            return {**observed, "json": {"purged_infos": sorted(infos, key=str)}}
    return observed


def purged_in_order(observed: Observed) -> Observed:
    """The revisions that are gone, sorted."""
    match observed.get("json"):
        case {"purged": dict(purged)} as answer:
            gone = {doc_id: sorted(revs) for doc_id, revs in purged.items()}
            return {**observed, "json": {**answer, "purged": gone}}
    return observed


def without_checkpoints(observed: Observed) -> Observed:
    """Listings without the local documents that CouchDB's indexes write."""

    def without(listing: Any) -> Any:
        match listing:
            case {"rows": list(rows)}:
                kept = [row for row in rows if not str(row.get("id", "")).startswith("_local/purge-")]
                return {**listing, "rows": kept}
            case {"results": list(results)}:
                return {**listing, "results": [without(one) for one in results]}
        return listing

    return {**observed, "json": without(observed["json"])} if "json" in observed else observed


def without_place(observed: Observed) -> Observed:
    """A view's rows without what they are as of; that it is told is compared."""

    def without(answer: Any) -> Any:
        match answer:
            case {"results": list(results)}:
                return {**answer, "results": [without(one) for one in results]}
            case {"update_seq": str()}:
                return {**answer, "update_seq": None}
        return answer

    return {**observed, "json": without(observed["json"])} if "json" in observed else observed


LEVELS = (
    Level("| `update_seq` of a view |", "view|partition", without_place),
    Level("| local documents of indexes (`_local/purge-...`) |", "listing|path|method", without_checkpoints),
    Level("| the order of `purged` in the answer to `_purge` |", "purge", purged_in_order),
    Level("| the order of `_purged_infos` |", "info", purges_in_order),
)


def levelled(kind: str, observed: Observed) -> Observed:
    """An observed answer as it is compared."""
    for level in LEVELS:
        if re.fullmatch(level.kind, kind):
            observed = level.change(observed)
    return observed
