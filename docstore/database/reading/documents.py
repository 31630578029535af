"""Reading documents: the winner, one revision, several revisions.

Owns what a reader may ask (``OpenOptions``), what is returned, and the members that a reader may have added to a
document. It must not know HTTP. The plain read of a winner is the fast path: two LMDB gets and a splice, nothing is
parsed. Follows ``couch_db:open_doc``, ``couch_db:open_doc_revs`` and ``chttpd_db:parse_doc_query``.
"""

from collections.abc import AsyncGenerator, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal, NamedTuple, TypeAlias

from docstore.core.document import LOCAL_PREFIX, revisions_member
from docstore.core.json_text import encode_string
from docstore.core.rev import Rev
from docstore.core.revtree import EMPTY, RevTree
from docstore.database.attachments.blob_reader import OpenedAttachment
from docstore.database.reading import local_docs
from docstore.database.reading.at_once import check_tree
from docstore.database.reading.document_text import (
    STUBS,
    AttachmentView,
    DocumentText,
    OpenBlob,
    Piece,
    document_text,
    newest_generation,
    stream_text,
    stub_text,
)
from docstore.database.slices import SLICE_BYTES, SliceClock
from docstore.errors import DocumentDeleted, NotFound
from docstore.storage.databases import get_state
from docstore.storage.documents.documents import bodies_present, get_body, get_record, get_record_value, get_tree
from docstore.storage.documents.records import DELETED, ODD_WINNER, DocRecord, date_of, read_head, winner_of
from docstore.storage.tables import ReadTransaction


@dataclass(frozen=True, slots=True)
class OpenOptions:
    """What a reader wants of a document.

    ``rev``      this revision instead of the winner; then ``revs_info``, ``conflicts``, ``deleted_conflicts`` and
                 ``local_seq`` are not given, as in CouchDB
    ``latest``   in ``open_doc``: the winner, whatever ``rev`` says; in ``open_revs``: the leaves that descend from each
    ``deleted``  a deleted winner is returned instead of refused
    ``attachments``  their bytes, in base64; ``atts_since`` (not None)  the bytes of those attachments that are newer
                 than what the reader has, which are these revisions
    ``follows``  the bytes not in place, but to be sent as parts
    ``att_encoding_info``  how attachments are stored
    """

    rev: Rev | None = None
    revs: bool = False
    revs_info: bool = False
    conflicts: bool = False
    deleted_conflicts: bool = False
    local_seq: bool = False
    latest: bool = False
    deleted: bool = False
    attachments: bool = False
    follows: bool = False
    atts_since: tuple[Rev, ...] | None = None
    att_encoding_info: bool = False

    @property
    def shows_more_than_stubs(self) -> bool:
        """Whether it matters to the text of a document that it has attachments."""
        return self.attachments or self.att_encoding_info or self.atts_since is not None


PLAIN = OpenOptions()

Revs: TypeAlias = Literal["all"] | Sequence[Rev]
"""Which revisions: all leaves, or these."""

_new = tuple.__new__


class OpenedDoc(NamedTuple):
    """One revision of a document. ``json`` is its whole JSON text, ``seq`` the document's update sequence.

    ``meta``: something that can change without the revision stands beside it, such as ``_conflicts``; then ``rev``
    does not identify the text.
    ``rest``: what follows ``json``, if there are bytes of attachments in it that are too large to be read at once.
    ``follows``: the attachments that are to be sent as parts, in order; ``attached``: whether there are attachments,
    even if all are stubs. Both of these are told only to who asks for more than stubs.
    ``date``: since when the text is as it is, in seconds since 1970, where that is known for certain.
    """

    rev: Rev
    deleted: bool
    json: bytes
    seq: int
    meta: bool = False
    rest: tuple[Piece, ...] = ()
    follows: tuple[OpenedAttachment, ...] = ()
    attached: bool = False
    date: int | None = None

    @property
    def streams(self) -> bool:
        """Whether there are bytes that are still to be read."""
        return bool(self.rest or self.follows)

    async def stream(self) -> AsyncGenerator[bytes]:
        """The whole text, ``json`` and ``rest``."""
        yield self.json
        async for piece in stream_text(self.rest):
            yield piece


class MissingRev(NamedTuple):
    """A revision that was asked for and is not there."""

    rev: Rev


def open_plain(txn: ReadTransaction, db: int, doc_id: str) -> OpenedDoc:
    """The winner. Raises NotFound, DocumentDeleted."""
    value = get_record_value(txn, db, doc_id)
    if value is None:
        return _open_absent(txn, db, doc_id, PLAIN)
    flags, seq, body_seq, _, generation, rev_id = read_head(value)
    if flags & DELETED:
        raise DocumentDeleted
    rev = winner_of(value) if flags & ODD_WINNER else _new(Rev, (generation, rev_id))
    text = stub_text(doc_id, rev, False, _body(txn, db, body_seq))
    # the class's own way to make a tuple takes twice as long
    opened: OpenedDoc = _new(OpenedDoc, (rev, False, text, seq, False, (), (), False, date_of(value)))
    return opened


def open_with_options(
    txn: ReadTransaction, db: int, doc_id: str, options: OpenOptions, open_blob: OpenBlob, *, at_once: bool = False
) -> OpenedDoc:
    """A revision with the members asked for. Raises NotFound, DocumentDeleted; TooMuchAtOnce if so asked."""
    record = get_record(txn, db, doc_id)
    if record is None:
        return _open_absent(txn, db, doc_id, options)
    if at_once and options is not PLAIN:
        check_tree(record)
    if options.rev is not None and not options.latest:
        tree = get_tree(txn, db, record)
        limit = get_state(txn, db).revs_limit if options.revs else None
        found = _open_revision(txn, db, doc_id, record, tree, options.rev, limit, options, open_blob)
        if found is None:
            raise NotFound
        return found._replace(date=record.date) if options.rev == record.winner else found
    if record.deleted and not options.deleted:
        raise DocumentDeleted
    extra = _extra_members(txn, db, record, options)
    winner, value = record.winner, _body(txn, db, record.body_seq)
    meta = len(extra) > options.revs
    date = None if meta else record.date
    if not options.shows_more_than_stubs:
        return OpenedDoc(
            winner, record.deleted, stub_text(doc_id, winner, record.deleted, value, extra), record.seq, meta, date=date
        )
    tree = get_tree(txn, db, record) if options.atts_since else EMPTY
    text = document_text(txn, doc_id, winner, record.deleted, value, extra, _view(options, tree, winner), open_blob)
    return OpenedDoc(winner, record.deleted, text.json, record.seq, meta, *text[1:], date=date)


class FoundTree(NamedTuple):
    """A document's record and its whole tree."""

    record: DocRecord
    tree: RevTree


def find_tree(txn: ReadTransaction, db: int, doc_id: str, *, at_once: bool = False) -> FoundTree | None:
    """A document's tree, None where there is no document. Raises TooMuchAtOnce if so asked."""
    record = get_record(txn, db, doc_id)
    if record is None:
        return None
    if at_once:
        check_tree(record)
    return FoundTree(record, get_tree(txn, db, record))


def open_revs(
    txn: ReadTransaction, db: int, doc_id: str, revs: Revs, options: OpenOptions, open_blob: OpenBlob
) -> list[OpenedDoc | MissingRev]:
    """Several revisions at once. Options count as in ``open_wanted``. Raises NotFound for "all" of no document.

    In portions they are read by ``bulk_reading.read_revs``.
    """
    wanted = find_revs(txn, db, doc_id, revs, latest=options.latest)
    if wanted is None:
        if isinstance(revs, str):
            get_state(txn, db)  # a database that is gone says so
            raise NotFound
        return all_missing(revs)
    limit = get_state(txn, db).revs_limit if options.revs else None
    result: list[OpenedDoc | MissingRev] = []
    while len(result) < len(wanted.revs):
        result += open_wanted(txn, db, doc_id, wanted, len(result), limit, options, open_blob)
    return missing_last(result)


class WantedRevs(NamedTuple):
    """What is to be opened of a document, by ``open_wanted``."""

    found: FoundTree
    revs: tuple[Rev | MissingRev, ...]


def find_revs(
    txn: ReadTransaction, db: int, doc_id: str, revs: Revs, *, latest: bool, at_once: bool = False
) -> WantedRevs | None:
    """The revisions of a document that were asked for, None where there is no document.

    With ``latest`` a revision stands for the leaves that descend from it, each leaf once. Raises TooMuchAtOnce.
    """
    found = find_tree(txn, db, doc_id, at_once=at_once)
    return None if found is None else WantedRevs(found, wanted_revs(found.tree, revs, latest=latest))


def open_wanted(
    txn: ReadTransaction,
    db: int,
    doc_id: str,
    wanted: WantedRevs,
    start: int,
    limit: int | None,
    options: OpenOptions,
    open_blob: OpenBlob,
) -> list[OpenedDoc | MissingRev]:
    """The revisions from ``start`` on, one at least, until a slice is full.

    Of the options ``revs`` and those of attachments count; ``limit`` is how many ``_revisions`` are shown. Bodies that
    are dropped since the tree was read are missing.
    """
    record, tree = wanted.found
    result: list[OpenedDoc | MissingRev] = []
    size = 0
    clock = SliceClock()
    for rev in islice(wanted.revs, start, None):
        if isinstance(rev, MissingRev):
            result.append(rev)
        else:
            opened = _open_revision(txn, db, doc_id, record, tree, rev, limit, options, open_blob)
            result.append(opened or MissingRev(rev))
            size += 0 if opened is None else len(opened.json)
        if size > SLICE_BYTES or clock.over:
            break
    return result


def wanted_revs(tree: RevTree, revs: Revs, *, latest: bool) -> tuple[Rev | MissingRev, ...]:
    """The revisions that are to be opened, and those that the tree does not have (of which some have no body).

    Each comes once, in the order of ``Rev``, and those that were never written come last (``fabric_doc_open_revs``).
    """
    wanted: Iterable[Rev]
    if isinstance(revs, str):
        wanted = tree.leaves()
    elif latest:
        wanted = {leaf for rev in revs for leaf in (tree.latest(rev) if rev in tree.nodes else (rev,))}
    else:
        wanted = set(revs)
    ordered = sorted(wanted)
    written = [rev for rev in ordered if rev in tree.nodes and tree.nodes[rev].seq]
    return (*written, *(MissingRev(rev) for rev in sorted(set(ordered).difference(written))))


def missing_last(found: Iterable[OpenedDoc | MissingRev]) -> list[OpenedDoc | MissingRev]:
    """The same revisions, and behind them those whose body turned out to be gone."""
    entries = list(found)
    opened: list[OpenedDoc | MissingRev] = [entry for entry in entries if isinstance(entry, OpenedDoc)]
    return opened + all_missing(entry.rev for entry in entries if isinstance(entry, MissingRev))


def all_missing(revs: Iterable[Rev]) -> list[OpenedDoc | MissingRev]:
    """Revisions of which none is there, as ``open_revs`` tells of them."""
    return [MissingRev(rev) for rev in sorted(set(revs))]


def _open_absent(txn: ReadTransaction, db: int, doc_id: str, options: OpenOptions) -> OpenedDoc:
    """What is no document may be a ``_local`` one, of which no revision can be asked for. Raises NotFound."""
    if doc_id.startswith(LOCAL_PREFIX) and options.rev is None:
        rev, text = local_docs.read(txn, db, doc_id, revs=options.revs)
        return OpenedDoc(rev, False, text, 0)
    get_state(txn, db)  # a database that is gone says so
    raise NotFound


def _open_revision(
    txn: ReadTransaction,
    db: int,
    doc_id: str,
    record: DocRecord,
    tree: RevTree,
    rev: Rev,
    limit: int | None,
    options: OpenOptions,
    open_blob: OpenBlob,
) -> OpenedDoc | None:
    """A revision of which there is a body, with ``limit`` revisions in ``_revisions`` or without it."""
    node = tree.nodes.get(rev)
    value = get_body(txn, db, node.seq) if node is not None and node.seq else None
    if node is None or value is None:
        return None
    extra = [] if limit is None else [_revisions(tree, rev, limit)]
    if options.shows_more_than_stubs:
        text = document_text(txn, doc_id, rev, node.deleted, value, extra, _view(options, tree, rev), open_blob)
    else:
        text = DocumentText(stub_text(doc_id, rev, node.deleted, value, extra))
    return OpenedDoc(rev, node.deleted, text.json, record.seq, False, *text[1:])


def _view(options: OpenOptions, tree: RevTree, rev: Rev) -> AttachmentView:
    """What the options say about the attachments of a revision; the tree is looked at for ``atts_since``."""
    if not options.shows_more_than_stubs:
        return STUBS
    since = options.atts_since
    return AttachmentView(
        data=options.attachments or since is not None,
        follows=options.follows,
        reader_has=-1 if since is None else newest_generation(tree.path_to(rev), since) if since else 0,
        encoding_info=options.att_encoding_info,
    )


def _body(txn: ReadTransaction, db: int, seq: int) -> bytes:
    """The value in ``bodies``."""
    value = get_body(txn, db, seq)
    if value is None:
        raise NotFound
    return value


# --- members that a reader asks for -----------------------------------------------------------------------------


def conflict_members(tree: RevTree, *, conflicts: bool, deleted_conflicts: bool) -> list[bytes]:
    """``_conflicts`` and ``_deleted_conflicts`` as JSON members; one that would be empty is left out."""
    members = []
    if conflicts and (live := tree.conflicts()):
        members.append(b'"_conflicts":[%b]' % b",".join(map(_quoted, live)))
    if deleted_conflicts and (gone := tree.deleted_conflicts()):
        members.append(b'"_deleted_conflicts":[%b]' % b",".join(map(_quoted, gone)))
    return members


def conflict_members_of(txn: ReadTransaction, db: int, doc_id: str, *, at_once: bool = False) -> list[bytes]:
    """``_conflicts`` of a document, if it has any. Raises TooMuchAtOnce if so asked."""
    record = get_record(txn, db, doc_id)
    if record is None or not record.conflicted:
        return []
    if at_once:
        check_tree(record)
    return conflict_members(get_tree(txn, db, record), conflicts=True, deleted_conflicts=False)


def _extra_members(txn: ReadTransaction, db: int, record: DocRecord, options: OpenOptions) -> list[bytes]:
    """The members asked for beside a winner, in CouchDB's order."""
    members: list[bytes] = []
    wants_conflicts = record.branched and (options.conflicts or options.deleted_conflicts)
    if options.revs or options.revs_info or wants_conflicts:
        tree = get_tree(txn, db, record)
        if options.revs:
            members.append(_revisions(tree, record.winner, get_state(txn, db).revs_limit))
        if options.revs_info:
            members.append(_revs_info(txn, db, tree, record.winner))
        members += conflict_members(tree, conflicts=options.conflicts, deleted_conflicts=options.deleted_conflicts)
    if options.local_seq:
        members.append(b'"_local_seq":%d' % record.seq)
    return members


def _revisions(tree: RevTree, rev: Rev, limit: int) -> bytes:
    return revisions_member(tree.path_to(rev, limit))


def _revs_info(txn: ReadTransaction, db: int, tree: RevTree, rev: Rev) -> bytes:
    path = tree.path_to(rev)
    present = bodies_present(txn, db, [tree.nodes[each].seq for each in path if tree.nodes[each].seq])
    rows = tree.revs_info(rev, present.__contains__)
    return b'"_revs_info":[%b]' % b",".join(
        b'{"rev":%b,"status":"%b"}' % (_quoted(each), status.encode()) for each, status in rows
    )


def _quoted(rev: Rev) -> bytes:
    return encode_string(str(rev))
