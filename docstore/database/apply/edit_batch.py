"""What the edits of one database, of one group, are decided with, and how what they come to is written.

Owns the batch: the counters, the changes of documents, attachments' bytes, the keys in unique indexes; and that a
design document takes its unique indexes with it. It must not know the edit rule, nor which command an edit is of.
"""

from collections.abc import Iterable
from typing import Final

from docstore.core.document import DESIGN_PREFIX
from docstore.core.unique.definition import definitions_in
from docstore.core.unique.errors import NotUnique, not_unique
from docstore.database.apply.blob_commands import Links
from docstore.storage import rows
from docstore.storage.databases import put_state
from docstore.storage.documents.document_change import DocumentChange
from docstore.storage.documents.documents import get_body, write_batch
from docstore.storage.documents.unique_definitions import follow_design
from docstore.storage.documents.unique_keys import UniqueKeys
from docstore.storage.engine.transactions import GroupTransaction
from docstore.storage.rows import DatabaseState

_DESIGN_LENGTH: Final = len(DESIGN_PREFIX)


class EditBatch:
    """See the module. ``state`` is written with the rest; ``stamp`` is that of what the present command writes."""

    __slots__ = ("_design_seq", "_number", "_update_seq", "changes", "links", "stamp", "state", "txn", "unique")

    def __init__(
        self,
        txn: GroupTransaction,
        number: int,
        state: DatabaseState,
        changes: dict[str, DocumentChange],
        links: Links,
    ) -> None:
        self.txn = txn
        self.stamp = b""
        self.state = state
        self.changes = changes
        self.links = links
        self.unique = UniqueKeys.open(txn, number, state)
        self._number = number
        self._update_seq = state.update_seq
        self._design_seq = state.design_seq

    def took(self, change: DocumentChange, last_seq: int) -> None:
        """A change has taken an edit, or several, up to this sequence number."""
        self.state.update_seq = last_seq
        if change.id[:_DESIGN_LENGTH] == DESIGN_PREFIX:  # cheaper than a call, for every edit
            self.state.note_design(last_seq)
        if self.unique is not None:
            self.unique.follow(change)

    def refuse_duplicate(self, change: DocumentChange, seq: int, body: bytes, parent_seq: int) -> NotUnique | None:
        """Why a live revision with this body may not be, as ``UniqueKeys.taken``."""
        taken = None if self.unique is None else self.unique.taken(change, seq, body, parent_seq)
        if taken is None:
            return None
        index = taken.by
        return not_unique(change.id, index.ddoc, index.name, index.definition.fields, taken.other_id)

    def write(self) -> None:
        """Write all that changed."""
        txn, state = self.txn, self.state
        if state.update_seq != self._update_seq:
            write_batch(txn, self._number, state, self.changes.values(), self.unique)
            txn.changed[self._number] = state.update_seq
            txn.edits += state.update_seq - self._update_seq
            if state.design_seq != self._design_seq:
                note_designs(txn, self._number, state, self.changes.values())
        self.links.end_leases(txn)


def note_designs(txn: GroupTransaction, number: int, state: DatabaseState, changes: Iterable[DocumentChange]) -> None:
    """Let the unique indexes be those of the design documents, which are written."""
    before = state.unique
    begun = False
    for change in sorted(changes, key=lambda change: change.id_bytes):
        if not change.id.startswith(DESIGN_PREFIX) or change.record is change.before:
            continue
        record = change.record
        body = None if record is None or record.deleted else get_body(txn, number, record.body_seq)
        wanted = {} if body is None else definitions_in(rows.body_text(body))
        if wanted or before:
            begun |= follow_design(txn, number, state, change.id, wanted)
    if begun:
        txn.unique_work.add(number)
    if begun or state.unique != before:
        put_state(txn, number, state)
