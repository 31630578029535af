"""The keys that documents have in unique indexes: who has one, and what a batch of edits changes.

Owns the rows of ``unique_keys`` and ``unique_duplicates``. It must not know the edit rule. Every live leaf of a
document has its keys in the index, whichever wins: any of them may win tomorrow, and then it must not turn out that
another document has the same. A leaf is known by the seq of its body, so a row is::

    unique_keys        index, key, seq of the body    ->  the document's id
    unique_duplicates  index, key                     ->  nothing; two documents or more have the key

Design documents have no keys.

``UniqueKeys`` is what a batch sees: the tables, and what the edits before changed. It is told of each document that an
edit has changed (``follow``), which costs the difference of its leaves, and reads of a key no more than is asked. All
is written at once (``write``), so a batch that is refused as a whole leaves nothing.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from docstore.core.document import DESIGN_PREFIX
from docstore.core.unique.rule import read_document, rule_of
from docstore.storage import keys, rows
from docstore.storage.documents import unique_rows
from docstore.storage.documents.document_change import DocumentChange, Leaf
from docstore.storage.documents.unique_rows import UniqueIndex
from docstore.storage.keys import pack_seq_key, pack_unique_key
from docstore.storage.rows import DatabaseState
from docstore.storage.tables import ReadTransaction, WriteTransaction

if TYPE_CHECKING:
    import lmdb

READ_AT_ONCE: Final = 16
SEVERAL: Final = 2

ReadRows: TypeAlias = Callable[[bytes, bytes], list[tuple[bytes, bytes]]]
"""From a key on, the next rows of ``unique_keys`` whose keys start so, ``READ_AT_ONCE`` if there are that many."""


class HeldKey(NamedTuple):
    """A key in the index of this number."""

    number: int
    key: bytes


class Taken(NamedTuple):
    """A key that an edit wants, and another document has."""

    by: UniqueIndex
    other_id: str


class UniqueKeys:
    """See the module; of one database."""

    def __init__(self, txn: ReadTransaction, db: int, indexes: Iterable[UniqueIndex]) -> None:
        self.indexes = {index.number: index for index in indexes}
        self._txn = txn
        self._db = db
        self._rules = [(number, rule_of(index.definition)) for number, index in self.indexes.items()]
        self._names = frozenset().union(*(rule.names for _, rule in self._rules))
        self._cursor: lmdb.Cursor[bytes] | None = None
        self._groups: dict[HeldKey, _Group] = {}
        self._seen: dict[str, dict[int, Leaf]] = {}
        self._keys: dict[int, tuple[HeldKey, ...]] = {}
        self._added: dict[bytes, bytes] = {}
        self._removed: set[bytes] = set()

    @classmethod
    def open(cls, txn: ReadTransaction, db: int, state: DatabaseState) -> "UniqueKeys | None":
        """Those of a database that has unique indexes, else None."""
        return cls(txn, db, unique_rows.obeyed_indexes(txn, db)) if state.unique else None

    # --- what an edit asks

    def taken(self, change: DocumentChange, seq: int, body: bytes, parent_seq: int) -> Taken | None:
        """The first key of a new live revision that another document has; one that its parent has too is none.

        So a document that is a duplicate already may be edited. ``seq`` is where the body will be stored if the edit
        goes through; ``parent_seq`` is the key of the parent's body, 0 if it is no live leaf.
        """
        if change.id.startswith(DESIGN_PREFIX):
            return None
        had: tuple[HeldKey, ...] | None = None
        wanted = self._keys_in(change.id, body)
        for held in wanted:
            other = self._group(held).other_than(change.id, self._rows_of)
            if other is None:
                continue
            if had is None:
                had = self._keys_of(change, parent_seq) if parent_seq else ()
            if held not in had:
                return Taken(self.indexes[held.number], other)
        self._keys[seq] = wanted
        return None

    # --- what edits change

    def follow(self, change: DocumentChange) -> None:
        """A document is as its change says now; to be told as often as one likes."""
        if change.id.startswith(DESIGN_PREFIX):
            return
        before = self._seen.get(change.id)
        if before is None:
            before = change.leaves_before()
        after = change.leaves_after(self._txn)
        if before == after:
            return
        self._seen[change.id] = after
        for seq, leaf in before.items():
            if leaf.live and not (seq in after and after[seq].live):
                self._remove(change, seq)
        for seq, leaf in after.items():
            if leaf.live and not (seq in before and before[seq].live):
                self._add(change, seq)

    def add_stored(self, change: DocumentChange) -> int:
        """A document as it is stored has its keys in the index, if it had not before; how many bytes that took to read.

        For building an index: of a row that is there already nothing changes.
        """
        size = 0
        for seq, leaf in change.leaves_before().items():
            if leaf.live:
                size += len(self._body(change, seq))
                self._add(change, seq)
        return size

    def write(self, txn: WriteTransaction, state: DatabaseState) -> None:
        """Write what changed, and the rows of the indexes if need be. The caller stores the ``state``."""
        if self._cursor is not None:
            self._cursor.close()
            self._cursor = None
        table = txn.tables.unique_keys
        doomed = txn.getmulti(table, sorted(self._removed))
        state.grow(-sum(len(key) + len(value) for key, value in doomed))
        txn.deletemulti(table, [key for key, _ in doomed])
        known = dict(txn.getmulti(table, sorted(self._added)))
        items = sorted((key, value) for key, value in self._added.items() if key not in known)
        state.grow(sum(len(key) + len(value) for key, value in items))
        txn.putmulti(table, items)
        changed = {
            held.number for held, group in self._groups.items() if self._write_duplicate(txn, state, held, group)
        }
        for number in sorted(changed):
            unique_rows.put_index(txn, self._db, state, self.indexes[number])

    def _write_duplicate(self, txn: WriteTransaction, state: DatabaseState, held: HeldKey, group: "_Group") -> bool:
        """Keep the row of a key that several documents have; whether the count of these rows changed."""
        if not group.changed:
            return False
        index = self.indexes[held.number]
        several = group.several(self._rows_of)
        if not several and not index.duplicates:
            return False
        key = keys.pack_index_key(self._db, held.number) + held.key
        stored = txn.get(txn.tables.unique_duplicates, key) is not None
        if several == stored:
            return False
        if several:
            txn.put(txn.tables.unique_duplicates, key, b"")
        else:
            txn.delete(txn.tables.unique_duplicates, key)
        state.grow(len(key) if several else -len(key))
        index.duplicates += 1 if several else -1
        return True

    # --- steps

    def _add(self, change: DocumentChange, seq: int) -> None:
        for held in self._keys_of(change, seq):
            self._group(held).add(seq, change.id)
            row = pack_unique_key(self._db, held.number, held.key, seq)
            self._removed.discard(row)
            self._added[row] = change.id_bytes

    def _remove(self, change: DocumentChange, seq: int) -> None:
        for held in self._keys_of(change, seq):
            self._group(held).remove(seq, change.id)
            row = pack_unique_key(self._db, held.number, held.key, seq)
            self._added.pop(row, None)
            self._removed.add(row)

    def _keys_of(self, change: DocumentChange, seq: int) -> tuple[HeldKey, ...]:
        found = self._keys.get(seq)
        if found is None:
            found = self._keys[seq] = self._keys_in(change.id, self._body(change, seq))
        return found

    def _body(self, change: DocumentChange, seq: int) -> bytes:
        body = change.bodies.get(seq) or self._txn.get(self._txn.tables.bodies, pack_seq_key(self._db, seq))
        if body is None:
            raise KeyError(seq)
        return body

    def _keys_in(self, doc_id: str, body: bytes) -> tuple[HeldKey, ...]:
        document = read_document(doc_id, rows.body_text(body), self._names)
        found = ((number, rule.key(document)) for number, rule in self._rules)
        return tuple(HeldKey(number, key) for number, key in found if key is not None)

    def _group(self, held: HeldKey) -> "_Group":
        group = self._groups.get(held)
        if group is None:
            group = self._groups[held] = _Group(keys.pack_index_key(self._db, held.number) + held.key)
        return group

    def _rows_of(self, first: bytes, start: bytes) -> list[tuple[bytes, bytes]]:
        cursor = self._cursor
        if cursor is None:
            cursor = self._cursor = self._txn.cursor(self._txn.tables.unique_keys)
        found: list[tuple[bytes, bytes]] = []
        more = cursor.set_range(first)
        while more and len(found) < READ_AT_ONCE and cursor.key().startswith(start):
            found.append(cursor.item())
            more = cursor.next()
        return found


class _Group:
    """Who has one key: as far as the table was read, and with what edits changed.

    A stored row is read once, however often it is asked who has the key.
    """

    __slots__ = ("_gone", "_holders", "_next", "_start", "changed")

    def __init__(self, start: bytes) -> None:
        self.changed = False
        self._start = start
        self._next: bytes | None = start
        self._holders: dict[str, set[int]] = {}
        self._gone: set[int] = set()

    def add(self, seq: int, doc_id: str) -> None:
        """A leaf has the key now."""
        self.changed = True
        self._gone.discard(seq)
        self._holders.setdefault(doc_id, set()).add(seq)

    def remove(self, seq: int, doc_id: str) -> None:
        """A leaf has the key no more."""
        self.changed = True
        self._gone.add(seq)
        seqs = self._holders.get(doc_id)
        if seqs is not None:
            seqs.discard(seq)
            if not seqs:
                del self._holders[doc_id]

    def other_than(self, doc_id: str, read: ReadRows) -> str | None:
        """Another document that has the key."""
        while True:
            for other in self._holders:
                if other != doc_id:
                    return other
            if not self._read_on(read):
                return None

    def several(self, read: ReadRows) -> bool:
        """Whether two documents or more have the key."""
        while len(self._holders) < SEVERAL:
            if not self._read_on(read):
                return False
        return True

    def _read_on(self, read: ReadRows) -> bool:
        """Read some more rows; whether there were any."""
        if self._next is None:
            return False
        found = read(self._next, self._start)
        for key, value in found:
            seq = keys.unique_seq_of(key)
            if seq not in self._gone:
                self._holders.setdefault(value.decode(), set()).add(seq)
        self._next = found[-1][0] + b"\x00" if len(found) == READ_AT_ONCE else None
        return bool(found)
