"""What a purge does inside the write transaction: leaves of documents are forgotten as if they had never been.

Owns the Purge command. It must not know how trees are cut (``core.revtree``).
Follows ``couch_db:purge_docs``: what is no leaf is passed over, every request is logged, whatever it removed. Unlike
CouchDB's, a purge that removed something always takes a sequence number, so that every reader of ``update_seq`` sees
that something happened.
"""

from docstore.core.document import DESIGN_PREFIX
from docstore.core.rev import Rev
from docstore.database.apply.edit_batch import note_designs
from docstore.database.apply.edit_work import rewriting
from docstore.database.commands import Purge
from docstore.storage.databases import get_state
from docstore.storage.documents.documents import open_changes, write_batch
from docstore.storage.documents.purges import PurgeInfo, add_purge, find_purge, trim_purges
from docstore.storage.engine.transactions import GroupTransaction


def purge(txn: GroupTransaction, command: Purge) -> list[list[Rev]]:
    """Carry out the requests in order; of each, the revisions removed. Raises DatabaseNotFound.

    A request whose uuid is in the log was carried out before, and removes nothing.
    """
    number = command.database
    state = get_state(txn, number)
    before, design_before = state.update_seq, state.design_seq
    changes = open_changes(txn, number, (request.doc_id for request in command.requests))
    txn.tree_work += sum(rewriting(change.record.whole) for change in changes.values() if change.record is not None)
    answers: list[list[Rev]] = []
    for request in command.requests:
        if find_purge(txn, number, request.uuid) is not None:
            answers.append([])
            continue
        removed = changes[request.doc_id].remove_leaves(txn, request.revs, state.update_seq + 1)
        if removed:
            state.update_seq += 1
            if request.doc_id.startswith(DESIGN_PREFIX):
                state.note_design(state.update_seq)
        add_purge(txn, number, state, PurgeInfo(request.uuid, request.doc_id, request.revs))
        answers.append(removed)
    trim_purges(txn, number, state)
    write_batch(txn, number, state, changes.values())
    if state.update_seq != before:
        txn.changed[number] = state.update_seq
    if state.design_seq != design_before:
        note_designs(txn, number, state, changes.values())
    return answers
