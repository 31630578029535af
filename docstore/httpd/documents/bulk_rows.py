"""The rows of a reply to ``_bulk_docs``: one for each document, or for each that was refused.

Owns their text. A refused row is CouchDB's two words; to those who ask for problem details it has a member ``problem``
too, and to lenient clients the row of an edit that is applied already is that of an edit that went through. Conflicts
are counted row by row.
"""

from collections.abc import AsyncGenerator, Iterator, Sequence

from docstore.core.answers import written_json
from docstore.core.json_text import JsonValue, encode
from docstore.database.results import EditResult
from docstore.errors import Conflict, DocstoreError
from docstore.httpd.documents.replies import result_json
from docstore.httpd.params.preferences import is_lenient, wants_explanation, wants_problems
from docstore.httpd.problems.errors import error_body
from docstore.httpd.problems.refusing import count_conflict, refused_row
from docstore.httpd.replies import Reply
from docstore.httpd.request import Request
from docstore.httpd.wire.chunking import chunked_reply, enclosed, in_turns
from docstore.httpd.wire.streaming import StreamReply
from docstore.httpd.wire.turns import Turns
from docstore.httpd.writing.leniency import applied_before

VARIES = (("Vary", "Accept, Prefer"),)
ROWS_AT_ONCE = 64
"""So many rows are made between two looks at the clock."""


async def rows_reply(request: Request, results: Sequence[EditResult]) -> Reply | StreamReply:
    """The reply with these rows, as the client prefers them."""
    if wants_explanation(request.raw.headers):
        return await chunked_reply(explained_rows(request, results), status=201, headers=VARIES)
    return await chunked_reply(in_turns(enclosed(b"[", plain_rows(request, results), b"]\n")), status=201)


async def count_rows(request: Request, results: Sequence[EditResult]) -> None:
    """Count the conflicts of rows that are told otherwise."""
    async for _ in in_turns(plain_rows(request, results)):
        pass


def plain_rows(request: Request, results: Sequence[EditResult]) -> Iterator[bytes]:
    """The rows as CouchDB has them, some of them at a time with commas between."""
    for start in range(0, len(results), ROWS_AT_ONCE):
        some = results[start : start + ROWS_AT_ONCE]
        for row, result in enumerate(some, start):
            if result.error is not None and isinstance(result.error, Conflict):
                count_conflict(request, result.error, row=row)
        yield b",".join(
            [
                written_json(one.id, one.rev) if one.rev is not None and one.error is None else result_json(one)
                for one in some
            ]
        )


async def explained_rows(request: Request, results: Sequence[EditResult]) -> AsyncGenerator[bytes]:
    """The rows as the client prefers them, an array of JSON; other requests get their turns in between."""
    headers = request.raw.headers
    lenient, problems = is_lenient(headers), wants_problems(headers)
    before = b"["
    with Turns() as turns:
        for row, result in enumerate(results):
            error = result.error
            if error is None:
                text = result_json(result)
            else:
                text = await _refused(request, result, error, row, lenient=lenient, problems=problems)
            yield before + text
            before = b","
            if turns.over():
                await turns.next()
    yield b"]\n" if results else b"[]\n"


async def _refused(
    request: Request, result: EditResult, error: DocstoreError, row: int, *, lenient: bool, problems: bool
) -> bytes:
    done = await applied_before(request, error) if lenient else None
    if done is not None and done.rev is not None:
        return written_json(result.id, done.rev)
    rev: dict[str, JsonValue] = {} if result.rev is None else {"rev": str(result.rev)}
    members: dict[str, JsonValue] = {"id": result.id, **rev, **error_body(error)}
    if problems:
        members["problem"] = await refused_row(request, error, row)
    elif isinstance(error, Conflict):
        count_conflict(request, error, row=row)
    return encode(members)
