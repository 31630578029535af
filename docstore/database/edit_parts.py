"""Edits on their way to the writer: short requests as one command, longer ones as several, one after the other.

Owns the cut. A command has a bound of work (``edit_work.py``), and the next one is submitted when the last is durable,
so whoever else writes gets in between, however long a request is. What a command takes on is decided twice: here, by
what the edits say, and inside ``apply``, where it is known how large the trees are that they change; edits that were
not looked at there come first in the next command. It must not know the edit rule.

While others write single documents the bound is smaller, since each of those waits for the command before it. A batch
then costs a few commits more; alone it does not.

So a long request is not one transaction. If a command fails, the request fails with its error, what the commands before
it wrote stays, and edits of one document keep their order. A write with an idempotency key is one command always: it is
refused if it is too much work for that.
"""

from asyncio import gather, to_thread
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import Final, TypeAlias, TypeVar, cast
from uuid import uuid4

from docstore.core.answers import RefusedEdit, RulesChanged
from docstore.core.authorship import Written
from docstore.core.document import Document
from docstore.core.edit import Edit
from docstore.core.rev import Rev
from docstore.database.apply.edit_work import TOO_MUCH_WORK, most_work, portions, work_of_all
from docstore.database.commands import EditDocuments, Purge, PurgeRequest
from docstore.database.conflicts.attempts import note_all
from docstore.database.once import Once
from docstore.database.reading.at_once import DOCUMENTS
from docstore.database.write_gate import Check, Gate, submit_through
from docstore.errors import DocstoreError, TooLarge
from docstore.settings import StorageSettings
from docstore.storage.engine.writer import Writer

T = TypeVar("T")

EditAnswer: TypeAlias = Rev | DocstoreError

SHARED_SECONDS: Final = 1.0
"""For so long after the write of a single document the writer counts as shared."""


def note_single(writer: Writer | Once) -> None:
    """A single document is written for somebody who waits for that."""
    if isinstance(writer, Writer):
        writer.single_at = monotonic()


async def note_refused(answers: Sequence[EditAnswer], database: int, documents: Sequence[Document]) -> None:
    """Keep with the refusals among the answers what was attempted; of many in a thread."""
    if len(documents) <= DOCUMENTS:
        note_all(answers, database, documents)
    else:
        await to_thread(note_all, answers, database, documents)


async def submit_edits(
    writer: Writer | Once,
    settings: StorageSettings,
    database: int,
    edits: Sequence[Edit],
    *,
    new_edits: bool,
    check: Check | None = None,
    written: Written | None = None,
) -> list[EditAnswer]:
    """Carry out those edits of one database that pass ``check``; an answer for each. ``written`` as of EditDocuments.

    Raises what a command fails with as a whole; TooLarge for a write with an idempotency key beyond
    ``keyed_command_max_work``, before anything is written.
    """

    async def submit(
        admitted: Sequence[Edit], design_seq: int | None, refusals: tuple[RefusedEdit, ...]
    ) -> list[EditAnswer]:
        checked = EditDocuments(
            database, tuple(admitted), new_edits, design_seq=design_seq, refusals=refusals, written=written
        )
        return await _submit(writer, settings, checked)

    whole = isinstance(writer, Once) and len(edits) > 1
    return cast("list[EditAnswer]", await submit_through(check, edits, submit, new_edits=new_edits, whole=whole))


async def submit_known(
    writer: Writer | Once, gate: Gate | None, database: int, edit: Edit, written: Written
) -> list[EditAnswer] | None:
    """Carry out one interactive edit without a look at it, if it passes by what is remembered of the rules: its answer.

    None if it has to be looked at, also since other rules hold by now; nothing was written then.
    """
    design_seq = None if gate is None else gate.open_to(edit)
    if (gate is not None and design_seq is None) or not isinstance(writer, Writer):
        return None
    command = EditDocuments(database, (edit,), design_seq=design_seq, written=written)
    answers = cast("list[EditAnswer]", await writer.submit(command))
    return None if isinstance(answers[0], RulesChanged) else answers


async def _submit(writer: Writer | Once, settings: StorageSettings, checked: EditDocuments) -> list[EditAnswer]:
    """Carry out a command, or several that come to the same."""
    edits = checked.edits
    if len(edits) == 1:  # one edit is looked at always
        return cast("list[EditAnswer]", await writer.submit(checked))
    if isinstance(writer, Once):
        bound = settings.keyed_command_max_work
        if work_of_all(edits) > bound:
            raise TooLarge(TOO_MUCH_WORK)
        return cast("list[EditAnswer]", await writer.submit(replace(checked, max_work=bound, whole=True)))
    answers: dict[int, EditAnswer] = {}
    put_off: list[int] = []
    start = 0
    while put_off or start < len(edits):
        bound = settings.command_max_work
        if monotonic() - writer.single_at < SHARED_SECONDS:
            bound = min(bound, settings.shared_command_max_work)
        if not start and await _most_work(edits) <= bound:
            put_off, start = list(range(len(edits))), len(edits)
        elif not put_off:
            following = (edits[place] for place in range(start, len(edits)))
            end = start + next(portions(following, bound, new_edits=checked.new_edits))
            put_off = list(range(start, end))
            start = end
        command = replace(checked, edits=tuple([edits[place] for place in put_off]), max_work=bound)
        results = cast("list[EditAnswer | None]", await writer.submit(command))
        if not answers and len(results) == len(edits) and None not in results:
            return cast("list[EditAnswer]", results)
        decided = zip(put_off, results, strict=True)
        put_off = []
        for place, answer in decided:
            if answer is None:
                put_off.append(place)
            else:
                answers[place] = answer
        if any(isinstance(answer, RulesChanged) for answer in results):  # none of it was written, nor may what follows
            answers |= dict.fromkeys(range(start, len(edits)), RulesChanged())
            break
    return [answers[place] for place in range(len(edits))]


async def purge_documents(
    writer: Writer | Once, database: int, requests: Mapping[str, Sequence[Rev]]
) -> dict[str, list[Rev]]:
    """Forget leaves; every requested id with the revisions that were removed."""
    named = [PurgeRequest(uuid4().hex, doc_id, tuple(revs)) for doc_id, revs in requests.items()]
    removed = await submit_each(writer, named, partial(Purge, database))
    return dict(zip(requests, cast("list[list[Rev]]", removed), strict=True))


async def _most_work(edits: Sequence[Edit]) -> int:
    return most_work(edits) if len(edits) <= DOCUMENTS else await to_thread(most_work, edits)


async def submit_each(
    writer: Writer | Once, items: Sequence[T], command_of: Callable[[tuple[T, ...]], object]
) -> list[object]:
    """Carry out a command for each of the items, or with an idempotency key one of all; an answer for each item.

    They are submitted together, and so share a commit unless they are too much work for one. Raises what one of them
    fails with as a whole.
    """
    if not items:
        return []
    if isinstance(writer, Once):
        return cast("list[object]", await writer.submit(command_of(tuple(items))))
    answers = await gather(*(writer.submit(command_of((item,))) for item in items))
    return [answer for [answer] in cast("list[list[object]]", answers)]
