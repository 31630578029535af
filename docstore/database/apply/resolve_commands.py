"""What ``ResolveDocuments`` does inside the write transaction.

Owns the step from resolutions to the tables; ``core.resolution`` is the rule. It must not know how a result was found,
nor may it look at any body but those of leaves, whose attachments a stub may name.

A document that is resolved takes one place in ``changes``, that of the first of its new revisions, as one that is
replicated with several revisions does.
"""

from docstore.core.answers import RulesChanged
from docstore.core.edit import Rejected, settle_attachments
from docstore.core.resolution import Resolution, Resolved, decide_resolution, refuse_leaves
from docstore.database.apply import blob_commands
from docstore.database.apply.blob_commands import Links, body_of
from docstore.database.apply.edit_batch import EditBatch
from docstore.database.apply.edit_work import rewriting
from docstore.database.commands import ResolveDocuments
from docstore.errors import BytesGone, DocstoreError, NotFound
from docstore.storage.databases import get_state
from docstore.storage.documents.document_change import EMPTY_BODY, DocumentChange
from docstore.storage.documents.documents import open_changes
from docstore.storage.documents.stamps import pack_stamp
from docstore.storage.engine.transactions import GroupTransaction


def resolve(txn: GroupTransaction, command: ResolveDocuments) -> list[Resolved | DocstoreError]:
    """Carry out the resolutions in order, each for itself; an answer each. Raises DatabaseNotFound, RulesChanged."""
    number = command.database
    state = get_state(txn, number)
    if command.design_seq is not None and state.design_seq > command.design_seq:
        raise RulesChanged
    changes = open_changes(txn, number, (one.doc_id for one in command.resolutions))
    txn.tree_work += sum(rewriting(change.record.whole) for change in changes.values() if change.record is not None)
    links = Links(txn, (one.result for one in command.resolutions if one.result is not None))
    scene = EditBatch(txn, number, state, changes, links)
    scene.stamp = b"" if command.written is None else pack_stamp(command.written)
    refused = {refusal.place: refusal.as_error() for refusal in command.refusals}
    answers = [
        refused.get(place) or _resolve_one(scene, changes[one.doc_id], one)
        for place, one in enumerate(command.resolutions)
    ]
    scene.write()
    return answers


def _resolve_one(scene: EditBatch, change: DocumentChange, resolution: Resolution) -> Resolved | DocstoreError:
    txn, state = scene.txn, scene.state
    if change.record is None:
        return NotFound()
    tree = change.tree(txn)
    refusal = refuse_leaves(tree, resolution.seen)
    if refusal is not None:
        return refusal
    asked = resolution.result
    if asked is not None and asked.attachments:
        settled = settle_attachments(
            change.head(), lambda: tree, asked, lambda leaf: blob_commands.leaf_attachments(txn, change, leaf)
        )
        if isinstance(settled, Rejected):
            return settled.error
        resolution = resolution._replace(result=settled)
    seq = state.update_seq + 1
    outcome = decide_resolution(tree, resolution, seq, state.revs_limit)
    if isinstance(outcome, Rejected):
        return outcome.error
    if asked is not None and not scene.links.allow(asked):
        return BytesGone()
    result = resolution.result
    if result is not None and not result.deleted:
        duplicate = scene.refuse_duplicate(change, seq, body_of(result), change.live_leaf(txn, result.parent))
        if duplicate is not None:
            return duplicate
    if asked is not None:
        scene.links.take(asked)
    if outcome.rewrite is not None:
        bodies = [] if result is None else [body_of(result)]
        bodies += [EMPTY_BODY] * len(outcome.answer.tombstones)
        stored = zip(range(seq, seq + len(bodies)), bodies, outcome.rewrite.stored, strict=True)
        written = {place: body for place, body, wanted in stored if wanted}
        change.rewrite(txn, outcome.rewrite.tree, seq, written, scene.stamp)
        scene.took(change, state.update_seq + len(bodies))
    return outcome.answer
