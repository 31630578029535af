"""Resolving conflicts in a data folder that no server has open.

Owns the pages. What resolving means is the database's business.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from docstore.cli.targets.name_target import open_existing
from docstore.cli.targets.places import NameTarget
from docstore.cli.targets.resolving import Outcome, Resolving, Strategy
from docstore.core.resolution import Resolved
from docstore.database.conflicts.planning import Plan, ResolveRequest
from docstore.database.database import Database
from docstore.errors import DocstoreError
from docstore.settings import Limits

PAGE: Final = 100


class _OpenName:
    """The open database."""

    def __init__(self, database: Database) -> None:
        self._resolver = database.resolver
        self._max_size = Limits().max_document_size

    async def count(self) -> int:
        return self._resolver.conflict_count()

    async def resolve_all(self, how: Strategy, *, dry_run: bool) -> AsyncGenerator[list[Outcome]]:
        ids = self._resolver.conflicted(None, PAGE + 1)
        while ids:
            outcomes = await self._resolve([ResolveRequest(doc_id, how) for doc_id in ids[:PAGE]], dry_run=dry_run)
            yield outcomes
            following = ids[len(outcomes) :]
            ids = self._resolver.conflicted(following[0], PAGE + 1) if following else []

    async def resolve_one(self, doc_id: str, how: Strategy, *, dry_run: bool) -> Outcome:
        [outcome] = await self._resolve([ResolveRequest(doc_id, how)], dry_run=dry_run)
        return outcome

    async def _resolve(self, requests: Sequence[ResolveRequest], *, dry_run: bool) -> list[Outcome]:
        """Resolve documents, or if they are large the first ones of them."""
        plans = await self._resolver.plan(requests, self._max_size, dry_run=dry_run)
        planned = [plan for plan in plans if isinstance(plan, Plan)]
        answers: list[Resolved | DocstoreError] = []
        if dry_run:
            answers += [plan.outcome for plan in planned if plan.outcome is not None]
        elif planned:
            answers = await self._resolver.carry_out(planned)
        following = iter(answers)
        return [
            _outcome(request.doc_id, plan, next(following)) if isinstance(plan, Plan) else _refused(request, plan)
            for request, plan in zip(requests, plans, strict=False)
        ]


def _outcome(doc_id: str, plan: Plan, answer: Resolved | DocstoreError) -> Outcome:
    if isinstance(answer, DocstoreError):
        return Outcome(doc_id, error=answer.error, reason=answer.reason)
    return Outcome(doc_id, len(answer.tombstones), text=plan.text)


def _refused(request: ResolveRequest, error: DocstoreError) -> Outcome:
    return Outcome(request.doc_id, error=error.error, reason=error.reason)


@asynccontextmanager
async def open_name_resolving(target: NameTarget) -> AsyncIterator[Resolving]:
    """The open database. Raises click.ClickException if it is not there, or another process has the folder."""
    async with open_existing(target) as database:
        yield _OpenName(database)
