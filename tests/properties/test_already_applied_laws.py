"""Whether an edit is applied already, after any history: yes is never missed while all is kept, no is never wrong.

A history of edits, deletions, re-creations, replicated branches, compactions, stemmings and purges is written to a
store. Then every edit that ever went through is asked for again, and so is one with a content that nobody ever sent.
"""

import asyncio
import tempfile
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from docstore.core.document import Document, parse_document
from docstore.core.rev import Rev
from docstore.database.conflicts.already_applied import Applied, Verdict
from docstore.database.conflicts.attempts import Attempt, Operation
from docstore.database.conflicts.report import already_applied
from docstore.database.database import Database
from docstore.errors import Conflict, DocumentDeleted, MissingStub, NotFound
from docstore.node import Node
from tests.database import helpers

IDS = ["a", "_design/d"]
ATTACHED = {
    "plain": {"content_type": "image/png", "data": "AAEC"},
    "gzipped": {"content_type": "text/plain", "data": "aGFsbG8="},
}
NEVER_SENT = 1_000_000

doc_ids = st.sampled_from(IDS)
small = st.integers(0, 30)
steps = st.one_of(
    st.tuples(st.just("edit"), doc_ids, small, st.sampled_from(["inline", "stubs"])),
    st.tuples(st.just("edit"), doc_ids, small, st.none()),
    st.tuples(st.just("create"), doc_ids, small),
    st.tuples(st.just("delete"), doc_ids, small),
    st.tuples(st.just("branch"), doc_ids, small),
    st.tuples(st.just("bulk"), doc_ids, small),
    st.tuples(st.just("compact")),
)
losses = st.one_of(
    st.tuples(st.just("limit"), st.integers(1, 4)),
    st.tuples(st.just("purge"), doc_ids, small),
    st.tuples(st.just("import"), doc_ids, small),
)


@dataclass
class History:
    """What was done to a database. ``applied``: every edit that went through, with its revision."""

    database: Database
    applied: list[tuple[Document, Rev]] = field(default_factory=list)
    revs: dict[str, list[Rev]] = field(default_factory=lambda: {doc_id: [] for doc_id in IDS})
    is_lossy: bool = False
    numbers: count = field(default_factory=count)

    async def carry_out(self, step: tuple) -> None:
        await getattr(self, step[0])(*step[1:])

    async def edit(self, doc_id: str, choice: int, attached: str | None) -> None:
        """Change the newest revision, or any. Few contents, so that some edits are made twice."""
        revs = self.revs[doc_id]
        parent = revs[-1 if choice % 3 else -1 - choice % len(revs)] if revs else None
        members: dict = {"n": choice % 3}
        if attached == "inline":
            members["_attachments"] = ATTACHED
        elif attached == "stubs":
            members["_attachments"] = {"plain": {"stub": True}}
        await self.write(edit_of(doc_id, parent, members))

    async def create(self, doc_id: str, choice: int) -> None:
        await self.write(edit_of(doc_id, None, {"n": choice % 3}))

    async def delete(self, doc_id: str, choice: int) -> None:
        revs = self.revs[doc_id]
        parent = revs[-1 - choice % len(revs)] if revs else None
        try:
            result = await self.database.delete_doc(doc_id, parent)
        except (Conflict, NotFound, DocumentDeleted):
            return
        self.took(edit_of(doc_id, parent, {"_deleted": True}), result.rev)

    async def branch(self, doc_id: str, choice: int) -> None:
        """A revision made elsewhere, of a known one: a branch, unless it is the newest one's."""
        revs = self.revs[doc_id]
        if not revs:
            return
        parent = revs[choice % len(revs)]
        made = Rev(parent.generation + 1, next(self.numbers).to_bytes(16, "big"))
        await self.replicated(doc_id, made, parent, deleted=choice % 4 == 0)

    async def bulk(self, doc_id: str, choice: int) -> None:
        """Two edits of one revision at once; at most one of them goes through."""
        revs = self.revs[doc_id]
        parent = revs[-1] if revs else None
        documents = [edit_of(doc_id, parent, {"n": number}) for number in (choice, choice + 1)]
        for document, result in zip(documents, await self.database.update_docs(documents), strict=True):
            if result.rev is not None:
                self.took(document, result.rev)

    async def compact(self) -> None:
        await self.database.compact()

    async def limit(self, number: int) -> None:
        self.is_lossy = True
        await self.database.set_revs_limit(number)

    async def purge(self, doc_id: str, choice: int) -> None:
        self.is_lossy = True
        revs = self.revs[doc_id]
        if revs:
            await self.database.purge({doc_id: [revs[-1 - choice % len(revs)]]})

    async def import_(self, doc_id: str, choice: int) -> None:
        """A revision whose history nobody tells."""
        self.is_lossy = True
        await self.replicated(doc_id, Rev(choice + 2, next(self.numbers).to_bytes(16, "big")), deleted=choice % 4 == 0)

    async def replicated(self, doc_id: str, *path: Rev, deleted: bool) -> None:
        await self.database.update_docs([helpers.replicated(doc_id, *path, deleted=deleted)], new_edits=False)
        self.revs[doc_id].append(path[0])

    async def write(self, document: Document) -> None:
        try:
            result = await self.database.update_doc(document)
        except (Conflict, MissingStub):
            return
        self.took(document, result.rev)

    def took(self, document: Document, rev: Rev) -> None:
        self.applied.append((document, rev))
        self.revs[document.id].append(rev)

    async def ask(self, document: Document, operation: Operation = Operation.WRITE) -> Verdict:
        attempt = Attempt(self.database.number, document.id, document.rev, operation, document)
        return await already_applied(self.database.environment, attempt)


def edit_of(doc_id: str, parent: Rev | None, members: dict) -> Document:
    named = members if parent is None else members | {"_rev": str(parent)}
    return parse_document(named, doc_id=doc_id, limits=helpers.LIMITS)


async def check(history: History) -> None:
    for document, rev in history.applied:
        verdict = await history.ask(document)
        if verdict.applied is Applied.YES:
            # Where no parent is named, the same content may have been made of several.
            assert document.rev is None or verdict.rev == rev
        else:
            assert verdict == Verdict(Applied.UNKNOWN)
            assert history.is_lossy or document.attachments
        changed = edit_of(document.id, document.rev, {"n": NEVER_SENT})
        verdict = await history.ask(changed)
        assert verdict.applied is not Applied.YES
        assert history.is_lossy or verdict.applied is Applied.NO


async def run(history_of: list[tuple]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with Node(helpers.settings(Path(folder))) as node:
            history = History(await node.registry.create("db"))
            for step in history_of:
                await history.carry_out(("import_", *step[1:]) if step[0] == "import" else step)
            await check(history)
            await history.compact()
            await check(history)


def examples(number: int) -> settings:
    return settings(max_examples=number, suppress_health_check=list(HealthCheck))


@examples(40)
@given(st.lists(steps, max_size=25))
def test_what_was_applied_is_found_and_nothing_else(history):
    asyncio.run(run(history))


@examples(40)
@given(st.lists(st.one_of(steps, losses), max_size=25))
def test_what_was_lost_is_unknown_and_never_denied(history):
    asyncio.run(run(history))


@pytest.mark.long
@examples(1_000)
@given(st.lists(st.one_of(steps, steps, losses), max_size=60))
def test_long_histories(history):
    asyncio.run(run(history))
