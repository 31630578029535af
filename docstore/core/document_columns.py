"""Documents as plain data, column by column: what a worker makes of their text, and documents made of that.

Owns the form in which parsed documents go from one process to another. Reading, checking, printing and hashing are done
on the far side; on the near side some values are put together for each document, and nothing is read. Of attachments
those travel that stand in the documents, decoded, and stubs. It must not know processes.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import repeat
from typing import Any, Final, TypeAlias, cast

from docstore.core.attachment import AttachmentSpec, Inline, Stub
from docstore.core.document import Document, Foreseen, parse_document, validate_doc_id
from docstore.core.json_slices import decode_in_slices
from docstore.core.json_text import JsonValue, decode
from docstore.core.rev import Rev
from docstore.errors import DocstoreError
from docstore.settings import Limits

_new = tuple.__new__

Columns: TypeAlias = list[list[Any]]
"""Ids (None where the near side makes one), bodies, terms, hashes of foreseen revisions, deleted or not, paths (None or
a generation and the ids from there downwards).

Then attachments, nothing at all if no document has some: of each document the name, the type (None: a stub) and the
``revpos`` (None: a stub without) of each; and the bytes of all but stubs."""

READ: Final = "docstore.core.document_columns:read"
"""The name of ``read``, for a worker."""

MOST: Final = 4_000
"""Documents whose columns are unpacked in about a millisecond."""

MOST_ATTACHED: Final = 1_000
"""Attachments of which that is true."""

AT_ONCE: Final = 200
"""Documents, and attachments, that are put together in a few tenths of a millisecond."""

MOST_TOLD: Final = 1 << 63
"""Larger numbers do not travel."""

_NO_ID: Final = "".join(("no", "id"))
"""Stands for the id of a document that has none: this very object, of which no document's text makes another."""


def plain_limits(limits: Limits) -> dict[str, Any]:
    """Limits as plain data, for ``read``."""
    return asdict(limits)


def read(text: bytes, limits: Mapping[str, Any], hashed: bool) -> Columns | None:
    """The columns of the documents that stand in a text, with commas between them.

    None for what is to be read where its errors can be told in their order, or does not travel; and for more than
    ``MOST``, or ``MOST_ATTACHED``, since what comes of them is taken over at once. ``hashed`` as in ``parse_document``.
    """
    try:
        checked = Limits(**limits)
        rows = _rows(text, checked, decode)
        return columns_of(list(_parsed(rows, checked, hashed))) if len(rows) <= MOST else None
    except DocstoreError:
        return None


def documents_in(text: bytes, limits: Limits, *, hashed: bool, sliced: bool = False) -> Iterator[Document]:
    """The documents that stand in a text, with commas between them; ``name_all`` gives ids to those without.

    ``sliced``: read it in slices. Raises what ``parse_document`` raises.
    """
    return _parsed(_rows(text, limits, decode_in_slices if sliced else decode), limits, hashed)


def _rows(text: bytes, limits: Limits, reader: Callable[..., JsonValue]) -> list[JsonValue]:
    return cast("list[JsonValue]", reader(b"[%b]" % text, max_depth=limits.max_json_depth - 1))


def _parsed(rows: list[JsonValue], limits: Limits, hashed: bool) -> Iterator[Document]:
    for row in rows:
        yield parse_document(row, limits=limits, new_id=lambda: _NO_ID, hashed=hashed, foresee=hashed)


def name_all(documents: list[Document], limits: Limits, new_id: Callable[[], str]) -> None:
    """Give ids to the documents that have none, in their order."""
    for place, document in enumerate(documents):
        if document.id is _NO_ID:
            documents[place] = document._replace(id=validate_doc_id(new_id(), limits))


def columns_of(documents: Sequence[Document]) -> Columns | None:
    """The columns of documents; None if there are attachments that do not travel, or very many."""
    attached: list[list[tuple[str, str | None, int | None]]] = []
    data: list[bytes] = []
    attachments = sum(len(one.attachments) for one in documents)
    if attachments > MOST_ATTACHED:
        return None
    if attachments:
        for one in documents:
            told = _told(one.attachments, data)
            if told is None:
                return None
            attached.append(told)
    return [
        [None if one.id is _NO_ID else one.id for one in documents],
        [one.body for one in documents],
        [one.term for one in documents],
        [None if one.foreseen is None else one.foreseen.rev.id for one in documents],
        [one.deleted for one in documents],
        [[one.path[0].generation, *[rev.id for rev in one.path]] if one.path else None for one in documents],
        attached,
        data,
    ]


def _told(attachments: Sequence[AttachmentSpec], data: list[bytes]) -> list[tuple[str, str | None, int | None]] | None:
    """What is told of a document's attachments, their bytes put to ``data``; None if that is not enough."""
    told: list[tuple[str, str | None, int | None]] = []
    for one in attachments:
        if isinstance(one, Inline):
            told.append((one.name, one.content_type, one.revpos))
            data.append(one.data)
        elif isinstance(one, Stub) and not one.has_revpos:
            told.append((one.name, None, None))
        elif isinstance(one, Stub) and type(one.revpos) is int and 0 <= one.revpos < MOST_TOLD:
            told.append((one.name, None, one.revpos))
        else:
            return None
    return told


def _attached(columns: Columns) -> Iterator[tuple[AttachmentSpec, ...]]:
    """The attachments of each document."""
    attached, data = columns
    left = iter(data)
    for told in attached:
        yield tuple(
            Stub(name, revpos, revpos is not None)
            if content_type is None
            else Inline(name, content_type, next(left), revpos)
            for name, content_type, revpos in told
        )


def documents_of(columns: Columns) -> Iterator[list[Document]]:
    """The documents, some at a time; ``name_all`` gives ids to those without."""
    plain, attached = columns[:-2], columns[-2:]
    attachments = _attached(attached) if attached[0] else repeat(())
    documents = []
    length = 0
    for doc_id, body, term, foreseen, deleted, told in zip(*plain, strict=True):
        path: tuple[Rev, ...] = ()
        rev = None
        generation = 0
        if told is not None:
            generation, *ids = told
            path = tuple(map(Rev, range(generation, generation - len(ids), -1), ids))
            rev = path[0]
        child = None if foreseen is None else Foreseen(rev, _new(Rev, (generation + 1, foreseen)))
        name = _NO_ID if doc_id is None else doc_id
        with_it = next(attachments)
        documents.append(_new(Document, (name, rev, deleted, body, term, path, with_it, None, child)))
        length += 1 + len(with_it)
        if length >= AT_ONCE:
            yield documents
            documents = []
            length = 0
    yield documents
