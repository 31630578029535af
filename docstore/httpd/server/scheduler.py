"""``/_scheduler/jobs`` and ``/_scheduler/docs``: what is replicated, and how it fares.

Owns the paths below, the parameters and the text around the rows; the rows are made by ``docstore.replication``.
Follows ``couch_replicator_httpd`` of CouchDB with one difference: of the documents that ``states`` leaves, ``skip`` and
``limit`` count, not of all (CouchDB looks at no more documents than ``skip`` and ``limit`` say, whatever their states).
"""

from collections.abc import AsyncGenerator, Collection
from contextlib import aclosing
from dataclasses import replace

from docstore.core.document import DESIGN_PREFIX
from docstore.core.json_text import JsonValue, decode, encode
from docstore.database.database import Database
from docstore.database.reading.all_docs import AllDocsQuery, read_all_docs
from docstore.errors import BadRequest, DocumentDeleted, NotFound, QueryParseError
from docstore.httpd.params.all_docs import query_of_get
from docstore.httpd.params.values import parse_integer
from docstore.httpd.replies import Reply, json_reply
from docstore.httpd.request import Request
from docstore.httpd.wire.chunking import chunked_reply
from docstore.httpd.wire.streaming import StreamReply
from docstore.httpd.wire.turns import Turns
from docstore.replication.jobs.documents import REPLICATOR, described, is_replicator
from docstore.replication.jobs.job import State
from docstore.replication.jobs.replications import Replications

DEFAULT_LIMIT = 100
SEPARATOR = b",\r\n"


async def jobs(request: Request) -> Reply:
    """``GET /_scheduler/jobs``: all jobs by id, those of requests too."""
    limit, skip = _count(request, "limit", DEFAULT_LIMIT), _count(request, "skip", 0)
    replications = request.node.replications
    listed = replications.jobs()
    offset = min(skip, len(listed))
    rows: list[JsonValue] = []
    with Turns() as turns:
        for job in listed[offset:][:limit]:
            rows.append(job.members(replications.node_name))
            if turns.over():
                await turns.next()
    return json_reply({"total_rows": len(listed), "offset": offset, "jobs": rows})


async def job(request: Request) -> Reply:
    """``GET /_scheduler/jobs/{id}``"""
    replications = request.node.replications
    # clients leave the + of "...+continuous" as it is, which is a blank to some
    found = replications.job(request.segments[2].replace(" ", "+"))
    if found is None:
        raise NotFound
    return json_reply(found.members(replications.node_name))


async def docs(request: Request) -> Reply | StreamReply:
    """``GET /_scheduler/docs``, and below it a replicator database or one document of it."""
    name, doc_id = _place(request.segments[2:])
    database = request.node.registry.open(name)
    replications = request.node.replications
    if doc_id is not None:
        return json_reply(_row(replications, database, doc_id))
    states = _states(request.query.get("states", ""))
    query = query_of_get(request)
    if request.method == "HEAD":
        return Reply()
    return await chunked_reply(_listing(replications, database, query, states))


def _row(replications: Replications, database: Database, doc_id: str) -> dict[str, JsonValue]:
    row = replications.of_document(database, doc_id)
    if row is not None:
        return row
    try:
        members = decode(database.open_doc(doc_id).json)
    except DocumentDeleted:
        raise NotFound from None
    if not isinstance(members, dict):
        raise TypeError("a stored document is no object")
    return described(database.name, members)


async def _listing(
    replications: Replications, database: Database, query: AllDocsQuery, states: Collection[State]
) -> AsyncGenerator[bytes]:
    """The documents by id, as far as they are in one of these states (any, if none is given)."""
    everything = replace(query, skip=0, limit=None, include_docs=True, conflicts=False, attachments=False)
    to_skip, left = query.skip, query.limit
    begun = False
    before = b""
    with Turns() as turns:
        async with aclosing(read_all_docs(database, everything)) as slices:
            async for part in slices:
                if not begun:
                    offset = None if part.offset is None else min(part.total_rows or 0, part.offset + query.skip)
                    head = b'{"total_rows":%b,"offset":%b,"docs":[\r\n'
                    yield head % (encode(part.total_rows), encode(offset))
                    begun = True
                for text in part.rows:
                    if left == 0:
                        break
                    row = _listed_row(replications, database, text, states) if isinstance(text, bytes) else None
                    if row is not None and to_skip:
                        to_skip -= 1
                    elif row is not None:
                        yield before + encode(row)
                        before = SEPARATOR
                        left = None if left is None else left - 1
                    if turns.over():
                        await turns.next()
                if left == 0:
                    break
    yield b"\r\n]}\n"


def _listed_row(
    replications: Replications, database: Database, text: bytes, states: Collection[State]
) -> dict[str, JsonValue] | None:
    """The row of a document; None for what is no replication, or in another state."""
    listed = decode(text)
    members = listed.get("doc") if isinstance(listed, dict) else None
    doc_id = members.get("_id") if isinstance(members, dict) else None
    if not isinstance(members, dict) or not isinstance(doc_id, str) or doc_id.startswith(DESIGN_PREFIX):
        return None
    row = replications.of_document(database, doc_id) or described(database.name, members)
    return row if not states or row["state"] in states else None


def _place(path: list[str]) -> tuple[str, str | None]:
    """The database, and perhaps the document, that a path names; slashes in the database's name may be plain ones."""
    if not path:
        return REPLICATOR, None
    if is_replicator(path[0]) and len(path) <= 2:
        return path[0], path[1] if len(path) > 1 else None
    end = path.index(REPLICATOR) + 1 if REPLICATOR in path else 0
    if not end or len(path) > end + 1:
        raise BadRequest("")
    return "/".join(path[:end]), path[end] if len(path) > end else None


def _states(text: str) -> set[State]:
    words = {word for word in text.lower().split(",") if word}
    known = [state.value for state in State]
    if not words <= set(known):
        raise QueryParseError(f"States must be one or more of [{','.join(known)}]")
    return {State(word) for word in words}


def _count(request: Request, name: str, default: int) -> int:
    text = request.query.get(name)
    if text is None:
        return default
    try:
        count = parse_integer(text)
    except QueryParseError:
        raise QueryParseError(f"{name} must be an integer") from None
    if count < 0:
        raise QueryParseError(f"{name} not in range of [0,infinity]")
    return count
