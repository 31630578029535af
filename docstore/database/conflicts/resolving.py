"""Resolving conflicts: what is found out before, on snapshots, and the one write that follows.

Owns the two steps, for one document or many::

    plans = await resolver.plan(requests)        reads leaves and ancestors, merges, checks; writes nothing
    answers = await resolver.carry_out(plans)    one command: results and tombstones, all in one transaction

What was planned for leaves that are no longer there is refused when it is carried out. How one document is planned
stands in ``planning.py``. It must not know HTTP.
"""

from asyncio import to_thread
from collections.abc import Awaitable, Callable, Sequence
from itertools import islice
from typing import Final, TypeAlias, cast

from docstore.core.answers import RulesChanged, refusal_of
from docstore.core.authorship import Written
from docstore.core.document import EMPTY_BODY, Document
from docstore.core.edit import Edit
from docstore.core.resolution import Resolved
from docstore.core.revision_hash import EMPTY_BODY_TERM
from docstore.database.attachments.blob_store import BlobStore
from docstore.database.attachments.edits import Attachments
from docstore.database.commands import ResolveDocuments
from docstore.database.conflicts.planning import Plan, Planner, ResolveRequest
from docstore.database.once import Once
from docstore.database.slices import LongSnapshot
from docstore.database.write_gate import Check, rounds
from docstore.errors import DocstoreError
from docstore.settings import MIB
from docstore.storage.databases import get_state
from docstore.storage.documents.scans import scan_conflicts
from docstore.storage.engine.environment import Environment
from docstore.storage.engine.writer import Writer

Settle: TypeAlias = Callable[[Sequence[Document]], Awaitable[Sequence[Document]]]

PLANNED_BYTES: Final = 8 * MIB
"""Bytes to be written or told after which no further document is planned."""

READ_BYTES: Final = 32 * MIB
"""The same of bytes that were read."""


class Resolver:
    """Resolves the conflicts of one database. ``settle`` has the last word on results, as on all that users write.

    ``written`` tells who writes, and that it is now.
    """

    def __init__(
        self,
        number: int,
        environment: Environment,
        writer: Writer | Once,
        blobs: BlobStore,
        attachments: Attachments,
        written: Callable[[], Written],
        settle: Settle | None = None,
        check: Check | None = None,
    ) -> None:
        self._number = number
        self._environment = environment
        self._writer = writer
        self._blobs = blobs
        self._attachments = attachments
        self._written = written
        self._settle = settle
        self._check = check

    def conflicted(self, start: str | None, limit: int) -> list[str]:
        """The ids of at most ``limit`` conflicted documents from ``start`` on, in order. Raises DatabaseNotFound."""
        with self._environment.snapshot() as snapshot:
            get_state(snapshot, self._number)
            return [row.document[0] for row in islice(scan_conflicts(snapshot, self._number, start=start), limit)]

    def conflict_count(self) -> int:
        """How many documents are conflicted. Raises DatabaseNotFound."""
        with self._environment.snapshot() as snapshot:
            return get_state(snapshot, self._number).conflict_count

    async def plan(
        self, requests: Sequence[ResolveRequest], max_size: int, *, dry_run: bool = False
    ) -> list[Plan | DocstoreError]:
        """A plan for each request, or the error of what cannot be resolved; of the first ones only, if they are large.

        ``max_size`` bounds the bytes of a merged document's body. Raises DatabaseNotFound.
        """
        return await to_thread(self._plan_all, requests, max_size, dry_run=dry_run)

    async def carry_out(self, plans: Sequence[Plan]) -> list[Resolved | DocstoreError]:
        """Resolve as planned, with one command; an answer for each plan. The plans end with it.

        Raises MissingStub, AttachmentTooLarge, BadRequest and what a write hook raises before anything is written; then
        for all of them.
        """
        documents: Sequence[Document] = [plan.document for plan in plans if plan.document is not None]
        answers: list[Resolved | DocstoreError] = []

        async def submit(edits: tuple[Edit, ...]) -> Sequence[object]:
            following = iter(edits)
            results = [None if plan.document is None else next(following) for plan in plans]
            answers.extend(await self._submit(plans, results))
            return [answer for plan, answer in zip(plans, answers, strict=True) if plan.document is not None]

        try:
            if self._settle is not None:
                documents = await self._settle(documents)
            await self._attachments.write_by(documents, submit)
        finally:
            for plan in plans:
                plan.release()
        return answers

    async def _submit(self, plans: Sequence[Plan], results: Sequence[Edit | None]) -> list[Resolved | DocstoreError]:
        """Carry out what the gate lets through: the result of each document, and that its other leaves are deleted."""
        resolutions = tuple(plan.resolution(result) for plan, result in zip(plans, results, strict=True))
        asked = [(place, edit) for place, plan in enumerate(plans) for edit in _edits_of(plan, results[place])]
        for _ in rounds():
            refused: dict[int, DocstoreError] = {}
            design_seq = None
            if self._check is not None:
                verdict = await self._check([edit for _, edit in asked], True)
                design_seq = verdict.design_seq
                for (place, _), judged in zip(asked, verdict.edits, strict=True):
                    if isinstance(judged, DocstoreError):
                        refused.setdefault(place, judged)
            refusals = tuple(refusal_of(place, error) for place, error in refused.items())
            try:
                command = ResolveDocuments(self._number, resolutions, design_seq, refusals, self._written())
                done = await self._writer.submit(command)
            except RulesChanged:
                continue
            answers = cast("list[Resolved | DocstoreError]", done)
            return [refused.get(place, answer) for place, answer in enumerate(answers)]
        raise RulesChanged

    def _plan_all(
        self, requests: Sequence[ResolveRequest], max_size: int, *, dry_run: bool
    ) -> list[Plan | DocstoreError]:
        """``plan``, in a thread: bodies may be large, and leaves many."""
        plans: list[Plan | DocstoreError] = []
        size = 0
        with LongSnapshot(self._environment) as snapshot:
            get_state(snapshot.current, self._number)
            planner = Planner(self._number, snapshot, self._blobs, max_size)
            for request in requests:
                try:
                    plan = planner.plan(request)
                    if dry_run:
                        planner.preview(plan)
                        plan.release()
                except DocstoreError as error:
                    plans.append(error.with_traceback(None))  # whose frames would keep what they hold
                    size += sum(len(str(told)) for told in error.details.values())
                else:
                    plans.append(plan)
                    size += plan.size
                if size >= PLANNED_BYTES or planner.bytes_read >= READ_BYTES:
                    break
        return plans


def _edits_of(plan: Plan, result: Edit | None) -> list[Edit]:
    """What a plan comes to, as edits of the leaves that there are: one becomes the result, others are deleted."""
    left = plan.keep if result is None else result.parent
    tombstones = [
        Edit(plan.doc_id, leaf, True, EMPTY_BODY, EMPTY_BODY_TERM, path=(leaf,)) for leaf in plan.live if leaf != left
    ]
    return tombstones if result is None else [result, *tombstones]
