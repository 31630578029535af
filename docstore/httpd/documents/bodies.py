"""Documents in request bodies: from bytes to what an edit needs, without holding up the event loop.

Owns where that work is done. A small body is read at once. Beyond ``parse_off_loop_from``, and where it is costly,
JSON is read in a thread. The documents of ``_bulk_docs`` are then taken in turns of the loop; large ones, each of
which could take more than a turn, in a thread. It must not know the members of a document.
"""

import asyncio
from collections.abc import Iterator

from docstore.core.conditions import Condition
from docstore.core.document import Document, parse_document
from docstore.core.json_cost import is_for_a_thread
from docstore.core.json_slices import decode_in_slices
from docstore.core.json_text import JsonValue, decode
from docstore.core.partition import check_partitioned_id
from docstore.database.database import Database
from docstore.errors import BadRequest
from docstore.httpd.params.documents import DocumentQuery, with_parent, with_rev
from docstore.httpd.request import Request
from docstore.httpd.wire.bodies import SMALL
from docstore.httpd.wire.memory import BODY, cost_of_json
from docstore.httpd.wire.turns import Turns
from docstore.settings import KIB, Limits

LARGE_DOCUMENT = 8 * KIB
"""From this average on, the documents of one body are parsed in a thread."""


NEEDS_REV = "When `new_edits: false`, the document needs `_rev` or `_revisions` specified"


def as_edit(request: Request, document: Document, query: DocumentQuery) -> Document:
    """``document`` with the parent and the condition of the request.

    Raises as ``with_parent``, and BadRequest for a revision made elsewhere that is not told.
    """
    document = with_parent(request, document, query.options.rev)
    if not query.new_edits and document.rev is None:
        raise BadRequest(NEEDS_REV)
    return document


def as_local(document: Document, query: DocumentQuery, condition: Condition | None) -> Document:
    """``document``, a ``_local`` one, with the revision of the query and this condition. Raises BadRequest."""
    return with_rev(document, query.options.rev)._replace(condition=condition)


async def read_document(request: Request, doc_id: str | None, new_id: str = "") -> Document:
    """The body as a document: of the id ``doc_id``, or with None of the id that stands in it, or else ``new_id``.

    Raises as ``read_members`` and ``parse_document``.
    """
    return await document_of(request, await read_members(request), doc_id, new_id)


async def read_members(request: Request) -> JsonValue:
    """The body as JSON; None if it is so much that ``document_of`` reads it in a thread.

    Raises BadRequest for a request without a body, and what ``decode`` raises.
    """
    request.require_body()
    text = await request.body()
    limits = request.node.settings.limits
    if len(text) > SMALL:
        await request.claim.take(await cost_of_json(text) + BODY * len(text))
    return None if is_for_a_thread(text, limits) else decode(text, max_depth=limits.max_json_depth)


async def document_of(request: Request, members: JsonValue, doc_id: str | None, new_id: str = "") -> Document:
    """The document that the members are which ``read_members`` gave. Raises what ``parse_document`` raises."""
    limits = request.node.settings.limits
    if members is None:
        return await document_from(await request.body(), doc_id, limits, new_id)
    return parse_document(members, doc_id=doc_id, limits=limits, new_id=lambda: new_id)


def check_told_id(database: Database, members: JsonValue) -> None:
    """Raises IllegalDocId if these members tell an id that names no partition, of a document that has to.

    Where the path names the document the member counts for nothing, but CouchDB reads it nevertheless.
    """
    if database.partitioned and isinstance(members, dict) and "_id" in members:
        check_partitioned_id(str(members["_id"]))


async def document_from(text: bytes, doc_id: str | None, limits: Limits, new_id: str = "") -> Document:
    """JSON text as a document; as ``read_document``."""
    if not is_for_a_thread(text, limits):
        members = decode(text, max_depth=limits.max_json_depth)
        return parse_document(members, doc_id=doc_id, limits=limits, new_id=lambda: new_id)
    return await asyncio.to_thread(_read_large, text, doc_id, new_id, limits)


def _read_large(body: bytes, doc_id: str | None, new_id: str, limits: Limits) -> Document:
    members = decode_in_slices(body, max_depth=limits.max_json_depth)
    return parse_document(members, doc_id=doc_id, limits=limits, new_id=lambda: new_id, length=len(body))


async def parse_documents(
    request: Request, rows: list[JsonValue], *, hashed: bool = True, partitioned: bool = False
) -> list[Document]:
    """Every row as a document; those without an id get one. Raises what the first bad one raises.

    ``hashed`` as in ``parse_document``; ``partitioned``: the ids that they have are those of a partitioned database.
    """
    limits = request.node.settings.limits
    body = await request.body()
    new_id = request.node.uuids.next

    def parsed() -> Iterator[Document]:
        for row in rows:
            document = parse_document(row, limits=limits, new_id=new_id, hashed=hashed)
            if partitioned and isinstance(row, dict) and "_id" in row:
                check_partitioned_id(document.id)
            yield document

    if len(body) >= LARGE_DOCUMENT * len(rows) and is_for_a_thread(body, limits):
        nameless = sum(isinstance(row, dict) and "_id" not in row for row in rows)
        new_id = iter(request.node.uuids.take(nameless)).__next__  # ids are made on the loop alone
        return await asyncio.to_thread(list, parsed())
    documents: list[Document] = []
    with Turns() as turns:
        for document in parsed():
            documents.append(document)
            if turns.over():
                await turns.next()
    return documents
