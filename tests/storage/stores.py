"""A small store for tests of the storage layer: one LMDB file without the environment and writer around it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import lmdb

from docstore.core.edit import Create, Edit, Extend, Outcome, Rewrite, decide, decide_replicated
from docstore.core.rev import Rev
from docstore.core.revtree import RevTree
from docstore.settings import GIB
from docstore.storage import databases, keys
from docstore.storage.check.store import check
from docstore.storage.documents import documents
from docstore.storage.documents.document_change import DocumentChange
from docstore.storage.engine.transactions import GroupTransaction
from docstore.storage.rows import DatabaseState
from docstore.storage.tables import Tables

UUID = "0123456789abcdef0123456789abcdef"


def rev(generation: int, letter: str) -> Rev:
    """A revision with 16 times the same byte for its id."""
    return Rev(generation, letter.encode() * 16)


def line(newest: int, oldest: int, letter: str = "a") -> tuple[Rev, ...]:
    """A path of such revisions, newest first."""
    return tuple(rev(generation, letter) for generation in range(newest, oldest - 1, -1))


class Store:
    """Tables in a file, and edits of documents as the updater does them."""

    def __init__(self, folder: Path) -> None:
        self.environment = lmdb.open(
            str(folder / "docs.mdb"), subdir=False, max_dbs=keys.MAX_TABLES, map_size=4 * GIB, sync=False
        )
        self.tables = Tables.open(self.environment)

    @contextmanager
    def write(self) -> Iterator[GroupTransaction]:
        with self.environment.begin(write=True) as transaction:
            yield GroupTransaction(transaction, self.tables)

    @contextmanager
    def read(self) -> Iterator[GroupTransaction]:
        with self.environment.begin() as transaction:
            yield GroupTransaction(transaction, self.tables)

    def create(self, name: str = "db", revs_limit: int = 1000) -> int:
        with self.write() as txn:
            return databases.create_database(
                txn, name, uuid=UUID, now=1, shards=2, revs_limit=revs_limit, purged_infos_limit=1000
            ).number

    def state(self, db: int) -> DatabaseState:
        with self.read() as txn:
            return databases.get_state(txn, db)

    def tree(self, db: int, doc_id: str) -> RevTree:
        with self.read() as txn:
            record = documents.get_record(txn, db, doc_id)
            assert record is not None
            return documents.get_tree(txn, db, record)

    def edit(self, db: int, *edits: Edit, new_edits: bool = True) -> list[Outcome]:
        """All edits in one batch."""
        with self.write() as txn:
            return apply_edits(txn, db, edits, new_edits)

    def put(self, db: int, *doc_ids: str, body: bytes = b"{}") -> None:
        """Make documents, in one batch."""
        self.edit(db, *(Edit(doc_id, None, False, body, b"j") for doc_id in doc_ids))

    def replicate(self, db: int, doc_id: str, *path: Rev, deleted: bool = False, body: bytes = b"{}") -> Outcome:
        """One revision with its ancestors, newest first."""
        return self.edit(db, Edit(doc_id, None, deleted, body, b"", path=path), new_edits=False)[0]

    def purge(self, db: int, doc_id: str, *revs: Rev) -> list[Rev]:
        with self.write() as txn:
            state = databases.get_state(txn, db)
            state.update_seq += 1
            change = DocumentChange(db, doc_id, documents.get_record(txn, db, doc_id))
            removed = change.remove_leaves(txn, revs, state.update_seq)
            documents.write_batch(txn, db, state, [change])
            return removed

    def findings(self) -> list[str]:
        with self.read() as txn:
            return list(check(txn))


def apply_edits(txn: GroupTransaction, db: int, edits: Sequence[Edit], new_edits: bool) -> list[Outcome]:
    """Read all, decide, write all."""
    state = databases.get_state(txn, db)
    records = documents.get_records(txn, db, [edit.id for edit in edits])
    changes: dict[str, DocumentChange] = {}
    outcomes: list[Outcome] = []
    rule = decide if new_edits else decide_replicated
    for edit in edits:
        change = changes.get(edit.id) or changes.setdefault(edit.id, DocumentChange(db, edit.id, records.get(edit.id)))
        seq = state.update_seq + 1
        outcome = rule(change.head(), lambda change=change: change.tree(txn), edit, seq, state.revs_limit)
        if tell(txn, change, outcome, seq, edit.body, state.revs_limit):
            state.update_seq = seq
        outcomes.append(outcome)
    documents.write_batch(txn, db, state, changes.values())
    return outcomes


def tell(txn: GroupTransaction, change: DocumentChange, outcome: Outcome, seq: int, body: bytes, limit: int) -> bool:
    """Tell a change its edit; whether it took the sequence number."""
    match outcome:
        case Create(_, deleted, path):
            change.create(path, seq, deleted, body, limit)
        case Extend(rev, deleted):
            change.extend(txn, rev, seq, deleted, body, limit)
        case Rewrite(_, _, tree, stored):
            change.rewrite(txn, tree, seq, {seq: body} if stored[0] else {})
        case _:
            return False
    return True
