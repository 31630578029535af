"""Batches that forge history, after which the two databases are different though neither says so.

Owns what counts as that: ids beyond the first generation, of which CouchDB makes revisions of generation 0 and below,
and one revision that is told with two different parents, which it then has twice. Each has its line in
docs/compatibility.md; what they lead to is seen in places without end, so a sequence ends with them.
"""

import json
from typing import Any

from tests.differential.steps import Rendered


def forges(request: Rendered) -> bool:
    """Whether the body of a request is such a batch."""
    try:
        body = json.loads(request.body or b"")
    except ValueError:
        return False
    if not isinstance(body, dict) or body.get("new_edits") is not False or not isinstance(body.get("docs"), list):
        return False
    parents: dict[tuple[str, str], str | None] = {}
    for doc in body["docs"]:
        path = _path(doc) if isinstance(doc, dict) else []
        if path and not all(path):
            return True
        for rev, parent in zip(path, (*path[1:], None), strict=False):
            if parents.setdefault((str(doc.get("_id")), rev), parent) != parent:
                return True
    return False


def _path(doc: dict[str, Any]) -> list[str]:
    """The revisions that a document tells, the latest first; an empty text for one of generation 0 or below."""
    told = doc.get("_revisions")
    if not isinstance(told, dict) or not isinstance(told.get("start"), int) or not isinstance(told.get("ids"), list):
        return [str(doc["_rev"])] if "_rev" in doc else []
    start = told["start"]
    return [f"{start - place}-{one}" if place < start else "" for place, one in enumerate(told["ids"])]
