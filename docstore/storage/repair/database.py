"""One database made to agree with its documents.

Owns what is made of what: of the records the rows of ``changes`` and ``conflicts``, the counts by block and the
counters; of the purges their ids. The records, the bodies and the runs are what a database *is*: these are read and
left as they are. Rows that belong to nothing are removed only where every record can be read, since otherwise they may
be all that is left of a document. It must not know blobs.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from docstore.core.revtree import RevTree
from docstore.storage import databases, keys, rows
from docstore.storage.check.damage import UNREADABLE, readable
from docstore.storage.check.documents import Recount, check_documents
from docstore.storage.check.unique import check_unique
from docstore.storage.documents import purges, records
from docstore.storage.documents.records import DocRecord
from docstore.storage.engine.transactions import GroupTransaction
from docstore.storage.keys import pack_seq_key
from docstore.storage.repair.tables import bring_to, rows_between
from docstore.storage.rows import DatabaseState, DocCount

if TYPE_CHECKING:
    from lmdb import _Database as Table

DEFAULT_LIMIT = 1_000
"""The limits of a database whose row of counters cannot be read; the ones that were set are lost."""


class DatabaseRepair:
    """The repair of one database. ``whole`` once ``run`` ended: whether every record could be read."""

    def __init__(self, txn: GroupTransaction, number: int) -> None:
        self.whole = True
        self._txn = txn
        self._number = number
        self._first, self._end = keys.prefix(number), keys.prefix_end(number)

    def run(self) -> Iterator[str]:
        """Do it; a line for each table in which something was wrong."""
        txn = self._txn
        state = self._state()
        if state is None:
            state = self._new_state()
            yield "its row of counters is made anew; revs_limit and purged_infos_limit are the default ones"
        changed = self._bring_changes()
        recount = Recount((1 << 64) - 1)
        self._drain(check_documents(txn, self._number, recount))
        tables = txn.tables
        yield from _told("rows of changes", changed + self._drop_orphans(tables.changes, recount.document_seqs.has))
        if self.whole:
            yield from _told("bodies of no revision", self._drop_orphans(tables.bodies, _body_of(recount)))
            yield from _told("chunks of no run", self._drop_chunks(recount))
        conflicts = {key: rows.encode_count(live) for key, live in recount.conflicts.items()}
        yield from _told("rows of conflicts", self._bring(tables.conflicts, conflicts))
        blocks = {key: rows.encode_doc_count(DocCount(*count)) for key, count in recount.blocks.items()}
        yield from _told("counts of documents", self._bring(tables.doc_counts, blocks))
        yield from _told("counts of changes", self._bring(tables.seq_counts, self._seq_counts()))
        yield from _told("ids of purges", self._bring(tables.purge_ids, self._purge_ids()))
        before = rows.encode_state(state)
        databases.put_state(txn, self._number, state)  # a row that is counted too
        self._count(state, recount)
        if rows.encode_state(state) != before:
            yield "its counters are counted again"
        databases.put_state(txn, self._number, state)

    # --- reading

    def _rows(self, table_name: str) -> Iterator[tuple[bytes, bytes]]:
        return rows_between(self._txn, getattr(self._txn.tables, table_name), self._first, self._end)

    def _state(self) -> DatabaseState | None:
        try:
            return databases.get_state(self._txn, self._number)
        except Exception:  # a row that is missing, or is anything at all
            return None

    def _new_state(self) -> DatabaseState:
        highest = 0
        for table_name in ("changes", "bodies"):
            for key, _ in self._rows(table_name):
                highest = max(highest, keys.seq_of(key) & ~keys.MERGE_BASE_BIT)
        purge_seq = max((keys.seq_of(key) for key, _ in self._rows("purges")), default=0)
        return DatabaseState(
            update_seq=highest,
            purge_seq=purge_seq,
            design_seq=highest,
            revs_limit=DEFAULT_LIMIT,
            purged_infos_limit=DEFAULT_LIMIT,
        )

    def _drain(self, findings: Iterator[str]) -> None:
        """Walk the documents for what the walk gathers; whatever it finds now concerns what cannot be made anew."""
        for _ in findings:
            self.whole = False

    def _documents(self) -> Iterator[tuple[str, DocRecord, RevTree]]:
        for key, value in list(self._rows("docs")):
            try:
                record = records.decode_record(value)
                wanted = [keys.pack_run_key(self._number, record.owner, block) for block in record.blocks]
                chunks = [chunk for _, chunk in self._txn.getmulti(self._txn.tables.runs, wanted)]
                doc_id = record.long_id or key[keys.PREFIX_BYTES :]
                tree = record.tree(chunks)
                if len(chunks) == len(wanted) and tree.leaves():
                    yield doc_id.decode(), record, tree
            except UNREADABLE:
                continue

    # --- what is made anew

    def _bring(self, table: "Table", wanted: dict[bytes, bytes]) -> int:
        return bring_to(self._txn, table, self._first, self._end, wanted)

    def _bring_changes(self) -> int:
        count = 0
        for doc_id, record, tree in self._documents():
            key = pack_seq_key(self._number, record.seq)
            others = tree.leaves()[1:]
            wanted = rows.encode_change(doc_id, record.winner, record.deleted, record.seq, record.body_seq, others)
            if self._txn.get(self._txn.tables.changes, key) != wanted:
                self._txn.put(self._txn.tables.changes, key, wanted)
                count += 1
        return count

    def _seq_counts(self) -> dict[bytes, bytes]:
        blocks: dict[int, int] = {}
        for key, _ in self._rows("changes"):
            block = keys.seq_of(key) >> keys.SEQ_BLOCK_BITS
            blocks[block] = blocks.get(block, 0) + 1
        return {pack_seq_key(self._number, block): rows.encode_count(count) for block, count in blocks.items()}

    def _purge_ids(self) -> dict[bytes, bytes]:
        return {
            keys.purge_id_key(self._number, info.uuid.encode()): rows.encode_number(number)
            for number, info in purges.scan_purges(self._txn, self._number)
        }

    def _drop_orphans(self, table: "Table", belongs: Callable[[int], bool]) -> int:
        """Remove the rows of sequence numbers that belong to nothing, where that is certain."""
        if not self.whole:
            return 0
        gone = [
            key for key, _ in rows_between(self._txn, table, self._first, self._end) if not belongs(keys.seq_of(key))
        ]
        return self._txn.deletemulti(table, gone)

    def _drop_chunks(self, recount: Recount) -> int:
        gone = [key for key, _ in self._rows("runs") if key not in recount.chunks]
        return self._txn.deletemulti(self._txn.tables.runs, gone)

    def _count(self, state: DatabaseState, recount: Recount) -> None:
        """The counters, of what is there now."""
        highest = max((keys.seq_of(key) for key, _ in self._rows("changes")), default=0)
        state.update_seq = max(state.update_seq, highest)
        state.doc_count, state.doc_del_count = recount.live, recount.deleted
        state.conflict_count, state.external_size = recount.conflicted, recount.external
        superseded = 0
        for key, value in self._rows("bodies"):
            seq = keys.seq_of(key)
            if seq & keys.MERGE_BASE_BIT or not recount.leaf_seqs.has(seq):
                superseded += len(key) + len(value)
        if self._txn.tables.have_unique and any(True for _ in readable(check_unique(self._txn, self._number, state))):
            state.unique = 0  # as after a write of an older docstore: they are made anew at the next start
        state.file_size = sum(
            len(key) + len(value) for name, _ in self._txn.tables.of_database() for key, value in self._rows(name)
        )
        state.active_size = state.file_size - superseded


def _body_of(recount: Recount) -> Callable[[int], bool]:
    return lambda seq: recount.body_seqs.has(seq & ~keys.MERGE_BASE_BIT)


def _told(what: str, count: int) -> Iterator[str]:
    if count:
        yield f"{what}: {count} made anew or removed"
