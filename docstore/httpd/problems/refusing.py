"""What every refused request goes through: it is counted, and answered in CouchDB's words or with problem details.

Owns that way, for whole requests and for the rows of ``_bulk_docs``. Handlers raise; those that have to put headers of
their own on an error reply ask for it here. It must not know how an edit is decided, nor the words of any problem.

Who asks for nothing costs nothing: of a plain conflict only the kind is looked up, to be counted. What a refused edit
says of its document is told only to those who may read it.
"""

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final, cast

from aiohttp import hdrs
from aiohttp.web import BaseRequest
from multidict import CIMultiDict, CIMultiDictProxy

from docstore.core.json_text import JsonValue
from docstore.core.rev import Rev
from docstore.database.conflicts.attempts import EXPLAINED, Attempt, ConflictKind, kind_of
from docstore.database.conflicts.report import ConflictReport, explain
from docstore.errors import Conflict, DocstoreError, PreconditionFailed
from docstore.httpd.params.preferences import wants_problems
from docstore.httpd.problems.conflicts import detail_of, members_of
from docstore.httpd.problems.details import NO_MEMBERS, TYPES, plain_problem_reply, problem_body, problem_reply
from docstore.httpd.problems.errors import error_reply, plain_error_reply
from docstore.httpd.problems.next_steps import READ_STATE, action, after_error, document_url
from docstore.httpd.replies import Header, Reply
from docstore.httpd.request import Request
from docstore.httpd.wire.paths import encode_segment
from docstore.query.errors import StateConflict

logger = logging.getLogger(__name__)

OTHER_CONFLICT: Final = "conflict"
UNAUTHORIZED: Final = 401
CHALLENGE_WISHED: Final = "X-CouchDB-WWW-Authenticate"
INSTANCE: Final = "urn:docstore:request:"


async def refused(request: Request, error: DocstoreError, headers: Sequence[Header] = ()) -> Reply:
    """The reply to a request that ended in ``error``, with these headers too."""
    report = None
    reply = error_reply(error)
    if wants_problems(request.raw.headers):
        try:  # whatever happens here, the request was refused for its own reason
            report = await _report(request, error)
            reply = problem_reply(error, _problem(request, error, report))
        except Exception:
            logger.exception("request %s: the problem details of %r failed", request.id.decode(), error)
    if isinstance(error, Conflict):
        count_conflict(request, error, report)
    reply.headers = (*reply.headers, *headers)
    if reply.status == UNAUTHORIZED:
        reply.headers = (*reply.headers, *_challenge(request))
    return reply


def refused_unread(raw: BaseRequest, status: int, error: str, reason: str) -> Reply:
    """The reply to a request that was refused before there was a handler to raise anything; it is not counted."""
    # of what could not be read as HTTP, no headers are known
    if wants_problems(CIMultiDictProxy(CIMultiDict(raw.headers))):
        return plain_problem_reply(status, error, reason)
    return plain_error_reply(status, error, reason)


async def refused_row(request: Request, error: DocstoreError, row: int) -> dict[str, JsonValue]:
    """The problem details of one row of a request; the row is counted."""
    report = await _report(request, error)
    if isinstance(error, Conflict):
        count_conflict(request, error, report, row)
    return _problem(request, error, report, f"#{row}")


def count_conflict(
    request: Request,
    error: Conflict,
    report: ConflictReport | None = None,
    row: int | None = None,
    *,
    doc_id: str | None = None,
) -> None:
    """Count a conflict and log it: of a request as a whole, or of one of its rows.

    ``doc_id`` is that of the row, where the error does not know it.
    """
    attempt = error.attempt
    database = request.segments[0] if request.segments else ""
    doc_id, rev = request.doc_id if doc_id is None else doc_id, None
    if isinstance(attempt, Attempt):
        doc_id, rev = attempt.doc_id, attempt.rev
    told = report is not None and not isinstance(error, StateConflict)
    kind = report.kind.value if report is not None and told else _kind_of(request, error)
    count_refused(request, kind, database, doc_id, rev, row)


def count_refused(
    request: Request, kind: str, database: str, doc_id: str, rev: Rev | None, row: int | None = None
) -> None:
    """The same for a conflict that is no error: a write on top of ``rev``, or one row of several."""
    request.node.conflict_stats.conflict(database, doc_id, kind)
    log = request.service.conflict_log
    if log.wants_line(kind, database, doc_id):
        method, name = request.method, request.user.name
        log.add(partial(_line, kind, method, database, doc_id, rev, row, request.id, name))


def _line(
    kind: str,
    method: str,
    database: str,
    doc_id: str,
    rev: Rev | None,
    row: int | None,
    request_id: bytes,
    user: str | None,
) -> str:
    return (
        f"kind={kind} method={method} db={encode_segment(database)} doc={encode_segment(doc_id) or '-'}"
        f" rev={'-' if rev is None else encode_segment(str(rev))} row={'-' if row is None else row}"
        f" id={request_id.decode()} user={user or '-'}"
    )


def may_read(request: Request) -> bool:
    """Whether who asks may know what stands in the documents of the request's database."""
    return request.may_read


async def _report(request: Request, error: DocstoreError) -> ConflictReport | None:
    """The explanation of a refused edit, for those who may read it; None where there is none."""
    attempt = error.attempt
    if not isinstance(attempt, Attempt) or not isinstance(error, EXPLAINED) or not may_read(request):
        return None
    try:
        return await explain(request.node.env, attempt)
    except DocstoreError as failure:  # the database was deleted meanwhile, or there are too many snapshots
        logger.info("request %s: a conflict could not be explained: %s", request.id.decode(), failure.reason)
        return None


def _problem(
    request: Request, error: DocstoreError, report: ConflictReport | None, fragment: str = ""
) -> dict[str, JsonValue]:
    instance = f"{INSTANCE}{request.id.decode()}{fragment}"
    attempt = error.attempt
    if isinstance(error, StateConflict) and report is not None and isinstance(attempt, Attempt):
        current = {} if report.current_rev is None else {"current_rev": str(report.current_rev)}
        step = action("GET", document_url(request, attempt.doc_id), READ_STATE)
        known: dict[str, JsonValue] = {"doc_id": attempt.doc_id, **current, "suggested_actions": [step]}
        return problem_body(error, instance, members=_details(error) | known)
    if report is None or not isinstance(attempt, Attempt):
        members = _members(request, error) if may_read(request) else NO_MEMBERS
        return problem_body(error, instance, members=members)
    members = members_of(request, attempt, report) | _details(error)
    if report.kind is not ConflictKind.APPLIED and error.error == PreconditionFailed.error:
        return problem_body(error, instance, members=members)
    return problem_body(error, instance, kind=report.kind, detail=detail_of(report), members=members)


def _members(request: Request, error: DocstoreError) -> dict[str, JsonValue]:
    """What is told of an error that is no refused edit; of those without a type of their own nothing."""
    if type(error) not in TYPES:
        return _details(error)
    members: dict[str, JsonValue] = {"doc_id": request.doc_id} if request.doc_id else {}
    return members | _details(error) | {"suggested_actions": list(after_error(request, error))}


def _challenge(request: Request) -> tuple[Header, ...]:
    """How a browser is told to ask for a password: as the request wishes (``Cookie``: not at all), or as is set."""
    wished = request.raw.headers.get(CHALLENGE_WISHED)
    told = request.node.accounts.policy.challenge if wished is None else wished
    return ((hdrs.WWW_AUTHENTICATE, told),) if told.isascii() and told.isprintable() and told else ()


def _details(error: DocstoreError) -> dict[str, JsonValue]:
    return dict(cast("Mapping[str, JsonValue]", error.details))


def _kind_of(request: Request, error: Conflict) -> str:
    attempt = error.attempt
    if isinstance(attempt, Attempt) and not isinstance(error, StateConflict):
        if attempt.kind is not None:
            return attempt.kind
        try:
            with request.node.env.snapshot() as snapshot:
                return kind_of(snapshot, attempt).value
        except DocstoreError:  # too many snapshots are open
            return OTHER_CONFLICT
    problem = TYPES.get(type(error))
    return OTHER_CONFLICT if problem is None else problem.name
