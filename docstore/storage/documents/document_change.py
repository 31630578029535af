"""One document's part in a batch: what it was, what it becomes, and what that leaves to write.

Owns the bookkeeping between the edit rule's outcome and the tables: the pending record, the bodies to write and to
drop, the chunks to seal and to remove. Nothing is written here; ``documents.write_batch`` does. It must not know the
edit rule.

The caller keeps one DocumentChange for each id of a batch, asks ``head`` and ``tree`` of it, and tells it each edit by
``create``, ``extend``, ``rewrite`` or ``remove``; so a later edit of the same id sees the earlier ones. Every edit
brings its own sequence number, which is also the key of its body.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import NamedTuple

from docstore.core.edit import Head
from docstore.core.rev import Rev
from docstore.core.revtree import EMPTY, Node, RevTree
from docstore.storage import keys
from docstore.storage.documents import records, stamps, tree_runs
from docstore.storage.documents.records import DocRecord
from docstore.storage.documents.stamps import Stamps
from docstore.storage.tables import ReadTransaction

EMPTY_BODY = b"{}"


_NOTHING_DROPPED: frozenset[int] = frozenset()
_NO_CHUNKS: Mapping[bytes, bytes | None] = {}


class Leaf(NamedTuple):
    """A leaf's body. ``size`` is None where only the stored row tells."""

    live: bool
    size: int | None


_LIVE = Leaf(True, None)
_GONE = Leaf(False, None)


class DocumentChange:
    """See the module. ``before`` is the record as the batch found it, None for a new id.

    ``record``   the document after the edits so far; None before the first, or after ``remove``
    ``bodies``   seq -> body value to write; without those dropped again in this batch
    ``dropped``  numbers of stored bodies that lost their revision; not all of them need be there
    ``chunks``   key in ``runs`` -> chunk to write, or None to remove
    ``created``  the seq of the edit that made the document, 0 if it was there before
    """

    __slots__ = (
        "_tree",
        "_tree_before",
        "before",
        "bodies",
        "chunks",
        "created",
        "db",
        "dropped",
        "id",
        "id_bytes",
        "record",
    )

    def __init__(self, db: int, doc_id: str, before: DocRecord | None) -> None:
        self.db = db
        self.id = doc_id
        self.id_bytes = doc_id.encode()
        self.before = before
        self.record = before
        self.created = 0
        self.bodies: dict[int, bytes] = {}
        self.dropped: frozenset[int] = _NOTHING_DROPPED
        self.chunks: Mapping[bytes, bytes | None] = _NO_CHUNKS
        self._tree: RevTree | None = None
        self._tree_before: RevTree | None = None

    # Questions

    def head(self) -> Head | None:
        """The document's head now; None where there is no document."""
        return None if self.record is None else self.record.head()

    @property
    def date(self) -> int | None:
        """The document's date now, as ``DocRecord.date``."""
        return None if self.record is None else self.record.date

    def tree(self, txn: ReadTransaction) -> RevTree:
        """The document's tree now; the empty tree where there is no document."""
        if self.record is None:
            return EMPTY
        if self._tree is None:
            self._tree = self.record.tree(self._load_chunks(txn))
            if self.record is self.before:
                self._tree_before = self._tree
        return self._tree

    def live_leaf(self, txn: ReadTransaction, rev: Rev | None) -> int:
        """The key of a leaf's body; 0 if the revision is none, or a deletion."""
        record = self.record
        if record is None or rev is None:
            return 0
        if not record.branched:
            return 0 if record.deleted or rev != record.winner else record.body_seq
        tree = self.tree(txn)
        return tree.nodes[rev].seq if tree.is_leaf(rev) and not tree.nodes[rev].deleted else 0

    # Edits

    def create(
        self, path: Sequence[Rev], seq: int, deleted: bool, body: bytes, revs_limit: int, stamp: bytes = b""
    ) -> None:
        """The first revision of a new document. ``path``: it and its ancestors, newest first."""
        self.created = seq
        if len(path) > 1 or tree_runs.is_odd(path[0]):
            tree = RevTree.from_path(path[: max(revs_limit, 1)], seq, deleted)
            self._take_tree(tree, seq, {seq: body}, len(body), {seq: stamp} if stamp else {})
            return
        self.bodies[seq] = body
        self.record = records.first(path[0], deleted, seq, len(body), self._long_id(), stamp)

    def extend(
        self,
        txn: ReadTransaction,
        rev: Rev,
        seq: int,
        deleted: bool,
        body: bytes,
        revs_limit: int,
        stamp: bytes = b"",
    ) -> None:
        """``rev`` becomes the child of the only leaf, and the tree is stemmed to ``revs_limit``."""
        record = self._existing()
        if not record.can_extend(rev):
            nodes = {**self.tree(txn).nodes, rev: Node(record.winner, seq, deleted)}
            self.rewrite(txn, RevTree(nodes).stem(max(revs_limit, 1)), seq, {seq: body}, stamp)
            return
        self._tree = None
        longer = records.lengthen(record, rev, seq, deleted, len(body), revs_limit, stamp)
        if longer is not None:
            self.bodies[seq] = body
            self.record = longer
            return
        grown, sealed, dropped, dropped_owner, dropped_blocks = records.extend(
            record, rev, seq, deleted, len(body), revs_limit, stamp
        )
        self.bodies[seq] = body
        if dropped:
            self._drop(dropped)
        for block in dropped_blocks:
            self._drop_chunk(txn, keys.pack_run_key(self.db, dropped_owner, block))
        for block, chunk in sealed:
            self._set_chunk(keys.pack_run_key(self.db, grown.owner, block), chunk)
        self.record = grown

    def rewrite(
        self, txn: ReadTransaction, tree: RevTree, seq: int, bodies: Mapping[int, bytes], stamp: bytes = b""
    ) -> None:
        """The document becomes ``tree``, already stemmed, with at least one leaf.

        ``seq`` is its new place in ``changes``; ``bodies`` are the new ones by their keys, none for a mere removal of
        leaves. Bodies of revisions that the tree no longer has are dropped. ``stamp`` is that of all new ones.
        """
        record = self.record
        self._revive(txn, tree, bodies)
        body_seq = tree.nodes[tree.winner()].seq
        if body_seq in bodies:
            size = len(bodies[body_seq])
        elif record is not None and body_seq == record.body_seq:
            size = record.body_size
        else:
            size = self._body_size(txn, body_seq) or 0
        if record is None:
            self.created = seq
        else:
            kept = {node.seq for node in tree.nodes.values()}
            self._forget(txn, record, kept)
        stamped = self._stamps(tree, bodies, stamp)
        self._take_tree(tree, seq, bodies, size, stamped, owner=0 if record is None else record.owner)

    def remove(self, txn: ReadTransaction) -> None:
        """The document is forgotten: its last leaf was purged."""
        self._forget(txn, self._existing(), set())
        self.record = None
        self._tree = None

    def remove_leaves(self, txn: ReadTransaction, revs: Iterable[Rev], seq: int) -> list[Rev]:
        """Purge those of ``revs`` that are leaves, and the ancestors of nothing else; returns the leaves removed.

        ``seq`` is the document's new place in ``changes``, if a leaf is left and one was removed.
        """
        tree, removed = self.tree(txn).purge_leaves(revs)
        if removed:
            if tree is None:
                self.remove(txn)
            else:
                self.rewrite(txn, tree, seq, {})
        return removed

    # For write_batch

    @property
    def is_plain(self) -> bool:
        """Whether the document had no leaf or one, has one, and nothing is dropped."""
        before, record = self.before, self.record
        return not self.dropped and record is not None and not record.branched and not (before and before.branched)

    def leaves_before(self) -> dict[int, Leaf]:
        """The leaves that the batch found, by the keys of their bodies."""
        record = self.before
        if record is None:
            return {}
        if not record.branched:
            return {record.body_seq: Leaf(not record.deleted, record.body_size)}
        return _leaves(self._tree_before or record.tree())

    def leaves_after(self, txn: ReadTransaction) -> dict[int, Leaf]:
        """The leaves that the batch, or what came of it so far, leaves behind."""
        record = self.record
        if record is None:
            return {}
        if not record.branched:
            return {record.body_seq: Leaf(not record.deleted, record.body_size)}
        return _leaves(self.tree(txn))

    # Steps

    def _existing(self) -> DocRecord:
        if self.record is None:
            raise ValueError(f"there is no document {self.id!r} to change")
        return self.record

    def _long_id(self) -> bytes:
        return self.id_bytes if len(self.id_bytes) >= keys.LONG_ID_FROM else b""

    def _take_tree(
        self,
        tree: RevTree,
        seq: int,
        bodies: Mapping[int, bytes],
        winner_size: int,
        stamped: Stamps,
        owner: int = 0,
    ) -> None:
        record, sealed = records.from_tree(
            tree, seq, winner_size, long_id=self._long_id(), owner=owner, stamped=stamped
        )
        for block, chunk in sealed:
            self._set_chunk(keys.pack_run_key(self.db, record.owner, block), chunk)
        self.bodies.update(bodies)
        self.record = record
        self._tree = tree

    def _stamps(self, tree: RevTree, bodies: Mapping[int, bytes], stamp: bytes) -> Stamps:
        """The stamps of what the document becomes.

        Where one leaf is left of several, a revision may be shown again that is older than the one before it.
        """
        record = self.record
        before: Stamps = {} if record is None else record.stamps()
        if not before and not stamp:
            return before
        leaves = {tree.nodes[leaf].seq for leaf in tree.leaves()}
        new = dict.fromkeys(leaves & bodies.keys(), stamp) if stamp else {}
        if len(leaves) > 1 or record is None or not before:
            return stamps.beside(before, leaves, new)
        [leaf] = leaves
        if record.branched:
            return {leaf: stamps.left_alone(new.get(leaf) or before.get(leaf, b""), *before.values())}
        return before if leaf == record.body_seq else {leaf: stamps.following(stamp, *before.values())}

    def _set_chunk(self, key: bytes, chunk: bytes | None) -> None:
        self.chunks = {**self.chunks, key: chunk}

    def _drop(self, seqs: Sequence[int]) -> None:
        stored = [seq for seq in seqs if self.bodies.pop(seq, None) is None]
        if stored:
            self.dropped = self.dropped.union(stored, map(keys.merge_base, stored))

    def _drop_chunk(self, txn: ReadTransaction, key: bytes) -> None:
        chunk = self.chunks.get(key) or txn.get(txn.tables.runs, key)
        if chunk is not None:
            self._drop(tree_runs.entry_seqs(chunk))
        self._set_chunk(key, None)

    def _forget(self, txn: ReadTransaction, record: DocRecord, kept: Container[int]) -> None:
        if record.whole:
            stored = [node.seq for node in self.tree(txn).nodes.values() if node.seq]
        else:
            stored = record.stored_seqs(self._load_chunks(txn))
        self._drop([seq for seq in stored if seq not in kept])
        for block in record.blocks:
            self._set_chunk(keys.pack_run_key(self.db, record.owner, block), None)

    def _load_chunks(self, txn: ReadTransaction) -> list[bytes]:
        record = self._existing()
        wanted = [keys.pack_run_key(self.db, record.owner, block) for block in record.blocks]
        if not wanted:
            return []
        stored = dict(txn.getmulti(txn.tables.runs, [key for key in wanted if self.chunks.get(key) is None]))
        return [self.chunks.get(key) or stored[key] for key in wanted]

    def _revive(self, txn: ReadTransaction, tree: RevTree, bodies: Mapping[int, bytes]) -> None:
        """See to it that revisions which are leaves again have bodies.

        That happens with forged histories only: a revision's parent turns out to be another one, and the first, though
        written, has no child any more. If compaction has dropped its body meanwhile, it gets an empty one; a body that
        was kept for merges comes back.
        """
        old = self.tree(txn)
        before = {old.nodes[leaf].seq for leaf in old.leaves()}
        for seq in {tree.nodes[leaf].seq for leaf in tree.leaves()} - before - bodies.keys():
            if self._body_size(txn, seq) is None:
                number = keys.merge_base(seq)
                kept = txn.get(txn.tables.bodies, keys.pack_seq_key(self.db, number))
                self.bodies[seq] = EMPTY_BODY if kept is None else kept
                self.dropped = self.dropped.union((number,))

    def _body_size(self, txn: ReadTransaction, seq: int) -> int | None:
        if seq in self.bodies:
            return len(self.bodies[seq])
        value = txn.get(txn.tables.bodies, keys.pack_seq_key(self.db, seq))
        return None if value is None else len(value)


def _leaves(tree: RevTree) -> dict[int, Leaf]:
    nodes = tree.nodes
    return {nodes[leaf].seq: _GONE if nodes[leaf].deleted else _LIVE for leaf in tree.leaves()}
