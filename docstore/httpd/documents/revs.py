"""``_revs_diff`` and ``_missing_revs``: which revisions of a list are not here.

Owns the requests' and replies' shapes (``chttpd_db:db_req``).
"""

from collections.abc import Iterator

from docstore.core.answers import rev_json
from docstore.core.json_text import encode
from docstore.core.partition import check_placed
from docstore.core.rev import Rev
from docstore.database.reading.revisions import RevsDiff
from docstore.httpd.params.documents import parse_many_revs
from docstore.httpd.replies import Reply
from docstore.httpd.request import Request
from docstore.httpd.wire.chunking import chunked_reply, enclosed_pieces, in_turns
from docstore.httpd.wire.streaming import StreamReply
from docstore.httpd.wire.turns import Turns

DOCUMENTS_A_TURN = 50
REVS_A_PIECE = 100


async def revs_diff(request: Request) -> Reply | StreamReply:
    """``POST /{db}/_revs_diff``: what is missing, and what it may descend from."""
    found = await _compare(request)
    return await chunked_reply(in_turns(enclosed_pieces(b"{", map(_diff_row, found.items()), b"}\n")))


async def missing_revs(request: Request) -> Reply | StreamReply:
    """``POST /{db}/_missing_revs``: what is missing."""
    found = await _compare(request)
    rows = enclosed_pieces(b'{"missing_revs":{', map(_missing_row, found.items()), b"}}\n")
    return await chunked_reply(in_turns(rows))


async def _compare(request: Request) -> dict[str, RevsDiff]:
    database = request.database()
    body = await request.json_object(require_json_type=True)
    found: dict[str, RevsDiff] = {}
    batch: dict[str, tuple[Rev, ...]] = {}
    with Turns() as turns:
        for doc_id, revs in body.items():
            batch[doc_id] = await parse_many_revs(revs, turns)
            if database.partitioned:
                check_placed(doc_id)
            if len(batch) == DOCUMENTS_A_TURN or turns.over():
                found |= await database.compare_revs(batch)
                batch.clear()
                await turns.next()
        found |= await database.compare_revs(batch)
    return found


def _diff_row(entry: tuple[str, RevsDiff]) -> Iterator[bytes]:
    doc_id, diff = entry
    yield b'%b:{"missing":' % encode(doc_id)
    yield from _list(diff.missing)
    if diff.possible_ancestors:
        yield b',"possible_ancestors":'
        yield from _list(diff.possible_ancestors)
    yield b"}"


def _missing_row(entry: tuple[str, RevsDiff]) -> Iterator[bytes]:
    doc_id, diff = entry
    yield encode(doc_id) + b":"
    yield from _list(diff.missing)


def _list(revs: list[Rev]) -> Iterator[bytes]:
    """The array in pieces, for it may be as long as a body."""
    before = b"["
    for start in range(0, len(revs), REVS_A_PIECE):
        yield before + b",".join(map(rev_json, revs[start : start + REVS_A_PIECE]))
        before = b","
    yield b"]" if revs else b"[]"
