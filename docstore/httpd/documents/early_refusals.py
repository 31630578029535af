"""PUTs that are refused before they are edits: a conflict costs what it takes to know it, and no more.

Owns the short way of the plain case, which is nearly every 409 that a server gives: the document's record shows that
the revision named is no leaf, and nothing but that is to be told. Nothing is printed, hashed or raised for it. Whatever
is not plain is left to the edit, which refuses it in the same words. It must not know the edit rule (``core/edit.py``)
nor the words.
"""

from collections.abc import Mapping

from aiohttp import hdrs

from docstore.core.edit import is_stale
from docstore.core.json_text import JsonValue
from docstore.core.rev import parse_rev
from docstore.database.conflicts.attempts import kind_of_stale
from docstore.database.database import Database
from docstore.httpd.params.documents import DocumentQuery
from docstore.httpd.params.preferences import IDEMPOTENCY_KEY, PREFER, wants_problems
from docstore.httpd.problems.errors import CONFLICT_BODY
from docstore.httpd.problems.refusing import count_refused
from docstore.httpd.replies import Reply
from docstore.httpd.request import Request
from docstore.storage.documents.records import head_of

PLAIN = frozenset({"_id", "_rev"})
"""Those of the special members that a plain edit has."""

MOST_GROWTH = 8
"""The text that is stored is at most so many times as long as that which was sent: ``1e-7`` and ``1e21`` are spelled
out."""


def refusal(
    request: Request, database: Database, record: bytes, query: DocumentQuery, members: Mapping[str, JsonValue]
) -> Reply | None:
    """The refusal of a PUT that is a conflict for certain; None if it has to be looked at as a whole.

    ``record`` is the document's as it was stored when the request began; the places of ``members`` do not count. Raises
    InvalidRev.
    """
    if not asks_plainly(request, database, query):
        return None
    rev = told = query.options.rev
    for name in members:
        if name[:1] != "_":
            continue
        if name not in PLAIN or (name == "_id" and members[name] != request.doc_id):
            return None
        if name == "_rev":
            rev = parse_rev(members[name])
            if told is not None and told != rev:
                return None
    if not is_stale(head_of(record), rev):
        return None
    kind = kind_of_stale(database.environment, database.number, record, rev)
    count_refused(request, kind, database.name, request.doc_id, rev)
    return Reply(409, CONFLICT_BODY)  # to make an error, and what it knows of the edit, takes as long as all this


def asks_plainly(request: Request, database: Database, query: DocumentQuery) -> bool:
    """Whether a refused PUT is told in CouchDB's words alone, and nobody but the edit rule is to be asked."""
    headers = request.raw.headers
    limits = request.node.settings.limits
    return not (
        MOST_GROWTH * limits.parse_off_loop_from > limits.max_document_size  # it may be too large, which is told first
        or database.write_hook is not None
        or IDEMPOTENCY_KEY in headers
        or not query.new_edits
        or query.batch
        or hdrs.IF_MATCH in headers
        or hdrs.IF_NONE_MATCH in headers
        or hdrs.IF_UNMODIFIED_SINCE in headers
        or PREFER in headers
        or (hdrs.ACCEPT in headers and wants_problems(headers))
    )
