"""The documents of a database as functions of design documents see them, in the order of their sequence numbers.

Owns what an index is told: which documents changed since a sequence, as JSON text, and which are gone. It must not know
indexes. A batch is read on one snapshot, in the thread that calls this. Follows ``couch_index_updater``: documents come
with ``_conflicts`` and ``_deleted_conflicts``, and on demand with ``_local_seq``; those that were purged are looked at
as those that changed.
"""

from dataclasses import dataclass
from itertools import islice
from typing import Final, NamedTuple

from docstore.core.document import DESIGN_PREFIX
from docstore.core.rev import parse_rev
from docstore.database.reading.all_docs import DESIGN_END
from docstore.database.reading.document_text import stub_text
from docstore.database.reading.documents import conflict_members
from docstore.settings import MIB
from docstore.storage.databases import get_state
from docstore.storage.documents.documents import get_bodies, get_records, get_tree
from docstore.storage.documents.purges import scan_purges, tells_all_after
from docstore.storage.documents.records import DocRecord
from docstore.storage.documents.scans import scan_changes, scan_documents
from docstore.storage.engine.environment import Environment
from docstore.storage.rows import change_id
from docstore.storage.tables import ReadTransaction

BATCH_DOCUMENTS: Final = 1_000
BATCH_BYTES: Final = 1 * MIB
PURGES_AT_ONCE: Final = 1_000


@dataclass(frozen=True, slots=True)
class FeedOptions:
    """``local_seq``: with ``_local_seq``; ``include_design``: design documents too."""

    local_seq: bool = False
    include_design: bool = False


class FeedEnd(NamedTuple):
    """How far a database goes: its update sequence, and the number of its last purge."""

    update_seq: int
    purge_seq: int


class FeedBatch(NamedTuple):
    """What changed: documents that there are, with their texts, and ids of those that are gone.

    ``seq``, ``purge_seq``  how far this batch goes;  ``update_seq``  how far the database goes
    ``reset``  the log of purges does not go back far enough: what was made of the documents before is to be dropped
    """

    ids: list[str]
    texts: list[bytes]
    gone: list[str]
    seq: int
    purge_seq: int
    update_seq: int
    reset: bool = False

    @property
    def done(self) -> bool:
        """Whether nothing is left."""
        return self.seq >= self.update_seq

    @property
    def end(self) -> FeedEnd:
        """How far an index goes that has followed this batch."""
        return FeedEnd(self.seq, self.purge_seq)


def feed_end(environment: Environment, database: int) -> FeedEnd:
    """How far a database goes now. Raises DatabaseNotFound."""
    with environment.snapshot() as txn:
        return end_in(txn, database)


def end_in(txn: ReadTransaction, database: int) -> FeedEnd:
    """The same in a snapshot that is open."""
    state = get_state(txn, database)
    return FeedEnd(state.update_seq, state.purge_seq)


def design_texts(txn: ReadTransaction, database: int) -> list[bytes]:
    """The design documents of a database. Raises DatabaseNotFound."""
    get_state(txn, database)
    found = list(scan_documents(txn, database, start=DESIGN_PREFIX, end=DESIGN_END))
    bodies = get_bodies(txn, database, [body_seq for *_, body_seq in found])
    return [
        stub_text(doc_id, parse_rev(rev), False, bodies[body_seq])
        for doc_id, rev, _, body_seq in found
        if body_seq in bodies
    ]


def read_feed(
    environment: Environment,
    database: int,
    after: int,
    purged_after: int,
    options: FeedOptions,
    *,
    documents: int = BATCH_DOCUMENTS,
) -> FeedBatch:
    """The documents whose last change is behind ``after``, a batch of them. Raises DatabaseNotFound."""
    with environment.snapshot() as txn:
        state = get_state(txn, database)
        if not tells_all_after(txn, database, state, purged_after):
            return FeedBatch([], [], [], 0, state.purge_seq, state.update_seq, reset=True)
        purge_seq, purged = _purged(txn, database, purged_after, state.purge_seq)
        if purged:
            records = get_records(txn, database, purged)
            batch = _texts(txn, database, [(one, records.get(one)) for one in purged], options)
            return FeedBatch(*batch, after, purge_seq, state.update_seq)
        rows = list(islice(scan_changes(txn, database, after=after), documents))
        ids = [change_id(value) for _, value in rows]
        seq = rows[-1][0] if len(rows) == documents else state.update_seq
        records = get_records(txn, database, ids)
        found = [(one, records.get(one)) for one in ids]
        kept: list[tuple[str, DocRecord | None]] = []
        size = 0
        for one, record in found:
            size += record.body_size if record is not None else 0
            kept.append((one, record))
            if size > BATCH_BYTES and record is not None and len(kept) < len(found):
                seq = record.seq
                break
        return FeedBatch(*_texts(txn, database, kept, options), seq, purge_seq, state.update_seq)


def _purged(txn: ReadTransaction, database: int, after: int, purge_seq: int) -> tuple[int, list[str]]:
    """The documents of some purges, and how far these go."""
    ids: dict[str, None] = {}
    number = after
    if after >= purge_seq:
        return purge_seq, []
    for number, info in scan_purges(txn, database, after):
        ids[info.doc_id] = None
        if len(ids) >= PURGES_AT_ONCE:
            return number, list(ids)
    return purge_seq, list(ids)


def _texts(
    txn: ReadTransaction, database: int, found: list[tuple[str, DocRecord | None]], options: FeedOptions
) -> tuple[list[str], list[bytes], list[str]]:
    ids: list[str] = []
    texts: list[bytes] = []
    gone: list[str] = []
    bodies = get_bodies(txn, database, [one.body_seq for _, one in found if one is not None and not one.deleted])
    for doc_id, record in found:
        if doc_id.startswith(DESIGN_PREFIX) and not options.include_design:
            continue
        body = bodies.get(record.body_seq) if record is not None and not record.deleted else None
        if record is None or body is None:
            gone.append(doc_id)
            continue
        ids.append(doc_id)
        extra: list[bytes] = []
        if record.branched:
            extra += conflict_members(get_tree(txn, database, record), conflicts=True, deleted_conflicts=True)
        if options.local_seq:
            extra.append(b'"_local_seq":%d' % record.seq)
        texts.append(stub_text(doc_id, record.winner, False, body, extra))
    return ids, texts, gone
