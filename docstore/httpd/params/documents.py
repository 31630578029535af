"""What a request about one document asks: query string and headers, read once.

Owns the parameters of GET, PUT, DELETE and COPY of a document and of ``_bulk_get``, the Destination header, and which
of ``rev`` and ``_rev`` counts. Follows ``chttpd_db:parse_doc_query``, ``couch_doc_from_req`` and
``chttpd_util:parse_copy_destination_header``: a flag is set by the very word ``true``, anything else leaves it as it
was, and parameters that nobody knows are ignored.
"""

from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import unquote_to_bytes

from aiohttp import hdrs

from docstore.core.document import Document
from docstore.core.json_text import JsonValue
from docstore.core.rev import Rev, parse_rev
from docstore.database.reading.documents import PLAIN, OpenOptions
from docstore.errors import BadRequest, IllegalDocId
from docstore.httpd.params.conditions import chosen_parent, with_date
from docstore.httpd.params.values import parse_json
from docstore.httpd.request import Request
from docstore.httpd.wire.accept import accepts
from docstore.httpd.wire.multipart import RELATED
from docstore.httpd.wire.turns import Turns

REVS_DIFFER = "Document rev from request body and query string have different values"
NOT_IN_BULK = ("open_revs", "new_edits", "w", "rev", "atts_since")
READING = ("GET", "HEAD")
META = ("revs_info", "conflicts", "deleted_conflicts")
FLAGS = frozenset((*META, "revs", "local_seq", "latest", "deleted", "attachments", "att_encoding_info"))


@dataclass(frozen=True, slots=True)
class DocumentQuery:
    """The query string of a request about a document.

    ``options``    how the document is read; ``options.rev`` is the ``rev`` parameter
    ``open_revs``  several revisions instead of one document; None for one
    ``new_edits``  False for a revision made elsewhere (PUT)
    ``batch``      answer before the write (PUT, POST)
    """

    options: OpenOptions = PLAIN
    open_revs: Literal["all"] | tuple[Rev, ...] | None = None
    new_edits: bool = True
    batch: bool = False


PLAIN_QUERY = DocumentQuery()


def document_query(request: Request) -> DocumentQuery:
    """The query string of a request about a document. Raises InvalidRev, InvalidJson, BadRequest.

    Of a repeated parameter the last value counts, but of ``batch``, and of ``rev`` in a write, the first.
    """
    if not request.query_string:
        return PLAIN_QUERY
    flags: set[str] = set()
    rev: Rev | None = None
    atts_since: tuple[Rev, ...] | None = None
    open_revs: Literal["all"] | tuple[Rev, ...] | None = None
    new_edits = True
    for name, value in request.query_list:
        if value == "true" and name in FLAGS:
            flags.add(name)
        elif value == "true" and name == "meta":
            flags.update(META)
        elif name == "rev":
            told = parse_rev(value)
            rev = told if rev is None or request.method in READING else rev
        elif name == "open_revs":
            open_revs = "all" if value == "all" else parse_revs(parse_json(value)) or None
        elif name == "atts_since":
            atts_since = parse_revs(parse_json(value))
        elif name == "new_edits" and value in ("true", "false"):
            new_edits = value == "true"
    batch = "batch" in request.query_string and request.query.get("batch") == "ok"
    return DocumentQuery(_options(rev, atts_since, flags), open_revs, new_edits, batch)


def with_parts(request: Request, options: OpenOptions) -> OpenOptions:
    """``options`` with the bytes of attachments as parts, if bytes are wanted and the client takes multipart."""
    wanted = options.attachments or options.atts_since is not None
    if not wanted or not accepts(request.headers.get("Accept"), RELATED):
        return options
    return replace(options, follows=True, att_encoding_info=True)


def bulk_get_options(request: Request) -> OpenOptions:
    """How ``_bulk_get`` reads each document. Raises BadRequest for what belongs to single documents."""
    for name, _ in request.query_list:
        if name in NOT_IN_BULK:
            raise BadRequest(f'"{name}" query parameter is not acceptable')
    return document_query(request).options


def parse_revs(value: JsonValue) -> tuple[Rev, ...]:
    """A list of revisions. Raises BadRequest for anything but a list, InvalidRev for what is no revision in it."""
    if not isinstance(value, list):
        raise BadRequest("Invalid list of revisions")
    return tuple(parse_rev(rev) for rev in value)


async def parse_many_revs(value: JsonValue, turns: Turns) -> tuple[Rev, ...]:
    """As ``parse_revs``, in turns of the event loop: for lists that may be as long as a body."""
    if not isinstance(value, list):
        raise BadRequest("Invalid list of revisions")
    revs: list[Rev] = []
    for rev in value:
        revs.append(parse_rev(rev))
        if turns.over():
            await turns.next()
    return tuple(revs)


def with_parent(request: Request, document: Document, rev: Rev | None) -> Document:
    """``document`` as the edit of the revision that its body, the ``rev`` parameter or If-Match names.

    The condition that the request states comes with it. Raises BadRequest if they name different ones, InvalidRev.
    """
    document = with_rev(document, rev)
    parent, condition = chosen_parent(request, document.rev)
    if hdrs.IF_UNMODIFIED_SINCE in request.raw.headers:
        condition = with_date(request, condition)
    document = with_rev(document, parent)
    return document if condition is None else document._replace(condition=condition)


def with_rev(document: Document, rev: Rev | None) -> Document:
    """``document`` as the edit of the revision that its body or the ``rev`` parameter names. Raises BadRequest."""
    if rev is None or rev == document.rev:
        return document
    if document.rev is not None:
        raise BadRequest(REVS_DIFFER)
    return document._replace(rev=rev, path=(rev,))


def copy_destination(request: Request) -> tuple[str, Rev | None]:
    """The id that COPY writes to, and the revision it replaces there. Raises BadRequest, InvalidRev."""
    destination = request.headers.get("Destination")
    if destination is None:
        raise BadRequest("Destination header is mandatory for COPY.")
    if destination.startswith(("http://", "https://")):
        raise BadRequest("Destination URL must be relative.")
    path, asked, query = destination.partition("?")
    if not asked:
        return _decode(path), None
    _, equals, value = query.partition("=")
    if not equals:
        raise BadRequest("Destination header must be an id, or an id followed by ?rev=REV.")
    return _decode(path), parse_rev(value)


def _decode(path: str) -> str:
    """A percent-encoded id of the Destination header, read as CouchDB reads paths (``+`` is a space)."""
    try:
        return unquote_to_bytes(path.replace("+", " ").encode("utf-8", "surrogateescape")).decode()
    except UnicodeError:
        raise IllegalDocId("Document id must be valid UTF-8") from None


def _options(rev: Rev | None, atts_since: tuple[Rev, ...] | None, flags: set[str]) -> OpenOptions:
    if rev is None and atts_since is None and not flags:
        return PLAIN
    return OpenOptions(
        rev=rev,
        revs="revs" in flags,
        revs_info="revs_info" in flags,
        conflicts="conflicts" in flags,
        deleted_conflicts="deleted_conflicts" in flags,
        local_seq="local_seq" in flags,
        latest="latest" in flags,
        deleted="deleted" in flags,
        attachments="attachments" in flags,
        atts_since=atts_since,
        att_encoding_info="att_encoding_info" in flags,
    )
