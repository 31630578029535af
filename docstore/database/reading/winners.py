"""The winners of many documents at a time, by id and in order, and their texts.

Owns the reading of documents for queries, which look at many to show a few: records and bodies come in one call each,
and a text is made only of what is shown. It must not know what is looked for. Deleted documents are not there.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final, NamedTuple

from docstore.core.document import EMPTY_BODY, quote_id
from docstore.core.revision_hash import REPLICATION_MEMBERS
from docstore.database.reading.document_text import stub_text
from docstore.database.reading.documents import conflict_members
from docstore.storage import keys
from docstore.storage.databases import get_state
from docstore.storage.documents import long_ids, records
from docstore.storage.documents.documents import get_bodies, get_record, get_record_value, get_tree
from docstore.storage.documents.records import CONFLICTED, DELETED, LONG_ID, ODD_WINNER, read_head
from docstore.storage.engine.transactions import Snapshot
from docstore.storage.rows import WITH_METADATA
from docstore.storage.tables import ReadTransaction

_DESIGN: Final = b"_design/"
_NOT_PLAIN: Final = DELETED | LONG_ID | ODD_WINNER
AT_ONCE: Final = 256
"""Records in conflict that are looked up in one call."""


class Winner(NamedTuple):
    """One document as its record has it.

    ``doc_id`` in UTF-8;  ``seq`` of its last change;  ``body_seq``, ``body_size``  where its body is, how many bytes
    ``record``  as stored
    """

    doc_id: bytes
    seq: int
    body_seq: int
    body_size: int
    record: bytes

    @property
    def conflicted(self) -> bool:
        """Whether it has more than one live leaf."""
        return self.record[0] & CONFLICTED == CONFLICTED

    @property
    def is_design(self) -> bool:
        """Whether it is a design document."""
        return self.doc_id.startswith(_DESIGN)


class IdRange(NamedTuple):
    """Ids in the order of their bytes: from ``start`` on and before or up to ``end``; None for an end without bound."""

    start: bytes | None = None
    with_start: bool = True
    end: bytes | None = None
    with_end: bool = True


def find_winners(txn: ReadTransaction, db: int, doc_ids: Sequence[bytes]) -> list[Winner | None]:
    """The documents of these ids (UTF-8), in this order; None for those that are not there.

    Raises DatabaseNotFound where some are not, since the database is gone.
    """
    prefix = keys.prefix(db)
    wanted = [prefix + one for one in doc_ids if not keys.is_long_id(one)]
    found: dict[bytes, bytes] = dict(txn.getmulti(txn.tables.docs, wanted))
    winners: list[Winner | None] = []
    for doc_id in doc_ids:
        value = found.get(prefix + doc_id)
        if value is None and keys.is_long_id(doc_id):
            value = get_record_value(txn, db, doc_id.decode())
        if value is None:
            winners.append(None)
            continue
        flags, seq, body_seq, body_size, _, _ = read_head(value)
        winners.append(None if flags & DELETED else Winner(doc_id, seq, body_seq, body_size, value))
    if None in winners:
        get_state(txn, db)
    return winners


def scan_winners(
    txn: ReadTransaction, db: int, ids: IdRange, *, descending: bool = False, conflicted: bool = False
) -> Iterator[Winner]:
    """The documents of a range. ``conflicted``: those in conflict, and no other is looked at.

    A generator over one transaction: take some, close it, go on behind the last id in another one.
    """
    first = keys.prefix(db) if ids.start is None else _bound(txn, db, ids.start, after=not ids.with_start)
    last = keys.prefix_end(db) if ids.end is None else _bound(txn, db, ids.end, after=ids.with_end)
    if first >= last:
        return
    if conflicted:
        rows = _conflicted_rows(txn, first, last, descending)
    else:
        rows = long_ids.scan(txn, txn.tables.docs, first, last, descending=descending)
    cut = keys.PREFIX_BYTES
    for key, value in rows:
        flags, seq, body_seq, body_size, _, _ = read_head(value)
        if flags & DELETED:
            continue
        doc_id = records.id_of_long(value) if flags & LONG_ID else key[cut:]
        yield Winner(doc_id, seq, body_seq, body_size, value)


def _conflicted_rows(
    txn: ReadTransaction, first: bytes, last: bytes, descending: bool
) -> Iterator[tuple[bytes, bytes]]:
    # A document has the same key in both tables.
    found = long_ids.scan(txn, txn.tables.conflicts, first, last, descending=descending)
    while chunk := [key for key, _ in islice(found, AT_ONCE)]:
        yield from txn.getmulti(txn.tables.docs, chunk)


def _bound(txn: ReadTransaction, db: int, doc_id: bytes, *, after: bool) -> bytes:
    return long_ids.bound(txn, txn.tables.docs, db, doc_id, records.id_of_long, after=after)


def bodies_of(txn: ReadTransaction, db: int, winners: Iterable[Winner]) -> dict[int, bytes]:
    """The values in ``bodies`` of some documents, by ``body_seq``."""
    return get_bodies(txn, db, [one.body_seq for one in winners])


def plain_texts(txn: Snapshot, db: int, quoted_ids: Sequence[bytes], seq: int, at_most: int) -> list[bytes] | None:
    """The texts of some documents, by their ids as JSON, quotes included; attachments as stubs.

    None where one of them needs a closer look: it is not there, or is deleted, was changed behind ``seq``, has an id or
    a revision of an unusual kind, attachments or no members, or the bodies have more than ``at_most`` bytes.
    """
    prefix = keys.prefix(db)
    wanted = [prefix + quoted[1:-1] for quoted in quoted_ids]
    if max(map(len, wanted), default=0) >= keys.PREFIX_BYTES + keys.LONG_ID_FROM or b"\\" in b"".join(quoted_ids):
        return None
    get, docs, bodies = txn.raw_get, txn.tables.docs, txn.tables.bodies  # quicker than getmulti without an order
    values = [value for one in wanted if (value := get(one, None, docs)) is not None]
    heads = list(map(read_head, values))
    if len(heads) < len(wanted) or sum([head[3] for head in heads]) > at_most:
        return None
    texts: list[bytes] = []
    for quoted, (flags, last, body_seq, _, generation, rev_id) in zip(quoted_ids, heads, strict=True):
        body = get(keys.pack_seq_key(db, body_seq), None, bodies)
        if flags & _NOT_PLAIN or last > seq or body is None or body[0] == WITH_METADATA or body == EMPTY_BODY:
            return None
        texts.append(b'{"_id":%b,"_rev":"%d-%b",%b' % (quoted, generation, rev_id.hex().encode(), body[1:]))
    return texts


def winner_text(winner: Winner, body: bytes) -> bytes:
    """The text of a document, attachments as stubs."""
    value = winner.record
    flags, _, _, _, generation, rev_id = read_head(value)
    if flags & ODD_WINNER or body[0] == WITH_METADATA or body == EMPTY_BODY:
        return stub_text(winner.doc_id.decode(), records.winner_of(value), False, body)
    quoted = quote_id(winner.doc_id.decode())
    return b'{"_id":%b,"_rev":"%d-%b",%b' % (quoted, generation, rev_id.hex().encode(), body[1:])


def winner_text_with_conflicts(txn: ReadTransaction, db: int, winner: Winner, body: bytes) -> bytes:
    """The same with ``_conflicts``, if there are any."""
    doc_id = winner.doc_id.decode()
    record = get_record(txn, db, doc_id) if winner.conflicted else None
    if record is None:
        return winner_text(winner, body)
    extra = conflict_members(get_tree(txn, db, record), conflicts=True, deleted_conflicts=False)
    return stub_text(doc_id, records.winner_of(winner.record), False, body, extra)


def is_in_body(member: str) -> bool:
    """Whether a member of a document stands in its body, and is not made when the text is."""
    return member[:1] != "_" or member in REPLICATION_MEMBERS
