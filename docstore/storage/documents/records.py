"""The record of a document: a fixed head that scans read without unpacking, then its revision tree.

Owns the layout of values in ``docs`` and how an edit grows one. It must not know tables, transactions or bodies;
entries, chunks and whole trees are packed by ``tree_runs.py``, other values by ``rows.py``::

    1   flags: winner deleted 1, branched 2, conflicted 4, whole tree 8, sealed 16, long id 32, odd winner 64,
               stamped 128
    8   seq: the document's place in ``changes``
    8   body_seq: the key of the winner's body, which may have come before or after the edit that seq is from
    4   body_size: bytes of the winner's body value
    4   generation of the winner
    16  id of the winner
    odd winner:  8 generation, 4 length, its id          (generation and id above are zero)
    long id:     2 length, the document's id in UTF-8
    sealed:      8 owner, 4 live
    stamped:     the stamp of the only leaf;   of a whole tree: 4 length, rows of stamps (``stamps.py``)
    whole tree:  ``pack_tree``;   otherwise: 24 bytes for each ancestor in the tail, oldest first

A document of one revision is thus its head alone. ``owner`` names the document's sealed chunks in ``runs``; ``live``
counts the known ancestors, in the tail and in chunks. The first chunk may begin with revisions older than those: they
are stemmed, and leave with the chunk. *Branched*: more than one leaf; *conflicted*: more than one live leaf.
"""

from collections.abc import Sequence
from struct import Struct
from typing import NamedTuple

from docstore.core.authorship import SECOND
from docstore.core.edit import Head
from docstore.core.rev import HASH_BYTES, Rev
from docstore.core.revtree import Node, RevTree
from docstore.storage.documents import stamps, tree_runs
from docstore.storage.documents.stamps import Stamps, stamp_end
from docstore.storage.documents.tree_runs import BLOCK_BITS, ENTRY_BYTES

DELETED = 1
BRANCHED = 2
CONFLICTED = 4
WHOLE = 8
SEALED = 16
LONG_ID = 32
ODD_WINNER = 64
STAMPED = 128

_PLAIN = DELETED | STAMPED
"""The flags of most records: whatever else there is follows the head."""
_NO_STAMPS: Stamps = {}

_HEAD = Struct(">BQQII16s")
_ODD = Struct(">QI")
_LENGTH = Struct(">H")
_ROWS = Struct(">I")
_SEALED = Struct(">QI")
HEAD_BYTES = _HEAD.size

read_head = _HEAD.unpack_from
"""``read_head(value) -> (flags, seq, body_seq, body_size, generation, rev id)``, for scans. With ``ODD_WINNER`` among
the flags the last two are zero: take ``winner_of(value)``."""


_new = tuple.__new__


class DocRecord(NamedTuple):
    """One document's record in memory. ``extend`` and ``from_tree`` make new ones.

    ``long_id`` is the id in UTF-8 if it is a long one, else empty. ``whole`` is the packed tree if it is no chain.
    ``stamp`` is that of the only leaf, or the rows of a whole tree; empty where nobody knows.
    """

    winner: Rev
    deleted: bool
    seq: int
    body_seq: int
    body_size: int
    branched: bool = False
    conflicted: bool = False
    long_id: bytes = b""
    owner: int = 0
    live: int = 0
    tail: bytes = b""
    whole: bytes = b""
    stamp: bytes = b""

    def head(self) -> Head:
        """What the edit rule decides by."""
        length = tree_runs.linear_length(self.whole) if self.whole else self.live + 1
        return Head(self.winner, self.deleted, self.seq, self.body_seq, not self.branched, length)

    @property
    def blocks(self) -> range:
        """The blocks of the sealed chunks that hold ancestors, oldest first."""
        if not self.owner:
            return range(0)
        generation = self.winner.generation
        return range(generation - self.live >> BLOCK_BITS, generation - len(self.tail) // ENTRY_BYTES >> BLOCK_BITS)

    def tree(self, chunks: Sequence[bytes] = ()) -> RevTree:
        """The whole revision tree. ``chunks`` are the sealed chunks of ``blocks``, all of them in that order."""
        if self.whole:
            return tree_runs.unpack_tree(self.whole)
        entries = b"".join(chunks) + self.tail
        entries = entries[len(entries) - self.live * ENTRY_BYTES :]
        nodes = dict(tree_runs.chain_nodes(entries, self.winner.generation - self.live))
        parent = next(reversed(nodes)) if nodes else None
        nodes[self.winner] = Node(parent, self.body_seq, self.deleted)
        return RevTree(nodes)

    def stored_seqs(self, chunks: Sequence[bytes] = ()) -> list[int]:
        """The keys of all bodies that belong to this record: of its tree, and of stemmed revisions still in a chunk."""
        if self.whole:
            return [node.seq for node in tree_runs.unpack_tree(self.whole).nodes.values() if node.seq]
        return [*tree_runs.entry_seqs(b"".join(chunks) + self.tail), self.body_seq]

    def stamps(self) -> Stamps:
        """The stamps of leaves, as ``stamps.py`` has them."""
        if not self.stamp:
            return _NO_STAMPS
        return stamps.unpack_rows(self.stamp) if self.whole else {self.body_seq: self.stamp}

    @property
    def date(self) -> int | None:
        """Of when the document is as it is, in seconds since 1970; None where nobody knows for certain.

        With several leaves nobody does: which one is shown may change with others.
        """
        if self.branched or not self.stamp:
            return None
        stamp = self.stamps().get(self.body_seq) if self.whole else self.stamp
        return None if stamp is None else stamps.date_at(stamp, 0)

    def can_extend(self, rev: Rev) -> bool:
        """Whether ``extend`` takes this revision: the tree is a chain and would stay one."""
        return not self.whole and not tree_runs.is_odd(rev) and rev.generation == self.winner.generation + 1


def lengthen(
    record: DocRecord, rev: Rev, seq: int, deleted: bool, body_size: int, revs_limit: int, stamp: bytes
) -> DocRecord | None:
    """As ``extend`` where the growth asks nothing of the tables, as mostly; None where it does."""
    live = record.live + 1
    if record.owner or live > tree_runs.TAIL_MAX or live >= revs_limit:
        return None
    if record.stamp:
        stamp = stamps.following(stamp, record.stamp)
    tail = record.tail + tree_runs.pack_entry(record.winner.id, record.body_seq, record.deleted)
    values = (rev, deleted, seq, seq, body_size, False, False, record.long_id, 0, live, tail, b"", stamp)
    return _new(DocRecord, values)


class Extension(NamedTuple):
    """A record grown by one revision, and what its growth asks of the tables.

    ``sealed``: (block, chunk) to write under the record's owner. ``dropped``: seqs of bodies whose revisions are
    stemmed. ``dropped_blocks``: chunks under ``dropped_owner`` to remove, with the bodies of their entries.
    """

    record: DocRecord
    sealed: list[tuple[int, bytes]]
    dropped: list[int]
    dropped_owner: int
    dropped_blocks: range


def extend(
    record: DocRecord, rev: Rev, seq: int, deleted: bool, body_size: int, revs_limit: int, stamp: bytes = b""
) -> Extension:
    """Make ``rev`` the child of the only leaf and stem to ``revs_limit``: neither the tree nor a chunk is unpacked.

    Needs ``record.can_extend(rev)``. ``seq`` is the edit's own, of the row in ``changes`` and of the body.
    """
    tail = record.tail + tree_runs.pack_entry(record.winner.id, record.body_seq, record.deleted)
    live = min(record.live + 1, max(revs_limit, 1) - 1)
    owner = record.owner
    dropped: list[int] = []
    dropped_blocks = range(0)
    if owner:
        old = record.blocks
        if live <= len(tail) // ENTRY_BYTES:
            owner = 0
            dropped_blocks = old
        else:
            dropped_blocks = range(old.start, rev.generation - live >> BLOCK_BITS)
    if not owner and live * ENTRY_BYTES < len(tail):
        cut = len(tail) - live * ENTRY_BYTES
        dropped = tree_runs.entry_seqs(tail[:cut])
        tail = tail[cut:]
    sealed, tail = tree_runs.seal(tail, rev.generation)
    if sealed and not owner:
        owner = seq
    if record.stamp:
        stamp = stamps.following(stamp, record.stamp)
    grown = DocRecord(rev, deleted, seq, seq, body_size, False, False, record.long_id, owner, live, tail, b"", stamp)
    return Extension(grown, sealed, dropped, record.owner, dropped_blocks)


def from_tree(
    tree: RevTree, seq: int, body_size: int, *, long_id: bytes = b"", owner: int = 0, stamped: Stamps = _NO_STAMPS
) -> tuple[DocRecord, list[tuple[int, bytes]]]:
    """The record of a whole (already stemmed) tree, and the chunks (block, chunk) that belong to it.

    ``body_size`` is that of the winner's body value. ``owner`` is that of the record before, if it had chunks: those
    that come out equal need no new write. ``stamped`` are its stamps. Raises IndexError for a tree without leaves.
    """
    leaves = tree.leaves()
    winner = leaves[0]
    _, body_seq, deleted = tree.nodes[winner]
    branched = len(leaves) > 1
    conflicted = branched and not tree.nodes[leaves[1]].deleted
    chain = tree_runs.pack_chain(tree)
    if chain is None:
        whole = tree_runs.pack_tree(tree)
        rows = stamps.pack_rows(stamped) if stamped else b""
        record = DocRecord(
            winner, deleted, seq, body_seq, body_size, branched, conflicted, long_id, whole=whole, stamp=rows
        )
        return record, []
    chunks, tail = tree_runs.seal(chain, winner.generation)
    used_owner = (owner or seq) if chunks else 0
    live = len(chain) // ENTRY_BYTES
    stamp = stamped.get(body_seq, b"")
    record = DocRecord(
        winner, deleted, seq, body_seq, body_size, False, False, long_id, used_owner, live, tail, b"", stamp
    )
    return record, chunks


def first(rev: Rev, deleted: bool, seq: int, size: int, long_id: bytes, stamp: bytes = b"") -> DocRecord:
    """The record of a document with one revision, whose body has ``size`` bytes."""
    return _new(DocRecord, (rev, deleted, seq, seq, size, False, False, long_id, 0, 0, b"", b"", stamp))


def encode_record(record: DocRecord) -> bytes:
    """The value in ``docs``."""
    winner, deleted, seq, body_seq, body_size, branched, conflicted, long_id, owner, _, tail, whole, stamp = record
    generation, rev_id = winner
    odd = tree_runs.is_odd(winner)
    if not (odd or whole or owner or long_id):  # as nearly all
        flags = deleted | STAMPED if stamp else deleted
        return _HEAD.pack(flags, seq, body_seq, body_size, generation, rev_id) + stamp + tail
    flags = deleted | branched << 1 | conflicted << 2
    middle = b""
    if odd:
        flags |= ODD_WINNER
        middle = _ODD.pack(generation, len(rev_id)) + rev_id
        generation, rev_id = 0, b""
    if long_id:
        flags |= LONG_ID
        middle += _LENGTH.pack(len(long_id)) + long_id
    if owner:
        flags |= SEALED
        middle += _SEALED.pack(owner, record.live)
    if stamp:
        flags |= STAMPED
        middle += _ROWS.pack(len(stamp)) + stamp if whole else stamp
    if whole:
        flags |= WHOLE
        middle += whole
    return _HEAD.pack(flags, seq, body_seq, body_size, generation, rev_id) + middle + tail


def record_bytes(record: DocRecord) -> int:
    """The length of ``encode_record(record)``."""
    length = HEAD_BYTES + len(record.tail) + len(record.whole) + len(record.stamp)
    if record.stamp and record.whole:
        length += _ROWS.size
    if record.owner:
        length += _SEALED.size
    if record.long_id:
        length += _LENGTH.size + len(record.long_id)
    if tree_runs.is_odd(record.winner):
        length += _ODD.size + len(record.winner.id)
    return length


def decode_record(value: bytes) -> DocRecord:
    """The record of a value in ``docs``."""
    flags, seq, body_seq, body_size, generation, rev_id = _HEAD.unpack_from(value)
    winner = _new(Rev, (generation, rev_id))
    deleted = flags & DELETED == DELETED
    stamp = b""
    if flags & _PLAIN == flags:  # most are; the class's own way to make a tuple takes twice as long
        start = HEAD_BYTES
        if flags & STAMPED:
            start += _LENGTH.size + _LENGTH.unpack_from(value, start)[0]  # as stamp_end
            stamp = value[HEAD_BYTES:start]
        tail = value[start:]
        live = len(tail) // ENTRY_BYTES
        values = (winner, deleted, seq, body_seq, body_size, False, False, b"", 0, live, tail, b"", stamp)
        return _new(DocRecord, values)
    tail = value[HEAD_BYTES:]
    long_id, owner, live, whole = b"", 0, 0, b""
    if flags & ODD_WINNER:
        winner, tail = _take_odd_winner(tail)
    if flags & LONG_ID:
        end = _LENGTH.size + _LENGTH.unpack_from(tail)[0]
        long_id, tail = tail[_LENGTH.size : end], tail[end:]
    if flags & SEALED:
        owner, live = _SEALED.unpack_from(tail)
        tail = tail[_SEALED.size :]
    if flags & STAMPED:
        start, end = (_ROWS.size, _ROWS.size + _ROWS.unpack_from(tail)[0]) if flags & WHOLE else (0, stamp_end(tail, 0))
        stamp, tail = tail[start:end], tail[end:]
    if flags & WHOLE:
        whole, tail = tail, b""
    elif not owner:
        live = len(tail) // ENTRY_BYTES
    branched, conflicted = flags & BRANCHED == BRANCHED, flags & CONFLICTED == CONFLICTED
    return DocRecord(
        winner, deleted, seq, body_seq, body_size, branched, conflicted, long_id, owner, live, tail, whole, stamp
    )


def head_of(value: bytes) -> Head:
    """What the edit rule decides by, of a value in ``docs``; as ``decode_record(value).head()``."""
    flags, seq, body_seq, _, generation, rev_id = _HEAD.unpack_from(value)
    if flags & (_PLAIN | SEALED) != flags:
        return decode_record(value).head()
    if flags & SEALED:
        length = _SEALED.unpack_from(value, HEAD_BYTES)[1] + 1
    else:
        start = HEAD_BYTES
        if flags & STAMPED:
            start += _LENGTH.size + _LENGTH.unpack_from(value, start)[0]  # as stamp_end
        length = (len(value) - start) // ENTRY_BYTES + 1
    head: Head = _new(Head, (_new(Rev, (generation, rev_id)), flags & DELETED == DELETED, seq, body_seq, True, length))
    return head


def has_ancestor(value: bytes, rev: Rev) -> bool | None:
    """Whether a value in ``docs`` has this revision below its winner; None where the value alone does not tell."""
    flags, _, _, _, generation, _ = _HEAD.unpack_from(value)
    if flags & _PLAIN != flags:
        return None
    start = HEAD_BYTES
    if flags & STAMPED:
        start += _LENGTH.size + _LENGTH.unpack_from(value, start)[0]  # as stamp_end
    place: int = len(value) - (generation - rev.generation) * ENTRY_BYTES
    return start <= place < len(value) and value[place : place + HASH_BYTES] == rev.id


def date_of(value: bytes) -> int | None:
    """The date of a value in ``docs``, as ``DocRecord.date``."""
    flags = value[0]
    if not flags & STAMPED:
        return None
    if flags & _PLAIN != flags:
        return decode_record(value).date
    packed: int = stamps.read_head(value, HEAD_BYTES)[1]  # as stamps.date_at
    return None if packed & 1 else packed // (2 * SECOND)


def winner_of(value: bytes) -> Rev:
    """The winning revision of a value in ``docs``."""
    flags, _, _, _, generation, rev_id = _HEAD.unpack_from(value)
    return _take_odd_winner(value[HEAD_BYTES:])[0] if flags & ODD_WINNER else Rev(generation, rev_id)


def winner_text(value: bytes) -> str:
    """The winning revision's text of a value in ``docs``: what ``_rev`` says."""
    flags, _, _, _, generation, rev_id = _HEAD.unpack_from(value)
    if flags & ODD_WINNER:
        return str(_take_odd_winner(value[HEAD_BYTES:])[0])
    return f"{generation}-{rev_id.hex()}"


def id_of_long(value: bytes) -> bytes:
    """The document id (UTF-8) that the record of a long id carries."""
    at = HEAD_BYTES
    if value[0] & ODD_WINNER:
        at += _ODD.size + _ODD.unpack_from(value, at)[1]
    start = at + _LENGTH.size
    return value[start : start + _LENGTH.unpack_from(value, at)[0]]


def _take_odd_winner(rest: bytes) -> tuple[Rev, bytes]:
    generation, length = _ODD.unpack_from(rest)
    end = _ODD.size + length
    return Rev(generation, rest[_ODD.size : end]), rest[end:]
