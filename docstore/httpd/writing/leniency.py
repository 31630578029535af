"""``Prefer: handling=lenient``: an edit that is applied already is answered as if it were applied now.

Owns that answer, for single edits and for rows of ``_bulk_docs``. It must not know how such an edit is recognised. A
client whose reply was lost sends the edit again and gets the reply; ``Preference-Applied`` tells it that this is the
reply of an edit that was there. Nobody can tell it whether it was its own: see docs/problems.md.
"""

import logging
from typing import Final

from docstore.database.conflicts.attempts import EXPLAINED, Attempt
from docstore.database.conflicts.report import already_applied
from docstore.database.results import EditResult
from docstore.errors import DocstoreError
from docstore.httpd.params.preferences import LENIENT, is_lenient
from docstore.httpd.request import Request, Veil

logger = logging.getLogger(__name__)

LENIENT_HEADERS: Final = (("Preference-Applied", LENIENT), ("Vary", "Prefer"))


async def lenient_result(request: Request, error: DocstoreError) -> EditResult | None:
    """What a refused edit came to before, for a lenient client; None if it is not one, or the edit did not."""
    if not is_lenient(request.raw.headers):
        return None
    result = await applied_before(request, error)
    request.is_lenient_success = result is not None
    return result


async def applied_before(request: Request, error: DocstoreError) -> EditResult | None:
    """What a refused edit came to when it was applied before; None if it was not, or nobody knows. It is counted."""
    attempt = error.attempt
    if not isinstance(attempt, Attempt) or not isinstance(error, EXPLAINED):
        return None
    if request.veil is Veil.USERS or (request.veil is None and not request.may_read):
        return None  # who may not read a document could guess at what stands in it
    try:
        verdict = await already_applied(request.node.env, attempt)
    except DocstoreError as failure:  # the database was deleted meanwhile, or there are too many snapshots
        logger.info("request %s: a conflict could not be looked into: %s", request.id.decode(), failure.reason)
        return None
    if verdict.rev is None:
        return None
    request.node.conflict_stats.lenient(request.segments[0])
    return EditResult(attempt.doc_id, verdict.rev, None)
