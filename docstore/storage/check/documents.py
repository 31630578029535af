"""The consistency check of documents: each record, with its row of changes, its leaves' bodies and its chunks.

Owns the walk over ``docs``, and what it gathers for the checks that follow (``Recount``). A document must agree with
itself (record, tree, flags), with its row in ``changes``, with its key, and every leaf must have its body.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from docstore.core.revtree import RevTree
from docstore.storage import keys, rows
from docstore.storage.documents import counted, documents, records, stamps, tree_runs
from docstore.storage.documents.records import DocRecord
from docstore.storage.keys import pack_seq_key
from docstore.storage.tables import ReadTransaction


class SeqSet:
    """A set of sequence numbers up to a known one, a bit for each, in pages for the stretches that have some."""

    __slots__ = ("_pages", "highest")

    _PAGE_BITS = 15

    def __init__(self, highest: int) -> None:
        self.highest = highest
        self._pages: dict[int, bytearray] = {}

    def add(self, seq: int) -> bool:
        """Add a number; False if it was there, or is beyond the highest."""
        if seq > self.highest or self.has(seq):
            return False
        page = self._pages.setdefault(seq >> self._PAGE_BITS, bytearray(1 << self._PAGE_BITS - 3))
        page[seq >> 3 & len(page) - 1] |= 1 << (seq & 7)
        return True

    def has(self, seq: int) -> bool:
        """Whether a number was added."""
        page = self._pages.get(seq >> self._PAGE_BITS)
        return page is not None and bool(page[seq >> 3 & len(page) - 1] >> (seq & 7) & 1)


@dataclass
class Recount:
    """What the walk over the documents of one database has found.

    ``body_seqs``, ``leaf_seqs``  keys of bodies that revisions, that leaves refer to; ``document_seqs``  of changes
    ``chunks``  keys of the runs' chunks; ``conflicts``  key -> live leaves; ``blocks``  key -> (live, all)
    ``external``  bytes of live leaves' bodies; ``superseded``  bytes of rows of other bodies, filled in later
    """

    update_seq: int
    live: int = 0
    deleted: int = 0
    conflicted: int = 0
    external: int = 0
    superseded: int = 0
    chunks: set[bytes] = field(default_factory=set)
    conflicts: dict[bytes, int] = field(default_factory=dict)
    blocks: dict[bytes, tuple[int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make the sets of sequence numbers."""
        self.body_seqs = SeqSet(self.update_seq)
        self.leaf_seqs = SeqSet(self.update_seq)
        self.document_seqs = SeqSet(self.update_seq)


def check_documents(txn: ReadTransaction, db: int, recount: Recount) -> Iterator[str]:
    """Walk all documents of a database, and fill ``recount``."""
    first, end = keys.prefix(db), keys.prefix_end(db)
    block, previous = first, b""
    with txn.cursor(txn.tables.docs) as cursor:
        if not cursor.set_range(first):
            return
        for key, value in cursor.iternext():
            if key >= end:
                break
            doc_id = records.id_of_long(value) if value[0] & records.LONG_ID else key[keys.PREFIX_BYTES :]
            if counted.begins_block(doc_id):
                block = key
            live, total = recount.blocks.get(block, (0, 0))
            recount.blocks[block] = (live + (not value[0] & records.DELETED), total + 1)
            label = f"document {doc_id.decode(errors='replace')!r}"
            try:
                for finding in _check_document(txn, db, key, value, recount):
                    yield f"{label}: {finding}"
            except (ValueError, LookupError, struct.error) as error:
                yield f"{label}: its record cannot be read ({error!r})"
            if doc_id <= previous:
                yield f"{label}: is out of order, behind {previous.decode(errors='replace')!r}"
            previous = doc_id


def _check_document(txn: ReadTransaction, db: int, key: bytes, value: bytes, recount: Recount) -> Iterator[str]:
    record = records.decode_record(value)
    long_id = record.long_id
    doc_id = long_id or key[keys.PREFIX_BYTES :]
    if keys.is_long_id(doc_id) != bool(long_id) or (long_id and not key.startswith(keys.group_key(db, long_id))):
        yield "is stored under a key of another id"
    if record.deleted:
        recount.deleted += 1
    else:
        recount.live += 1
    blocks = record.blocks
    ends = [keys.pack_run_key(db, record.owner, block) for block in {*blocks[:1], *blocks[-1:]}]
    if len(txn.getmulti(txn.tables.runs, ends)) < len(ends):
        yield f"lacks chunks of its run {record.owner}"
        return
    wanted = [keys.pack_run_key(db, record.owner, block) for block in blocks]
    chunks = [chunk for _, chunk in txn.getmulti(txn.tables.runs, wanted)]
    problem = _problem_of_chunks(record, chunks, wanted, recount)
    if problem:
        yield problem
        return
    if records.encode_record(record) != value:
        yield "its record is not what would be written"
    tree = record.tree(chunks)
    if not tree.leaves():
        yield "its tree has no leaf"
        return
    yield from _check_tree(record, tree)
    yield from _check_stamps(record, tree)
    yield from _check_change(txn, db, doc_id.decode(), record, tree, recount)
    yield from _check_seqs(record, chunks, tree, recount)
    yield from _check_leaves(txn, db, record, tree, recount)
    live = sum(not tree.nodes[leaf].deleted for leaf in tree.leaves())
    if live > 1:
        recount.conflicted += 1
        recount.conflicts[key] = live


def _problem_of_chunks(record: DocRecord, chunks: list[bytes], wanted: list[bytes], recount: Recount) -> str | None:
    """Why the chunks do not fit the record, and so the tree cannot be read."""
    twice = recount.chunks.intersection(wanted)
    recount.chunks.update(wanted)
    if twice:
        return f"shares {len(twice)} chunks of its run {record.owner} with another document"
    if len(chunks) != len(wanted):
        return f"lacks {len(wanted) - len(chunks)} of the {len(wanted)} chunks of its run {record.owner}"
    if len(record.tail) % tree_runs.ENTRY_BYTES or any(len(chunk) % tree_runs.ENTRY_BYTES for chunk in chunks):
        return "its run is not made of whole entries"
    full = tree_runs.BLOCK * tree_runs.ENTRY_BYTES
    if any(len(chunk) != full for chunk in chunks[1:]) or (chunks and len(chunks[0]) > full):
        return f"the chunks of its run {record.owner} have the wrong length"
    entries = sum(map(len, (*chunks, record.tail))) // tree_runs.ENTRY_BYTES
    if not record.whole and record.live > entries:
        return f"has {record.live} ancestors, its run {entries}"
    return None


def _check_tree(record: DocRecord, tree: RevTree) -> Iterator[str]:
    """The record's head and flags, against its tree."""
    leaves = tree.leaves()
    live = sum(not tree.nodes[leaf].deleted for leaf in leaves)
    node = tree.nodes[leaves[0]]
    says = (record.winner, record.deleted, record.body_seq, record.branched, record.conflicted)
    shows = (leaves[0], node.deleted, node.seq, len(leaves) > 1, live > 1)
    if says != shows:
        yield f"its head says {says}, its tree {shows}"
    if record.whole and tree_runs.pack_chain(tree) is not None:
        yield "its tree is stored whole, though it is a chain"


def _check_stamps(record: DocRecord, tree: RevTree) -> Iterator[str]:
    """Only leaves have stamps, and these are as they are made."""
    stamped = record.stamps()
    leaves = {tree.nodes[leaf].seq for leaf in tree.leaves()}
    if strays := sorted(stamped.keys() - leaves - {stamps.GONE}):
        yield f"has stamps of {strays[:9]}, which are no leaves' bodies"
    if record.whole and stamps.pack_rows(stamped) != record.stamp:
        yield "its stamps are not in order"
    if damaged := [seq for seq, stamp in stamped.items() if not stamps.is_sound(stamp)]:
        yield f"its stamps of {damaged[:9]} are damaged"


def _check_change(
    txn: ReadTransaction, db: int, doc_id: str, record: DocRecord, tree: RevTree, recount: Recount
) -> Iterator[str]:
    if not recount.document_seqs.add(record.seq):
        yield f"its sequence {record.seq} is another document's, or beyond the update sequence"
    row = txn.get(txn.tables.changes, pack_seq_key(db, record.seq))
    others = tree.leaves()[1:]
    wanted = rows.encode_change(doc_id, record.winner, record.deleted, record.seq, record.body_seq, others)
    if row is None:
        yield f"has no row {record.seq} in changes"
    elif row != wanted:
        yield f"its row {record.seq} in changes is {row!r}, not {wanted!r}"


def _check_seqs(record: DocRecord, chunks: list[bytes], tree: RevTree, recount: Recount) -> Iterator[str]:
    """No two revisions share a body, and none has one of the future."""
    for seq in record.stored_seqs(chunks):
        if not recount.body_seqs.add(seq):
            yield f"its body {seq} is another revision's, or beyond the update sequence"
    for leaf in tree.leaves():
        recount.leaf_seqs.add(tree.nodes[leaf].seq)


def _check_leaves(txn: ReadTransaction, db: int, record: DocRecord, tree: RevTree, recount: Recount) -> Iterator[str]:
    seqs = {tree.nodes[leaf].seq: leaf for leaf in tree.leaves()}
    bodies = documents.get_bodies(txn, db, seqs.keys())
    for seq, leaf in seqs.items():
        if seq not in bodies:
            yield f"its leaf {leaf} has no body {seq}"
        elif not tree.nodes[leaf].deleted:
            recount.external += len(bodies[seq])
    body = bodies.get(record.body_seq)
    if body is not None and len(body) != record.body_size:
        yield f"its body {record.body_seq} has {len(body)} bytes, its head says {record.body_size}"
