"""``_revs_diff`` and ``_missing_revs``: which revisions of a list are not here.

Owns the requests' and replies' shapes (``chttpd_db:db_req``).
"""

from docstore.core.answers import rev_json
from docstore.core.json_text import encode
from docstore.core.rev import Rev
from docstore.database.revisions import RevsDiff
from docstore.httpd.chunking import chunked_reply, enclosed, in_turns
from docstore.httpd.document_params import parse_many_revs
from docstore.httpd.replies import Reply
from docstore.httpd.request import Request
from docstore.httpd.streaming import StreamReply
from docstore.httpd.turns import Turns

DOCUMENTS_A_TURN = 50


async def revs_diff(request: Request) -> Reply | StreamReply:
    """``POST /{db}/_revs_diff``: what is missing, and what it may descend from."""
    found = await _compare(request)
    return await chunked_reply(in_turns(enclosed(b"{", map(_diff_row, found.items()), b"}\n")))


async def missing_revs(request: Request) -> Reply | StreamReply:
    """``POST /{db}/_missing_revs``: what is missing."""
    found = await _compare(request)
    rows = enclosed(b'{"missing_revs":{', map(_missing_row, found.items()), b"}}\n")
    return await chunked_reply(in_turns(rows))


async def _compare(request: Request) -> dict[str, RevsDiff]:
    database = request.database()
    body = await request.json_object(require_json_type=True)
    found: dict[str, RevsDiff] = {}
    batch: dict[str, tuple[Rev, ...]] = {}
    with Turns() as turns:
        for doc_id, revs in body.items():
            batch[doc_id] = await parse_many_revs(revs, turns)
            if len(batch) == DOCUMENTS_A_TURN or turns.over():
                found |= database.revs_diff(batch)
                batch.clear()
                await turns.next()
        found |= database.revs_diff(batch)
    return found


def _diff_row(entry: tuple[str, RevsDiff]) -> bytes:
    doc_id, diff = entry
    ancestors = b',"possible_ancestors":%b' % _list(diff.possible_ancestors) if diff.possible_ancestors else b""
    return b'%b:{"missing":%b%b}' % (encode(doc_id), _list(diff.missing), ancestors)


def _missing_row(entry: tuple[str, RevsDiff]) -> bytes:
    doc_id, diff = entry
    return b"%b:%b" % (encode(doc_id), _list(diff.missing))


def _list(revs: list[Rev]) -> bytes:
    return b"[%b]" % b",".join(map(rev_json, revs))
