"""``_changes`` by a filter that is asked elsewhere: a function of a design document.

Owns the way of rows to the filter and back. The rows are read as without a filter, and the filter is shown the
revisions that each names, with their ``_revisions``; what it does not let through is left out. It must not know what
the filter is. Follows ``couch_changes:filter`` and ``filter_revs``: of a row with several leaves those stay that pass.
"""

from asyncio import to_thread
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias, cast

from docstore.core.json_text import JsonValue, decode, encode
from docstore.core.rev import parse_rev
from docstore.database.reading.changes import ChangesQuery, ChangesSlice, read_changes
from docstore.database.reading.document_text import Row
from docstore.database.reading.documents import OpenOptions, open_with_options
from docstore.errors import NotFound

if TYPE_CHECKING:
    from docstore.database.database import Database

Select: TypeAlias = Callable[[Sequence[bytes]], Awaitable[Sequence[bool]]]
"""Which of these documents, as JSON texts, pass."""

_DOC: Final = b',"doc":'


class _Named(NamedTuple):
    """A row: its members before ``doc``, what follows them, and the texts of the revisions that it names."""

    members: dict[str, JsonValue]
    documents: list[tuple[JsonValue, bytes]]


async def read_selected(database: "Database", query: ChangesQuery, select: Select) -> AsyncGenerator[ChangesSlice]:
    """As ``changes.read_changes``; ``limit`` counts rows that pass, and every row has its sequence."""
    left = query.limit
    everything = replace(query, limit=None if left else left, seq_interval=None)
    async with aclosing(read_changes(database, everything)) as slices:
        async for piece in slices:
            if not piece.rows:
                yield piece
                continue
            rows: list[Row] = []
            seqs: list[int | None] = []
            named = await to_thread(_named, database, piece.rows)
            passes = iter(await select([text for row in named for _, text in row.documents]))
            for place, (row, names) in enumerate(zip(piece.rows, named, strict=True), 1):
                passed = [rev for rev, _ in names.documents if next(passes)]
                if not passed:
                    continue
                rows.append(_row_of(row, names, passed))
                seqs.append(piece.seqs[place - 1])
                if left is not None and len(rows) == left:
                    last = seqs[-1]
                    pending = piece.pending + len(piece.rows) - place
                    yield ChangesSlice(rows, seqs, piece.last_seq if last is None else last, pending)
                    return
            left = None if left is None else left - len(rows)
            yield piece._replace(rows=rows, seqs=seqs)


def _named(database: "Database", rows: Sequence[Row]) -> list[_Named]:
    """What the rows name, in a thread. A body that is gone meanwhile does not pass."""
    found = []
    with database.environment.snapshot() as snapshot:
        for row in rows:
            head = row if isinstance(row, bytes) else cast("bytes", row[0])
            end = head.find(_DOC)
            members = cast("dict[str, JsonValue]", decode(head if end < 0 else head[:end] + b"}"))
            documents: list[tuple[JsonValue, bytes]] = []
            for named in cast("list[dict[str, str]]", members["changes"]):
                options = OpenOptions(rev=parse_rev(named["rev"]), revs=True)
                try:
                    opened = open_with_options(
                        snapshot, database.number, str(members["id"]), options, database.blobs.open
                    )
                except NotFound:
                    continue
                documents.append((named["rev"], opened.json))
            found.append(_Named(members, documents))
    return found


def _row_of(row: Row, names: _Named, passed: Sequence[JsonValue]) -> Row:
    """The row with those revisions alone that pass."""
    if len(passed) == len(cast("list[JsonValue]", names.members["changes"])):
        return row
    changes: JsonValue = [{"rev": rev} for rev in passed]
    text = encode(names.members | {"changes": changes})
    if isinstance(row, bytes):
        end = row.find(_DOC)
        return text if end < 0 else text[:-1] + row[end:]
    head = cast("bytes", row[0])
    return (text[:-1] + head[head.find(_DOC) :], *row[1:])
