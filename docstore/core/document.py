"""Documents: from JSON members to what an edit needs, and back to text without reading the body again.

Owns which members beginning with an underscore mean something, what a document id may be, and the order of members in
a document's text. It must not know revision trees, storage or requests. The rules and words are those of CouchDB's
``couch_doc`` (``from_json_obj``, ``validate_docid``, ``to_json_obj``).
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from docstore.core.attachment import AttachmentSpec, parse_attachments
from docstore.core.conditions import Condition
from docstore.core.json_cost import has_more_characters
from docstore.core.json_text import JsonValue, encode, encode_string
from docstore.core.rev import HASH_BYTES, MAX_GENERATION, Rev, id_from_text, parse_rev
from docstore.core.revision_hash import REPLICATION_MEMBERS, encode_term, has_lost_sign, new_revision, without_special
from docstore.errors import BadRequest, DocumentTooLarge, DocValidation, IllegalDocId, InvalidRev
from docstore.settings import Limits

DESIGN_PREFIX: Final = "_design/"
LOCAL_PREFIX: Final = "_local/"

EMPTY_BODY: Final = b"{}"

NEEDS_REV: Final = "When `new_edits: false`, the document needs `_rev` or `_revisions` specified"
"""The body of a revision without members, as a DELETE writes it."""

_new = tuple.__new__

MADE_AGAIN: Final = 16 * 1024
"""Bytes of a body whose term need not be kept: to make it again takes a tenth of a millisecond."""

_READ_ONLY = frozenset({"_revs_info", "_local_seq", "_conflicts", "_deleted_conflicts"})


class Foreseen(NamedTuple):
    """The revision that an edit without attachments makes, if ``parent`` is the revision that it changes."""

    parent: Rev | None
    rev: Rev


class Document(NamedTuple):
    """One revision as a client sent it.

    ``rev`` is the revision that the document names: an edit's parent, or with new_edits=false the revision itself. It
    is the first of ``path``, which goes on with its ancestors, newest first, as far as ``_revisions`` tells them.
    ``body`` is the compact JSON text of the members that are stored and hashed, ``term`` their external term.
    ``attachments`` stand in the order in which they are hashed. ``condition`` is what the request states beside.
    ``foreseen`` saves the writer a hash, where it was computed before. Then ``term`` is empty if it can be made again
    (``hashed_term``).
    """

    id: str
    rev: Rev | None
    deleted: bool
    body: bytes
    term: bytes
    path: tuple[Rev, ...] = ()
    attachments: tuple[AttachmentSpec, ...] = ()
    condition: Condition | None = None
    foreseen: Foreseen | None = None


def parse_document(
    members: JsonValue,
    *,
    doc_id: str | None = None,
    limits: Limits,
    new_id: Callable[[], str] | None = None,
    hashed: bool = True,
    foresee: bool = False,
    length: int = 0,
) -> Document:
    """The document that decoded JSON describes. ``hashed`` False leaves out its ``term``: a revision that is there.

    ``foresee``: the revision that it makes is computed at once. ``length`` of the text that it was decoded from, if
    that may be more than is printed in vain.

    ``doc_id``, from a request's path, goes before ``_id`` (which must be valid nevertheless); ``new_id`` makes the id
    of a document that has neither. Raises BadRequest for what is no object, IllegalDocId, DocValidation for members
    that no document may have, InvalidRev, DocumentTooLarge, and what ``parse_attachments`` raises.
    """
    if not isinstance(members, dict):
        raise BadRequest("Document must be a JSON object")
    special = [name for name in members if name[:1] == "_"]
    draft = _read_special(members, special, limits) if special else _NOTHING_SPECIAL
    body = without_special(members, special) if special else members
    if doc_id is not None:
        validate_doc_id(doc_id, limits)
    elif draft.id is not None:
        doc_id = draft.id
    else:
        doc_id = validate_doc_id("" if new_id is None else new_id(), limits)
    most = limits.max_document_size
    if length > most and has_more_characters(body, most):
        raise DocumentTooLarge(doc_id)
    text = encode(body)
    if len(text) > most:
        raise DocumentTooLarge(doc_id)
    attachments: tuple[AttachmentSpec, ...] = ()
    if draft.attachments:
        attachments = parse_attachments(draft.attachments, limits)
        if doc_id.startswith(LOCAL_PREFIX):  # CouchDB looks at those of a ``_local`` document, and drops them
            attachments = ()
    path = draft.path
    term = encode_term(body) if hashed else b""
    rev = path[0] if path else None
    foreseen = None
    if foresee and term and not attachments and (rev is None or rev.generation < MAX_GENERATION):
        foreseen = _new(Foreseen, (rev, new_revision(draft.deleted, rev, term)))
        if len(text) <= MADE_AGAIN and not has_lost_sign(text):
            term = b""
    values = (doc_id, rev, draft.deleted, text, term, path, attachments, None, foreseen)
    return _new(Document, values)  # as a call of the class is, in half of its time


class _Draft(NamedTuple):
    """What the underscore members of a document say."""

    id: str | None
    deleted: bool
    path: tuple[Rev, ...]
    attachments: dict[str, JsonValue] | None


_NOTHING_SPECIAL = _Draft(None, False, (), None)


def _read_special(members: dict[str, JsonValue], names: list[str], limits: Limits) -> _Draft:
    """The underscore members, in the order sent: the first fault is the one reported, as in CouchDB."""
    doc_id: str | None = None
    deleted = False
    path: tuple[Rev, ...] = ()
    attachments: dict[str, JsonValue] | None = None
    for name in names:
        value = members[name]
        if name == "_id":
            doc_id = validate_doc_id(value, limits)
        elif name == "_rev":
            if not path:  # after ``_revisions`` it is not even looked at
                path = (parse_rev(value),)
        elif name == "_revisions" and isinstance(value, dict):
            path = _parse_revisions(value)
        elif name == "_deleted" and isinstance(value, bool):
            deleted = value
        elif name == "_attachments" and isinstance(value, dict):
            attachments = value
        elif name not in _READ_ONLY and name not in REPLICATION_MEMBERS:
            raise DocValidation(f"Bad special document member: {name}")
    return _new(_Draft, (doc_id, deleted, path, attachments))


def _parse_revisions(value: dict[str, JsonValue]) -> tuple[Rev, ...]:
    """The path that ``{"start": generation, "ids": [newest, ...]}`` describes. Raises DocValidation.

    Ids beyond generation 1 name nothing and are left out; the first of generation 0 is that of a ``_local`` document.
    """
    start, ids = value.get("start"), value.get("ids")
    if not isinstance(start, int) or isinstance(start, bool):
        raise DocValidation("_revisions.start isn't an integer.")
    if not isinstance(ids, list):
        raise DocValidation("_revisions.ids isn't a array.")
    if start > MAX_GENERATION:
        raise DocValidation("_revisions.start is too large.")
    rev_ids = [_parse_rev_id(text) for text in ids]
    if start < 0 and rev_ids:
        raise DocValidation("_revisions.start is negative.")
    if start == 0:
        return tuple([Rev(0, rev_id) for rev_id in rev_ids[:1]])
    return tuple(map(Rev, range(start, 0, -1), rev_ids))


def _parse_rev_id(text: JsonValue) -> bytes:
    if not isinstance(text, str):
        raise DocValidation("RevId isn't a string")
    try:
        return id_from_text(text)
    except InvalidRev:
        raise DocValidation("RevId isn't a valid hexadecimal") from None


def validate_doc_id(doc_id: object, limits: Limits) -> str:
    """The id itself, if a document may have it; ``max_doc_id`` counts bytes of UTF-8. Raises IllegalDocId."""
    if not isinstance(doc_id, str):
        raise IllegalDocId("Document id must be a string")
    if not doc_id.isascii() or len(doc_id) > limits.max_doc_id:
        try:
            size = len(doc_id.encode())
        except UnicodeEncodeError:
            raise IllegalDocId("Document id must be valid UTF-8") from None
        if size > limits.max_doc_id:
            raise IllegalDocId("Document id is too long")
    check_words(doc_id)
    return doc_id


def check_words(doc_id: str) -> None:
    """Raises IllegalDocId for a text that no id can be, or that cannot stand behind a partition."""
    if not doc_id:
        raise IllegalDocId("Document id must not be empty")
    if doc_id[0] == "_":
        if doc_id in (DESIGN_PREFIX, LOCAL_PREFIX):
            raise IllegalDocId(f"Illegal document id `{doc_id}`")
        if not doc_id.startswith((DESIGN_PREFIX, LOCAL_PREFIX)):
            raise IllegalDocId


def revisions_member(path: Sequence[Rev]) -> bytes:
    """The text of the member ``"_revisions":{...}`` of a revision with this path, newest first."""
    ids = b",".join([encode_string(each.id_text) for each in path])
    return b'"_revisions":{"start":%d,"ids":[%b]}' % (path[0].generation, ids)


def quote_id(doc_id: str) -> bytes:
    """The JSON text of a document id, quotes included."""
    return encode_string(doc_id)


def splice(doc_id: str, rev: Rev, deleted: bool, body: bytes, extra: bytes | Sequence[bytes] = b"") -> bytes:
    """The text of a document: ``{"_id":...,"_rev":...,BODY,"_deleted":true,EXTRA}``, without reading the body.

    ``extra`` are texts of further members, such as ``b'"_local_seq":5'``, in CouchDB's order: ``_revisions``,
    ``_revs_info``, ``_conflicts``, ``_deleted_conflicts``, ``_local_seq``, ``_attachments``.
    """
    if not deleted and not extra and len(rev.id) == HASH_BYTES and body != EMPTY_BODY:
        return b'{"_id":%b,"_rev":"%d-%b",' % (encode_string(doc_id), rev.generation, rev.id.hex().encode()) + body[1:]
    parts = [b'{"_id":', encode_string(doc_id), b',"_rev":', encode_string(str(rev))]
    if body != EMPTY_BODY:
        parts += (b",", body[1:-1])
    if deleted:
        parts.append(b',"_deleted":true')
    if extra:
        parts += (b",", extra if isinstance(extra, bytes) else b",".join(extra))
    parts.append(b"}")
    return b"".join(parts)
