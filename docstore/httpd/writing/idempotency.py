"""Requests with an ``Idempotency-Key``: carried out once, answered as often as they come.

Owns what a key may be, what makes two requests the same, and the way of such a request: the key is looked up, then
what the handler hands back is written through the request's ticket, and the reply is the one that was stored with the
effect. It must not know what any endpoint does. Follows draft-ietf-httpapi-idempotency-key-header-07.

Two requests are the same if these are equal: method, decoded path, query string as it came, user, the headers in
``MEANT`` (those of attachments also in ``MEANT_BY_BYTES``), and the body: inflated if it came gzipped, but that of an
attachment and a multipart one as they came.
"""

from hashlib import sha256
from typing import Final

import msgspec
from multidict import istr

from docstore.database.apply.remembered import ReplyForm
from docstore.database.apply.reply_forms import ConstantForm
from docstore.database.once import AnsweredBefore, Ticket
from docstore.errors import BadRequest, DocstoreError, IdempotencyKeyReused
from docstore.httpd.replies import Reply, stored_reply
from docstore.httpd.request import Request
from docstore.httpd.routing import Handler
from docstore.httpd.wire.body_digest import BodyDigest
from docstore.httpd.wire.multipart import RELATED
from docstore.httpd.wire.streaming import StreamReply
from docstore.httpd.wire.structured_fields import string_or_word
from docstore.httpd.writing.forms import form_of
from docstore.httpd.writing.writes import Answer, Change, Edit
from docstore.storage.remembered_rows import StoredReply

HEADER: Final = istr("Idempotency-Key")
REPLAYED: Final = ("Idempotency-Replayed", "true")
MAX_KEY: Final = 255
MALFORMED: Final = f"An Idempotency-Key is one string in double quotes or one token, of 1 to {MAX_KEY} characters."
MEANT: Final = ("Destination", "If-Match", "If-None-Match")
MEANT_IF_SENT: Final = "If-Unmodified-Since"
MEANT_BY_BYTES: Final = ("Content-Type", "Content-Encoding")


async def answer_once(request: Request, handler: Handler) -> Reply | StreamReply:
    """The reply to a request with a key.

    Raises BadRequest for a malformed key, IdempotencyKeyReused, IdempotencyInFlight, and what the handler raises.
    """
    key = read_key(request.raw.headers.getall(HEADER))
    request.body_digest = BodyDigest()
    request.ticket = ticket = request.node.remembered.ticket(
        request.segments[0], request.user.name or "", key, lambda: fingerprint(request)
    )
    if not _is_streamed(request):
        await request.body()
    replay = await _replay(request, ticket)
    if replay is not None:
        return replay
    try:
        return await _answered(request, ticket, await handler(request))
    except AnsweredBefore as answered:
        return _replayed(request, answered.reply)
    except DocstoreError:
        # The same request may have been carried out meanwhile, and this one be refused for that very reason.
        replay = await _replay(request, ticket)
        if replay is None:
            raise
        return replay


def has_key(request: Request) -> bool:
    """Whether the request is carried out once."""
    return request.ticket is not None


def check_kept_length(request: Request, length: int) -> None:
    """Raises BadRequest if a reply of so many bytes would be too long to be remembered, and is to be."""
    if request.ticket is not None:
        request.ticket.check_length(length)


def refuse_key(request: Request, reason: str) -> None:
    """Raises BadRequest if the request has a key."""
    if request.ticket is not None:
        raise BadRequest(reason)


def read_key(values: list[str]) -> str:
    """The key in the header's lines. Raises BadRequest unless it is one string, quoted or bare."""
    key = string_or_word(values[0]) if len(values) == 1 else None
    if key is None or not 0 < len(key) <= MAX_KEY:
        raise BadRequest(MALFORMED)
    return key


def fingerprint(request: Request) -> bytes:
    """32 bytes that tell requests apart. To be asked for once the body was read."""
    if request.body_digest is None:
        raise ValueError("a request without a key has no fingerprint")
    names = (*MEANT, *MEANT_BY_BYTES) if request.rest else MEANT
    if MEANT_IF_SENT in request.headers:  # so that fingerprints from before it was read are the same as ever
        names = (*names, MEANT_IF_SENT)
    headers = [request.headers.get(name) for name in names]
    words = (request.method, request.user.name, request.query_string, *request.segments)
    said = [None if word is None else word.encode("utf-8", "surrogateescape") for word in (*headers, *words)]
    return sha256(msgspec.msgpack.encode((said, request.body_digest.value()))).digest()


def _is_streamed(request: Request) -> bool:
    """Whether the handler takes the body piece by piece: that of an attachment, or of a document with its parts."""
    return request.method == "PUT" and bool(request.rest or (request.doc_id and request.content_type == RELATED))


async def _answered(request: Request, ticket: Ticket, answer: Answer) -> Reply | StreamReply:
    """The reply to what a handler hands back, as it is remembered; what has failed is not."""
    if isinstance(answer, Edit):
        form: ReplyForm = await form_of(request, answer)
        await answer.work(ticket.once(form))
    elif isinstance(answer, Change):
        form = answer.form()
        result = await answer.work(ticket.once(form))
        if answer.counted is not None:
            await answer.counted(result)
    elif isinstance(answer, Reply) and answer.status < 300:
        ticket.check_length(len(answer.body))
        form = ConstantForm(_stored(answer))
    else:
        return answer
    if ticket.reply is None:  # there was nothing to write
        await ticket.carry_out((), form)
    if ticket.reply is None:
        raise AssertionError("what is carried out once has a reply")
    return stored_reply(ticket.reply)


async def _replay(request: Request, ticket: Ticket) -> Reply | None:
    """The reply that is stored under the key, if there is one. Raises IdempotencyKeyReused for another request's."""
    row = ticket.find()
    if row is None:
        return None
    if request.body_digest is not None and not request.body_digest.whole:
        async for _ in request.stream():
            pass
    if row.fingerprint != fingerprint(request):
        raise IdempotencyKeyReused
    return _replayed(request, row.reply)


def _replayed(request: Request, stored: StoredReply) -> Reply:
    request.node.conflict_stats.replayed(request.segments[0])
    return stored_reply(stored, REPLAYED)


def _stored(reply: Reply) -> StoredReply:
    return StoredReply(reply.status, reply.body, tuple(reply.headers), reply.etag, reply.content_type)
