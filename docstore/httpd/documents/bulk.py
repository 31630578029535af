"""``POST /{db}/_bulk_docs``: many edits in one request.

Owns the request's members and the reply's rows. One bad document refuses the whole request, a conflict only its row
(``chttpd_db:db_req``).
"""

from functools import partial
from time import monotonic

from docstore.core.document import Document
from docstore.core.json_text import JsonValue, encode
from docstore.core.partition import check_partitioned_id
from docstore.database.apply.reply_forms import AROUND_ROW, BulkForm
from docstore.database.once import Once
from docstore.database.results import EditResult
from docstore.errors import BadRequest, TooLarge
from docstore.httpd.documents.bodies import parse_documents
from docstore.httpd.documents.bulk_pieces import BulkBody, read_in_pieces
from docstore.httpd.documents.bulk_rows import count_rows, rows_reply
from docstore.httpd.documents.veiled import check_ids
from docstore.httpd.replies import Reply
from docstore.httpd.request import Request
from docstore.httpd.wire.chunking import chunked_reply, enclosed, in_turns
from docstore.httpd.wire.memory import BODY, DOCUMENT
from docstore.httpd.wire.streaming import StreamReply
from docstore.httpd.wire.turns import Turns
from docstore.httpd.writing.idempotency import check_kept_length
from docstore.httpd.writing.writes import Change, through

FREED = 500
"""Documents between two looks at the clock; of large ones the text is most, which is freed fast."""

TOO_MANY = "The request has more than {} documents."


async def bulk_docs(request: Request) -> Reply | StreamReply | Change:
    """Write all documents; a row for each, or with ``new_edits: false`` only for those refused."""
    database = request.database()
    request.require_json_type()
    request.require_body()
    held = request.claim.held
    read = await read_in_pieces(request)
    if read is not None and database.partitioned and not await _all_placed(read.documents):
        read = None  # which of them is the first bad one is told by the usual way
        request.claim.keep(held)
    read = read or await _read_whole(request, partitioned=database.partitioned)
    new_edits = read.members.get("new_edits", True) is not False
    documents = read.documents
    request.node.counters.bulk_sizes.add(len(documents), monotonic())
    check_ids(request, documents)
    if read.members.get("all_or_nothing") is True and new_edits and documents:
        refused = map(_not_supported, documents)
        return await chunked_reply(in_turns(enclosed(b"[", refused, b"]\n")), status=417)
    request.drop_body()

    async def write(once: Once | None) -> list[EditResult]:
        results = await through(once, database).update_docs(documents, new_edits=new_edits)
        if not new_edits:
            results = [result for result in results if result.error is not None]
        request.claim.keep(DOCUMENT * len(results))  # clients may take any time to read them
        return results

    def form() -> BulkForm:
        if new_edits:  # ids that are far too long are not even put together
            check_kept_length(request, sum(len(document.id) + AROUND_ROW for document in documents))
        revs = () if new_edits else tuple(document.path[0] for document in documents if document.path)
        return BulkForm(tuple(document.id for document in documents), only_failed=not new_edits, revs=revs)

    return Change(write, form, partial(rows_reply, request), partial(count_rows, request))


async def _read_whole(request: Request, *, partitioned: bool) -> BulkBody:
    """The body, read from its beginning. Raises BadRequest, TooLarge, and what ``parse_documents`` raises."""
    members = await request.json_object(require_json_type=True, made_of_it=1)
    rows = _rows(members)
    limit = request.node.settings.limits.max_documents
    if len(rows) > limit:
        raise TooLarge(TOO_MANY.format(limit))
    await request.claim.take(DOCUMENT * len(rows) + BODY * len(await request.body()))
    new_edits = members.get("new_edits", True)
    if not isinstance(new_edits, bool):
        raise BadRequest("`new_edits` parameter must be a boolean.")
    if new_edits:
        check_kept_length(request, len(rows) * AROUND_ROW)
    documents = await parse_documents(request, rows, hashed=new_edits, partitioned=partitioned)
    del members["docs"]
    await _let_go(rows)
    return BulkBody(members, documents)


async def _all_placed(documents: list[Document]) -> bool:
    """Whether a partitioned database can have all of them."""
    with Turns() as turns:
        try:
            for document in documents:
                check_partitioned_id(document.id)
                if turns.over():
                    await turns.next()
        except BadRequest:
            return False
    return True


async def _let_go(rows: list[JsonValue]) -> None:
    """Free what the documents were made of in turns: of a hundred thousand, all at once holds everybody up."""
    with Turns() as turns:
        while rows:
            del rows[-FREED:]
            if turns.over():
                await turns.next()


def _not_supported(document: Document) -> bytes:
    """The row of a document that was to be written with all others or not at all, which CouchDB does not promise."""
    row: dict[str, JsonValue] = {"id": document.id, "rev": "0-" if document.rev is None else str(document.rev)}
    return encode(row | {"error": "not_implemented", "reason": "all_or_nothing is not supported"})


def _rows(members: dict[str, JsonValue]) -> list[JsonValue]:
    if "docs" not in members:
        raise BadRequest("POST body must include `docs` parameter.")
    rows = members["docs"]
    if not isinstance(rows, list):
        raise BadRequest("`docs` parameter must be an array.")
    return rows
