"""Whether a refused edit is in its document's history already.

Owns that question. A revision's id is a hash of its parent and its content, so the edit itself tells which revision it
would have made: if the tree has that one, the content went through, by this client or by an identical edit of another.
Nobody can tell these two apart. It must not know HTTP, and it is never asked inside ``apply``.

Which revision an edit would have made::

    PUT  _rev 2-b                the child of 2-b
    PUT  If-Match "2-b","2-c"    the child of 2-b, or that of 2-c
    PUT  without a revision      one without a parent (it created the document), or the child of a deleted revision
                                 (it created the document again)

The answer is *yes*, *no* or *unknown*. The tree may have had the revision and have lost it: it was stemmed away, or
purged. Or the edit takes attachments over from a parent whose body was dropped, so nobody knows its content any more.
All of these are *unknown*; *no* is said only where the revision would have to be seen.
"""

import hashlib
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from docstore.core.attachment import (
    Attachment,
    Follows,
    Inline,
    Linked,
    Stub,
    is_compressible,
    missing_stub,
    unpack_attachments,
)
from docstore.core.conditions import rev_etag
from docstore.core.document import Document
from docstore.core.rev import Rev, parse_rev
from docstore.core.revision_hash import attachments_term, hashed_term, new_revision
from docstore.core.revtree import EMPTY, RevTree
from docstore.database.attachments.staging import SMALL_BYTES, WINDOW_BYTES, gzip_compressor
from docstore.database.conflicts.attempts import Attempt, Operation
from docstore.errors import InvalidRev, MissingStub
from docstore.storage.databases import get_state
from docstore.storage.documents.documents import get_body, get_record, get_tree
from docstore.storage.documents.purges import scan_purges
from docstore.storage.rows import body_metadata
from docstore.storage.tables import ReadTransaction

MAX_PURGES: Final = 256
"""Purges that are looked at. Where there were more, any document may have been purged."""

MAX_HASHED: Final = 64 * 1024 * 1024
"""Bytes that are hashed for one question. Only a large document that was deleted many times comes near to it."""


class Applied(StrEnum):
    """Whether an edit is in the tree already."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Verdict(NamedTuple):
    """The answer, with the revision that the edit made if it is yes."""

    applied: Applied
    rev: Rev | None = None


class Parent(NamedTuple):
    """A revision that the edit may have changed, None for none.

    ``attachments`` are those that it takes over, None where nobody knows them any more.
    """

    rev: Rev | None
    attachments: Sequence[Attachment] | None = ()


class Evidence(NamedTuple):
    """What a snapshot shows, for ``judge`` to work on without it.

    ``purged``: whether revisions of the document may have been purged. ``all_parents``: whether ``parents`` are all
    that the edit may have had.
    """

    tree: RevTree
    purged: bool
    parents: Sequence[Parent]
    all_parents: bool = True


Digests = Sequence[tuple[str, str, bytes]]
"""Of attachments in their order: name, content type, md5 of the bytes as stored."""


def gather(txn: ReadTransaction, attempt: Attempt) -> Evidence:
    """Read what the answer needs. Raises DatabaseNotFound."""
    record = get_record(txn, attempt.database, attempt.doc_id)
    tree = EMPTY if record is None else get_tree(txn, attempt.database, record)
    purged = _may_be_purged(txn, attempt)
    document = attempt.document
    if document is None:
        return Evidence(tree, purged, (Parent(attempt.rev, None),))
    named, all_named = _named_parents(document)
    if named is None and attempt.operation in (Operation.DELETE, Operation.DELETE_ATTACHMENT):
        return Evidence(tree, purged, ())  # these never go through without a revision
    if named is None:
        # It creates the document, or creates it again; then there is nothing to take over.
        return Evidence(tree, purged, [Parent(None), *map(Parent, _deleted(tree, document))])
    if not any(isinstance(one, Stub) for one in document.attachments):
        return Evidence(tree, purged, list(map(Parent, named)), all_named)
    parents = [Parent(rev, attachments_of(txn, attempt.database, tree, rev)) for rev in named]
    return Evidence(tree, purged, parents, all_named)


def is_heavy(attempt: Attempt) -> bool:
    """Whether ``judge`` takes so long that it belongs into a thread."""
    document = attempt.document
    if document is None:
        return False
    inline = sum(len(one.data) for one in document.attachments if isinstance(one, Inline))
    return len(document.body) + inline > SMALL_BYTES


def judge(evidence: Evidence, attempt: Attempt) -> Verdict:
    """The answer."""
    tree, document = evidence.tree, attempt.document
    certain = evidence.all_parents and not evidence.purged
    if attempt.operation is Operation.COPY_LATEST:
        certain = False  # the source may have had another content when the same was asked before
    generations = {rev.generation for rev in tree.nodes}
    highest_root = max((rev.generation for rev, node in tree.nodes.items() if node.parent is None), default=0)
    inline: Mapping[str, bytes] | None = None
    term = b""
    hashed = 0
    for parent, stored in evidence.parents:
        generation = 1 if parent is None else parent.generation + 1
        if highest_root > generation:
            certain = False  # what was older than that root was stemmed away, or never told
        if generation not in generations:
            continue
        if document is None or stored is None or hashed > MAX_HASHED:
            certain = False
            continue
        inline = inline_digests(document) if inline is None else inline
        try:
            digests = digests_of(document, inline, stored)
        except MissingStub:
            continue  # such an edit of this parent was refused, then as now
        term = term or hashed_term(document.term, document.body)
        hashed += len(term)
        rev = new_revision(document.deleted, parent, term, attachments_term(digests))
        if rev in tree.nodes:
            return Verdict(Applied.YES, rev)
    return Verdict(Applied.NO if certain else Applied.UNKNOWN)


def attachments_of(txn: ReadTransaction, database: int, tree: RevTree, rev: Rev) -> tuple[Attachment, ...] | None:
    """The attachments of a revision, None if its body is not there."""
    node = tree.nodes.get(rev)
    body = get_body(txn, database, node.seq) if node is not None and node.seq else None
    return None if body is None else unpack_attachments(body_metadata(body))


def inline_digests(document: Document) -> dict[str, bytes]:
    """By name, the md5 of those attachments that stand in the document, as they would be stored."""
    return {one.name: _md5_as_stored(one) for one in document.attachments if isinstance(one, Inline)}


def digests_of(document: Document, inline: Mapping[str, bytes], stored: Sequence[Attachment]) -> Digests:
    """The attachments of the revision that a document makes of a parent with the ``stored`` ones.

    Raises MissingStub for a stub that finds nothing there.
    """
    digests: list[tuple[str, str, bytes]] = []
    for one in document.attachments:
        match one:
            case Inline():
                digests.append((one.name, one.content_type, inline[one.name]))
            case Linked():
                digests.append((one.name, one.attachment.content_type, one.attachment.md5))
            case Stub():  # revpos is no part of a revision's content, and other nodes may have counted otherwise
                found = next((attachment for attachment in stored if attachment.name == one.name), None)
                if found is None:
                    raise missing_stub(document.id, one.name)
                digests.append((one.name, found.content_type, found.md5))
            case Follows():
                raise missing_stub(document.id, one.name)  # its bytes never came
    return digests


# --- steps ------------------------------------------------------------------------------------------------------


def _named_parents(document: Document) -> tuple[list[Rev] | None, bool]:
    """The revisions of which an edit says that it changes one, None if it does not say; and whether these are all."""
    if document.rev is not None:
        return [document.rev], True
    tags = None if document.condition is None else document.condition.match
    if tags is None:
        return None, True
    if isinstance(tags, str):
        return [], False
    revs = [rev for rev in map(_rev_of_tag, tags) if rev is not None]
    return revs, len(revs) == len(tags)


def _rev_of_tag(tag: str) -> Rev | None:
    """The revision that has this tag; None for a tag that is a digest of one, or of something else."""
    try:
        rev = parse_rev(tag)
    except InvalidRev:
        return None
    return rev if rev_etag(rev) == tag else None


def _deleted(tree: RevTree, document: Document) -> list[Rev]:
    """The revisions of which an edit without a parent may have been made the child, newest first.

    Of those known by name only nobody knows whether they are deletions. A deletion is never made of a deletion.
    """
    if document.deleted:
        return []
    return sorted((rev for rev, node in tree.nodes.items() if node.deleted or not node.seq), reverse=True)


def _may_be_purged(txn: ReadTransaction, attempt: Attempt) -> bool:
    """Whether revisions of the document may have been purged: the log says so, or does not go back far enough."""
    count = get_state(txn, attempt.database).purge_seq
    if not count or count > MAX_PURGES:
        return count > 0
    numbers = set()
    for number, info in scan_purges(txn, attempt.database):
        if info.doc_id == attempt.doc_id:
            return True
        numbers.add(number)
    return len(numbers) < count


def _md5_as_stored(inline: Inline) -> bytes:
    """The md5 that staging these bytes would give them (``staging.py``)."""
    md5 = hashlib.md5(usedforsecurity=False)
    if not is_compressible(inline.content_type):
        md5.update(inline.data)
        return md5.digest()
    compressor = gzip_compressor()
    for start in range(0, len(inline.data), WINDOW_BYTES):
        md5.update(compressor.compress(inline.data[start : start + WINDOW_BYTES]))
    md5.update(compressor.flush())
    return md5.digest()
