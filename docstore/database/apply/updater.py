"""``apply``: what the commands of one group commit do, inside its transaction.

Owns the dispatch of commands and the edits of documents. It is deterministic: no clock, no randomness, nothing but the
transaction and the commands. It must not know who waits for the results, nor when the transaction commits.

All EditDocuments of a group that concern one database are carried out as one batch, so that many single PUTs cost no
more LMDB calls than one ``_bulk_docs``:

1. *Read all*: the counters, and the records of all documents of the batch.
2. *Decide*: command by command, edit by edit; ``core.edit`` is the rule. A refused edit fails alone.
3. *Write all*: one ``putmulti`` for each table. Leases on attachments' bytes end with the edit that names them.

Within a command documents are taken in the order of their ids, as ``couch_db:group_alike_docs`` sorts them, so this is
their order in ``_changes``. Edits of one document in one command are decided one after another, replicated ones
together; those take the document to the first of their sequence numbers, since to CouchDB they are one update.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any, TypeAlias

from docstore.core.answers import RulesChanged
from docstore.core.edit import (
    Create,
    Edit,
    Extend,
    Outcome,
    Rejected,
    Rewrite,
    Unchanged,
    decide,
    decide_plainly,
    decide_replicated_batch,
    meet_condition,
    settle_attachments,
)
from docstore.core.rev import Rev
from docstore.database import commands
from docstore.database.apply import (
    administration,
    blob_commands,
    local_docs,
    purging,
    putting_back,
    remembered,
    remembered_commands,
    resolve_commands,
    unique,
    unique_commands,
    upload_commands,
)
from docstore.database.apply.blob_commands import Links, body_of
from docstore.database.apply.edit_batch import EditBatch
from docstore.database.apply.edit_work import TOO_MUCH_WORK, TREES_A_GROUP, Work
from docstore.database.apply.remembered import Remembered
from docstore.database.apply.remembered_commands import Desk
from docstore.database.commands import EditDocuments
from docstore.errors import BytesGone, DocstoreError, PreconditionFailed, TooLarge
from docstore.storage.databases import get_state
from docstore.storage.documents.document_change import DocumentChange
from docstore.storage.documents.documents import open_changes
from docstore.storage.documents.stamps import pack_stamp
from docstore.storage.engine.transactions import LATER, GroupTransaction

EditAnswer: TypeAlias = Rev | DocstoreError | None
"""None: not looked at, since the command had its work before."""
Batch: TypeAlias = list[tuple[int, EditDocuments]]
"""The edits for one database, each command with its place in the group."""

HANDLERS: dict[type, Callable[[GroupTransaction, Any], object]] = {
    commands.ResolveDocuments: resolve_commands.resolve,
    commands.PutLocal: local_docs.put,
    commands.DeleteLocal: local_docs.delete,
    commands.CreateDatabase: administration.create,
    commands.DeleteDatabase: administration.delete,
    commands.SweepDatabase: administration.sweep,
    commands.CompactDatabase: administration.compact,
    commands.MakeDurable: administration.make_durable,
    commands.SetSecurity: administration.set_security,
    commands.SetRevsLimit: administration.set_revs_limit,
    commands.SetPurgedInfosLimit: administration.set_purged_infos_limit,
    commands.Purge: purging.purge,
    commands.BeginStaging: blob_commands.begin,
    commands.AppendStaging: blob_commands.append,
    commands.SealStaging: blob_commands.seal,
    commands.StageBlobs: blob_commands.stage,
    commands.DropStagings: blob_commands.drop,
    commands.ExpireStagings: blob_commands.expire,
    commands.CollectGarbage: blob_commands.collect,
    commands.BeginUpload: upload_commands.begin,
    commands.AppendUpload: upload_commands.append,
    commands.AcceptUpload: upload_commands.accept,
    commands.RewindUpload: upload_commands.rewind,
    commands.SetUploadLength: upload_commands.set_length,
    commands.SealUpload: upload_commands.seal,
    commands.AdoptUpload: upload_commands.adopt,
    commands.CompleteUpload: lambda txn, command: upload_commands.complete(txn, command, _edit_documents),
    commands.RefuseUpload: upload_commands.refuse,
    commands.CancelUpload: upload_commands.cancel,
    commands.ExpireUploads: upload_commands.expire,
    unique.BeginUnique: unique_commands.begin,
    unique.BuildUnique: unique_commands.build,
    unique.GiveUpUnique: unique_commands.give_up,
    unique.SweepUnique: unique_commands.sweep,
    unique.RenewUnique: unique_commands.renew,
    unique.MendUnique: unique_commands.mend,
    remembered.Refused: remembered_commands.refuse,
    remembered.ExpireReplies: remembered_commands.expire,
    putting_back.PutBackImage: putting_back.put_back,
}
"""What every command but EditDocuments and Remembered does. A handler raises its error before it writes anything."""


def apply(txn: GroupTransaction, group: Sequence[object]) -> list[object]:
    """Carry out the commands of a group; one result or DocstoreError for each, or LATER.

    Where trees are large (``TREES_A_GROUP``) the rest of a group is left for later, in its order; which commands share
    a group makes no difference to what comes of them. Edits, remembered ones too, are gathered until another kind of
    command comes, which must find them done.
    """
    return _carry_out(txn, group, bounded=True)


def _carry_out(txn: GroupTransaction, group: Sequence[object], *, bounded: bool) -> list[object]:
    run = _Run(txn, group, bounded=bounded)
    for place, command in enumerate(group):
        if isinstance(command, EditDocuments):
            run.batches.setdefault(command.database, []).append((place, command))
        else:
            run.take(place, command)
    run.finish()
    return run.results


class _Run:
    """A group on its way: the results so far, and the edits that are still to be carried out."""

    __slots__ = ("_bounded", "_desk", "_txn", "batches", "results")

    def __init__(self, txn: GroupTransaction, group: Sequence[object], *, bounded: bool) -> None:
        self._txn = txn
        self._bounded = bounded
        self._desk = Desk(txn, group)
        self.results: list[object] = [None] * len(group)
        self.batches: dict[int, Batch] = {}

    def take(self, place: int, command: object) -> None:
        """Carry out a command that is no edit."""
        if isinstance(command, Remembered):
            self._remember(place, command)
            return
        self.finish()
        if self._full():
            self.results[place] = LATER
            return
        try:
            self.results[place] = HANDLERS[type(command)](self._txn, command)
        except DocstoreError as error:
            self.results[place] = error

    def _remember(self, place: int, command: Remembered) -> None:
        if not self._desk.is_new(place):
            self.finish()
            answer = LATER if self._full() else self._desk.answer(place, command)
            if answer is not None:
                self.results[place] = answer
                return
        match command.effects:
            case [EditDocuments() as edits]:
                self.batches.setdefault(edits.database, []).append((place, edits))
                self._desk.wait(place, command)
            case effects:
                self.finish()
                if self._full():
                    self.results[place] = LATER
                else:
                    self._desk.wait(place, command, self._all_or_none(effects))

    def _all_or_none(self, effects: tuple[object, ...]) -> tuple[object, ...]:
        """Carry out the effects of one command; if edits that come first are refused as a whole, none."""
        if not effects or not isinstance(effects[0], EditDocuments):
            return tuple(_carry_out(self._txn, effects, bounded=False))
        [edited] = _carry_out(self._txn, effects[:1], bounded=False)
        if isinstance(edited, DocstoreError):
            return (edited,) * len(effects)
        return (edited, *_carry_out(self._txn, effects[1:], bounded=False))

    def _full(self) -> bool:
        """Whether the group has done enough; what is gathered then is left for later too."""
        return self._bounded and self._txn.tree_work >= TREES_A_GROUP

    def finish(self) -> None:
        """Carry out what was gathered."""
        _edit_all(self._txn, self.batches, self.results, bounded=self._bounded)
        self.batches.clear()
        self._desk.keep(self.results)


def _edit_all(txn: GroupTransaction, batches: dict[int, Batch], results: list[object], *, bounded: bool) -> None:
    for number, batch in batches.items():
        answers: list[object] = []
        for portion in _together(batch):
            try:
                answers += _edit_documents(txn, number, portion, bounded=bounded)
            except DocstoreError as error:
                answers += [error] * len(portion)
        for (place, _), answer in zip(batch, answers, strict=True):
            results[place] = answer


def _together(batch: Batch) -> Iterator[list[EditDocuments]]:
    """The commands that are carried out together: all, but for each ``whole`` one, which may be refused as a whole."""
    portion: list[EditDocuments] = []
    for _, command in batch:
        if command.whole:
            if portion:
                yield portion
            yield [command]
            portion = []
        else:
            portion.append(command)
    if portion:
        yield portion


def _edit_documents(
    txn: GroupTransaction, number: int, batch: list[EditDocuments], *, bounded: bool = False
) -> list[object]:
    """Carry out the edits of one database. Raises DatabaseNotFound, and TooLarge for a whole command."""
    state = get_state(txn, number)
    changes = open_changes(txn, number, [edit.id for command in batch for edit in command.edits])
    links = Links(txn, [edit for command in batch for edit in command.edits if edit.attachments])
    scene = EditBatch(txn, number, state, changes, links)
    answers: list[object] = []
    for command in batch:
        full = bounded and txn.tree_work >= TREES_A_GROUP
        answers.append(LATER if full else _decide_command(scene, command))
    scene.write()
    return answers


def _decide_command(scene: EditBatch, command: EditDocuments) -> list[EditAnswer]:
    """Decide the edits of one command; an answer for each, in the order given.

    Raises TooLarge and RulesChanged for a whole command.
    """
    edits = command.edits
    if command.design_seq is not None and scene.state.design_seq > command.design_seq:
        if command.whole:
            raise RulesChanged
        return [RulesChanged()] * len(edits)
    scene.stamp = b"" if command.written is None else pack_stamp(command.written)
    answers: dict[int, EditAnswer] = {refusal.place: refusal.as_error() for refusal in command.refusals}
    work = Work(command.max_work)
    counted = not command.new_edits or work.charge(edits)
    id_at = [edit.id for edit in edits].__getitem__
    places_left = [place for place in range(len(edits)) if place not in answers] if answers else range(len(edits))
    order = sorted(places_left, key=id_at)
    for doc_id, places in groupby(order, key=id_at):
        if work.bounded and work.over():
            break
        change = scene.changes[doc_id]
        if change.record is not None and change.record.whole:
            if work.bounded and not counted:
                counted = True
                work.give_back([edits[place] for place in order[len(answers) - len(command.refusals) :]])
            work.unpack(change.record.whole)
        looks = counted
        if command.new_edits:
            for place in places:
                if looks and answers and work.over():
                    break
                before = change.record
                answers[place] = _decide_interactive(scene, change, edits[place])
                if counted:
                    work.add(edits[place])
                if change.record is not before and change.record is not None and change.record.whole:
                    work.rewrite(change.record.whole)
                    looks = True
        else:
            _decide_arrivals(scene, change, {place: edits[place] for place in places}, answers, work)
    scene.txn.tree_work += work.trees
    if command.whole and len(answers) < len(edits):
        raise TooLarge(TOO_MUCH_WORK)
    return [answers.get(place) for place in range(len(edits))]


def _decide_arrivals(
    scene: EditBatch, change: DocumentChange, arrived: dict[int, Edit], answers: dict[int, EditAnswer], work: Work
) -> None:
    """Decide replicated revisions of one document, which are merged together; their answers go to their places."""
    together: list[Edit] = []
    for place, edit in arrived.items():
        refusal = _refuse_replicated(change, edit, scene.links)
        if refusal is not None:
            answers[place] = refusal
            continue
        if edit.passed_over:
            answers[place] = edit.path[0]
            continue
        scene.links.take(edit)
        work.add(edit, further=bool(together))
        together.append(edit)
        answers[place] = edit.path[0]
    if together:
        _decide_replicated(scene, change, together)
        if change.record is not None and change.record.whole:
            work.rewrite(change.record.whole)


def _refuse_replicated(change: DocumentChange, edit: Edit, links: Links) -> DocstoreError | None:
    """The rule never refuses a replicated edit; but it may state a condition, and need bytes."""
    try:
        meet_condition(change.head(), edit.parent, edit.condition, change.date)
    except PreconditionFailed as error:
        return error
    return None if links.allow(edit) else BytesGone()


def _decide_interactive(scene: EditBatch, change: DocumentChange, edit: Edit) -> EditAnswer:
    txn, state = scene.txn, scene.state
    seq = state.update_seq + 1
    record = change.record
    if scene.unique is None and (record is None or not (record.deleted or record.branched)):
        rev = decide_plainly(None if record is None else record.winner, edit)
        if rev is not None:
            if record is None:
                change.create((rev,), seq, edit.deleted, edit.body, state.revs_limit, scene.stamp)
            else:
                change.extend(txn, rev, seq, edit.deleted, edit.body, state.revs_limit, scene.stamp)
            scene.took(change, seq)
            return rev
    asked = edit
    if edit.condition is not None:
        try:
            parent = meet_condition(change.head(), edit.parent, edit.condition, change.date)
            edit = edit._replace(parent=parent)
        except PreconditionFailed as error:
            return error
    if edit.attachments:
        settled = settle_attachments(
            change.head(),
            lambda: change.tree(txn),
            edit,
            lambda leaf: blob_commands.leaf_attachments(txn, change, leaf),
        )
        if isinstance(settled, Rejected):
            return settled.error
        edit = settled
    head = None if change.record is None else change.record.head()
    outcome = decide(head, lambda: change.tree(txn), edit, seq, state.revs_limit)
    if isinstance(outcome, Rejected):
        return outcome.error
    if asked.attachments and not scene.links.allow(asked):
        return BytesGone()
    if scene.unique is not None and not edit.deleted:
        refusal = scene.refuse_duplicate(change, seq, body_of(edit), change.live_leaf(txn, edit.parent))
        if refusal is not None:
            return refusal
    if asked.attachments:
        scene.links.take(asked)
    _take(scene, change, outcome, [edit], range(seq, seq + 1))
    scene.took(change, seq)
    return outcome.rev


def _decide_replicated(scene: EditBatch, change: DocumentChange, edits: Sequence[Edit]) -> None:
    txn, state = scene.txn, scene.state
    first = state.update_seq + 1
    seqs = range(first, first + len(edits))
    outcome = decide_replicated_batch(change.head(), lambda: change.tree(txn), edits, seqs, state.revs_limit)
    if not isinstance(outcome, Unchanged):
        _take(scene, change, outcome, edits, seqs)
        scene.took(change, seqs[-1])


def _take(
    scene: EditBatch, change: DocumentChange, outcome: Outcome, edits: Sequence[Edit], seqs: Sequence[int]
) -> None:
    """Tell the change what was decided. The edit at a place of ``edits`` has its body under the seq at that place."""
    seq, body = seqs[0], body_of(edits[0]) if edits[0].attachments else edits[0].body
    stamp = scene.stamp
    match outcome:
        case Create():
            change.create(outcome.path, seq, outcome.deleted, body, scene.state.revs_limit, stamp)
        case Extend():
            change.extend(scene.txn, outcome.rev, seq, outcome.deleted, body, scene.state.revs_limit, stamp)
        case Rewrite():
            stored = zip(seqs, edits, outcome.stored, strict=True)
            bodies = {seq: body_of(edit) for seq, edit, wanted in stored if wanted}
            change.rewrite(scene.txn, outcome.tree, seq, bodies, stamp)
        case _:
            raise AssertionError(f"{outcome} leaves nothing to write")
