"""``_resolve``: one document's conflict, or those of many, resolved in one step.

Owns the order of checks and the paging. What the bodies may say is read in ``params/resolve.py``, the replies' text is
that of ``database.apply.resolve_forms``; it is made in a thread, since leaves, documents and clashes may be many.
"""

from asyncio import to_thread
from collections.abc import Sequence
from functools import partial

from docstore.core.resolution import Resolved
from docstore.database.apply.resolve_forms import ManyResolvedForm, PlannedRow, ResolvedForm, refused_row, rows_text
from docstore.database.conflicts.planning import Plan, ResolveRequest
from docstore.database.database import Database
from docstore.database.once import Once
from docstore.errors import Conflict, DocstoreError
from docstore.httpd.documents.replies import location_header
from docstore.httpd.params.resolve import ManyParams, dry_run_of, many_requests, one_request
from docstore.httpd.problems.refusing import count_conflict
from docstore.httpd.replies import Reply, raw_json_reply, stored_reply
from docstore.httpd.request import Request
from docstore.httpd.wire.turns import Turns
from docstore.httpd.writing.writes import Change, through


async def resolve_document(request: Request) -> Reply | Change:
    """``POST /{db}/{doc}/_resolve``: the result is a new revision or one of the leaves, the others get tombstones."""
    database = request.database()
    dry_run = dry_run_of(request)
    asked = await one_request(request)
    [plan] = await database.resolver.plan([asked], request.node.settings.limits.max_document_size, dry_run=dry_run)
    if isinstance(plan, DocstoreError):
        try:
            raise plan
        finally:
            del plan  # else error and frame hold each other, and with them what was asked: thousands of leaves
    if dry_run:
        return raw_json_reply(await to_thread(_previewed, plan))
    status = 200 if plan.document is None and len(plan.live) == 1 else 201
    headers = location_header(request, plan.doc_id)
    form = ResolvedForm(plan.row(), status, headers)
    return Change(
        lambda once: through(once, database).resolver.carry_out([plan]), lambda: form, partial(_resolved_reply, form)
    )


async def resolve_many(request: Request) -> Reply | Change:
    """``POST /{db}/_resolve``: the documents named, or a page of all conflicted ones."""
    database = request.database()
    dry_run = dry_run_of(request)
    asked = await many_requests(request)
    requests, after = _requests(database, asked)
    plans = await database.resolver.plan(requests, request.node.settings.limits.max_document_size, dry_run=dry_run)
    following = requests[len(plans)].doc_id if len(plans) < len(requests) else after
    ids = [one.doc_id for one in requests]
    if dry_run:
        return raw_json_reply(await to_thread(_previewed_rows, ids, plans, following))
    form = ManyResolvedForm(await to_thread(_planned_rows, ids, plans), following)

    async def carry_out(once: Once | None) -> Sequence[Resolved | DocstoreError]:
        resolver = through(once, database).resolver
        answers = await resolver.carry_out([plan for plan in plans if isinstance(plan, Plan)])
        await _count_refused(request, ids, plans, answers)
        return answers

    return Change(carry_out, lambda: form, partial(_resolved_reply, form))


async def _resolved_reply(form: ResolvedForm | ManyResolvedForm, answers: Sequence[Resolved | DocstoreError]) -> Reply:
    return stored_reply(await to_thread(form.render, [answers]))


async def _count_refused(
    request: Request,
    ids: Sequence[str],
    plans: Sequence[Plan | DocstoreError],
    answers: Sequence[Resolved | DocstoreError],
) -> None:
    following = iter(answers)
    with Turns() as turns:
        for row, (doc_id, plan) in enumerate(zip(ids, plans, strict=False)):
            result = next(following) if isinstance(plan, Plan) else plan
            if isinstance(result, Conflict):
                count_conflict(request, result, row=row, doc_id=doc_id)
            if turns.over():
                await turns.next()


def _requests(database: Database, asked: ManyParams) -> tuple[Sequence[ResolveRequest], str | None]:
    """What is to be resolved, and the id of the first conflicted document behind it."""
    if asked.requests is not None or asked.how is None:
        return asked.requests or (), None
    ids = database.resolver.conflicted(asked.start, asked.limit + 1)
    after = ids.pop() if len(ids) > asked.limit else None
    return [ResolveRequest(doc_id, asked.how) for doc_id in ids], after


def _planned_rows(ids: Sequence[str], plans: Sequence[Plan | DocstoreError]) -> tuple[PlannedRow | bytes, ...]:
    """A row for each plan, of those that could not be resolved its text."""
    return tuple(
        refused_row(doc_id, plan) if isinstance(plan, DocstoreError) else plan.row()
        for doc_id, plan in zip(ids, plans, strict=False)
    )


def _previewed_rows(ids: Sequence[str], plans: Sequence[Plan | DocstoreError], following: str | None) -> bytes:
    """The reply of a dry run."""
    texts = [
        refused_row(doc_id, plan) if isinstance(plan, DocstoreError) else _previewed(plan)
        for doc_id, plan in zip(ids, plans, strict=False)
    ]
    return rows_text(texts, following)


def _previewed(plan: Plan) -> bytes:
    """A row of a dry run: what would come of it, and the document that would be left."""
    if plan.outcome is None:
        raise AssertionError("a dry run has an outcome")
    return plan.row().text(plan.outcome, b',"dry_run":true,"doc":%b' % plan.text)
