"""``_changes`` by a filter that is asked elsewhere: a function of a design document.

Owns the way of rows to the filter and back. The rows are read as without a filter, and the filter is shown the
revisions that each names, with their ``_revisions``; what it does not let through is left out. It must not know what
the filter is. Follows ``couch_changes:filter`` and ``filter_revs``: of a row with several leaves those stay that pass.

The tree of a document is read once, however many of its leaves a row names, and no more texts are there at a time than
come to a portion: a row can name thousands of revisions, each of megabytes.
"""

from asyncio import to_thread
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias, cast

from docstore.core.json_cost import is_costly
from docstore.core.json_slices import decode_in_slices
from docstore.core.json_text import JsonValue, decode, encode
from docstore.core.rev import parse_rev
from docstore.database.reading.at_once import list_of, tree_bytes
from docstore.database.reading.changes import ChangesQuery, ChangesSlice, read_changes
from docstore.database.reading.document_text import Row
from docstore.database.reading.documents import OpenedDoc, OpenOptions, WantedRevs, find_tree, open_wanted
from docstore.database.slices import SLICE_BYTES
from docstore.storage.databases import get_state
from docstore.storage.tables import ReadTransaction

if TYPE_CHECKING:
    from docstore.database.database import Database

Select: TypeAlias = Callable[[Sequence[bytes]], Awaitable[Sequence[bool]]]
"""Which of these documents, as JSON texts, pass."""

_DOC: Final = b',"doc":'

_WITH_REVISIONS: Final = OpenOptions(revs=True)


@dataclass(slots=True)
class _Named:
    """A row: its members before ``doc``, and of the revisions that it names those that pass."""

    row: Row
    members: dict[str, JsonValue]
    passed: list[JsonValue] = field(default_factory=list)

    @property
    def revs(self) -> list[str]:
        return [named["rev"] for named in cast("list[dict[str, str]]", self.members["changes"])]


class _Text(NamedTuple):
    """A revision that is to be shown to the filter."""

    names: _Named
    rev: str
    text: bytes


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
            named = await _asked(database, piece.rows, select)
            told = await list_of(map(_row_of, named), sum(len(names.passed) for names in named))
            for place, row in enumerate(told, 1):
                if row is None:
                    continue
                rows.append(row)
                seqs.append(piece.seqs[place - 1])
                if left is not None and len(rows) == left:
                    last = seqs[-1]
                    pending = piece.pending + len(piece.rows) - place
                    yield ChangesSlice(rows, seqs, piece.last_seq if last is None else last, pending)
                    return
            left = None if left is None else left - len(rows)
            yield piece._replace(rows=rows, seqs=seqs)


async def _asked(database: "Database", rows: Sequence[Row], select: Select) -> list[_Named]:
    """What the rows name, after the filter was asked about all of it, in portions."""
    reading = _Reading(database, rows)
    while texts := await to_thread(reading.portion):
        passes = await select([one.text for one in texts])
        for one, passing in zip(texts, passes, strict=True):
            if passing:
                one.names.passed.append(one.rev)
    return reading.named


class _Reading:
    """The revisions that some rows name, in portions; to be read in threads, one after the other.

    No snapshot is open between two portions. The tree is that of the portion in which a row was begun, and a body that
    is gone meanwhile does not pass.
    """

    def __init__(self, database: "Database", rows: Sequence[Row]) -> None:
        self.named: list[_Named] = []
        self._database = database
        self._rows = rows
        self._wanted: WantedRevs | None = None
        self._begun = 0

    def portion(self) -> list[_Text]:
        """The next texts, empty at the end. Raises DatabaseNotFound."""
        texts: list[_Text] = []
        size = 0
        with self._database.environment.snapshot() as snapshot:
            limit = get_state(snapshot, self._database.number).revs_limit
            while not (texts and size > SLICE_BYTES) and (self._wanted or len(self.named) < len(self._rows)):
                if self._wanted is None:
                    size += self._begin(snapshot)
                more = self._slice(snapshot, limit)
                texts += more
                size += sum(len(one.text) for one in more)
        return texts

    def _slice(self, snapshot: ReadTransaction, limit: int) -> list[_Text]:
        """Some texts of the row that is begun."""
        number = self._database.number
        names, wanted = self.named[-1], self._wanted
        if wanted is None:
            return []
        doc_id, start = str(names.members["id"]), self._begun
        found = open_wanted(snapshot, number, doc_id, wanted, start, limit, _WITH_REVISIONS, self._database.blobs.open)
        self._begun += len(found)
        if self._begun == len(wanted.revs):
            self._wanted = None
        return [_Text(names, str(one.rev), one.json) for one in found if isinstance(one, OpenedDoc)]

    def _begin(self, snapshot: ReadTransaction) -> int:
        """Read the tree of the next row, if there still is the document; the bytes that it came to."""
        row = self._rows[len(self.named)]
        head = row if isinstance(row, bytes) else cast("bytes", row[0])
        end = head.find(_DOC)
        text = head if end < 0 else head[:end] + b"}"
        members = cast("dict[str, JsonValue]", decode_in_slices(text) if is_costly(text) else decode(text))
        names = _Named(row, members)
        self.named.append(names)
        self._begun = 0
        found = find_tree(snapshot, self._database.number, str(members["id"]))
        if found is None:
            return 0
        self._wanted = WantedRevs(found, tuple(map(parse_rev, names.revs)))
        return tree_bytes(found.record)


def _row_of(names: _Named) -> Row | None:
    """The row with those revisions alone that pass, None without any."""
    row = names.row
    if not names.passed:
        return None
    if len(names.passed) == len(cast("list[JsonValue]", names.members["changes"])):
        return row
    changes: JsonValue = [{"rev": rev} for rev in names.passed]
    text = encode(names.members | {"changes": changes})
    if isinstance(row, bytes):
        end = row.find(_DOC)
        return text if end < 0 else text[:-1] + row[end:]
    head = cast("bytes", row[0])
    return (text[:-1] + head[head.find(_DOC) :], *row[1:])
