"""What is found out about a difference by asking docstore once more, so that an entry of the list need not guess.

Owns the remarks: that ours revives a tombstone, and that the document of a refused edit is deleted or not there at
all. It does not know the entries. What it asks is read only.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from tests.conformance.wire import Answer
from tests.differential.comparing import ABSENT, ROW, Difference
from tests.differential.knowledge import OURS, REV
from tests.differential.steps import Rendered

REVIVED = "revives a tombstone"
NOT_THERE = "the document is not there"
DELETED = "the document is deleted"
REASONS = {"missing": NOT_THERE, "deleted": DELETED}
"""What is found out by the reason of a 404."""
Ask = Callable[[str], Awaitable[dict[str, Any]]]
"""Takes what is asked of docstore by GET, with its path, and gives the object that it answers."""


async def with_remark(difference: Difference, request: Rendered, ours: Answer, database: str, ask: Ask) -> Difference:
    """The difference, with what could be found out about it."""
    texts = [str(one).strip('"') for one in (difference.theirs, difference.ours)]
    if all(REV.fullmatch(text) for text in texts):
        revived = await _revives(_written(ours, texts[OURS]), texts[OURS], database, ask)
        return replace(difference, remark=REVIVED) if revived else difference
    doc_id = refused(difference, request)
    reason = (await ask(_path(database, doc_id))).get("reason") if doc_id else None
    return replace(difference, remark=REASONS[reason]) if reason in REASONS else difference


async def _revives(doc_id: str, rev: str, database: str, ask: Ask) -> bool:
    path = _path(database, doc_id)
    try:
        history = (await ask(f"{path}?revs=true&rev={rev}"))["_revisions"]
        parent = f"{history['start'] - 1}-{history['ids'][1]}"
    except (LookupError, TypeError):
        return False
    return bool((await ask(f"{path}?rev={parent}")).get("_deleted"))


def refused(difference: Difference, request: Rendered) -> str:
    """The document of which ours refuses an edit that theirs takes; "" if it is about nothing of that kind."""
    if difference.where == "status":
        if str(difference.theirs)[:2] != "20" or not str(difference.ours).startswith("409 "):
            return ""
        return _subject(request)
    row = ROW.match(difference.where)
    if row is None or ABSENT not in (difference.theirs, difference.ours):
        return ""
    try:
        return str(json.loads(request.body or b"")["docs"][int(row[1])]["_id"])
    except (ValueError, LookupError, TypeError):
        return ""


def _subject(request: Rendered) -> str:
    """The document that a request writes."""
    segments = urlsplit(request.target).path.split("/", 2)
    path = unquote(segments[2]) if len(segments) > 2 else ""
    if request.method == "COPY":
        path = unquote(dict(request.headers).get("Destination", "").partition("?")[0])
    elif request.method == "POST":
        try:
            path = str(json.loads(request.body or b"")["_id"])
        except (ValueError, LookupError, TypeError):
            return ""
    return path


def _written(answer: Answer, rev: str) -> str:
    """The document of which an answer says that it has this revision now."""
    try:
        body = json.loads(answer.body)
    except ValueError:
        return ""
    rows = body if isinstance(body, list) else [body]
    return next((str(row["id"]) for row in rows if isinstance(row, dict) and row.get("rev") == rev), "")


def _path(database: str, doc_id: str) -> str:
    return f"/{database}/{quote(doc_id, safe='/' if doc_id.startswith('_design/') else '')}"
