"""Reading what stands twice in unique indexes: values that several documents have, listed.

Owns the listing of ``_conflicts?kind=unique``. It must not know HTTP, nor how duplicates come about: replicated
revisions are never refused. It reads the ``unique_duplicates`` table, a body for the values of each row, and the first
documents that have them. That is done in a thread, a slice at a time, each on a snapshot of its own.
"""

from asyncio import to_thread
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Final, NamedTuple

from docstore.core.json_text import JsonValue, encode
from docstore.core.unique.rule import read_document, rule_of
from docstore.database.database import Database
from docstore.database.slices import SLICE_BYTES
from docstore.storage import keys, rows
from docstore.storage.databases import get_state
from docstore.storage.documents.documents import get_body
from docstore.storage.documents.unique_building import duplicate_keys, holders
from docstore.storage.documents.unique_rows import UniqueIndex, obeyed_indexes
from docstore.storage.tables import ReadTransaction

SLICE_ROWS: Final = 64
IDS_TOLD: Final = 100
"""Documents that a row names; ``more`` says that there are others."""

SKIPPED_AT_ONCE: Final = 10_000
BOOKMARK_BYTES: Final = keys.UNIQUE_GROUP_BYTES

VALUES_TOLD: Final = 4_096
"""Bytes of values that a row repeats; longer ones are left out."""


@dataclass(frozen=True, slots=True)
class DuplicatesQuery:
    """What is listed: ``limit`` rows at most, behind ``after``, once ``skip`` are left out.

    ``after`` is ``DuplicatesSlice.last`` of the page before, or empty.
    """

    limit: int | None = None
    skip: int = 0
    after: bytes = b""


class DuplicatesSlice(NamedTuple):
    """A piece of the listing. ``total_rows``: of the whole database; ``last``: where the next page goes on."""

    total_rows: int
    rows: list[bytes]
    last: bytes


async def read_duplicates(database: Database, query: DuplicatesQuery) -> AsyncGenerator[DuplicatesSlice]:
    """The listing in slices, at least one, by index and then in no order that means anything.

    Raises DatabaseNotFound.
    """
    after, left, skip = query.after, query.limit, query.skip
    while True:
        wanted = SLICE_ROWS if left is None else min(SLICE_ROWS, left)
        total, found, after, skipped, done = await to_thread(_read_slice, database, after, wanted, skip)
        skip -= skipped
        left = None if left is None else left - len(found)
        yield DuplicatesSlice(total, found, after)
        if done or left == 0:
            return


def _read_slice(database: Database, after: bytes, wanted: int, skip: int) -> tuple[int, list[bytes], bytes, int, bool]:
    """(all rows, the next ones, where to go on, how many were skipped, whether that was all)."""
    number = database.number
    found: list[bytes] = []
    skipped = size = 0
    with database.environment.snapshot() as snapshot:
        get_state(snapshot, number)
        indexes = obeyed_indexes(snapshot, number)
        total = sum(index.duplicates for index in indexes)
        for index in indexes:
            if after[: keys.PREFIX_BYTES + keys.PREFIX_BYTES] > keys.pack_index_key(number, index.number):
                continue
            while names := duplicate_keys(snapshot, number, index.number, after):
                for name in names:
                    if len(found) == wanted or size > SLICE_BYTES or skipped == SKIPPED_AT_ONCE:
                        return total, found, after, skipped, False
                    after = name
                    if skipped < skip:
                        skipped += 1
                        continue
                    found.append(_row(snapshot, number, index, name[keys.PREFIX_BYTES + keys.PREFIX_BYTES :]))
                    size += len(found[-1])
    return total, found, after, skipped, True


def _row(txn: ReadTransaction, number: int, index: UniqueIndex, key: bytes) -> bytes:
    ids, seq, complete = holders(txn, number, index.number, key, IDS_TOLD)
    row: dict[str, JsonValue] = {
        "ddoc": index.ddoc,
        "name": index.name,
        "fields": list(index.definition.fields),
    }
    body = get_body(txn, number, seq)
    rule = rule_of(index.definition)
    values = None if body is None else rule.values(read_document(ids[0], rows.body_text(body), rule.names))
    if values is not None and len(encode(values)) <= VALUES_TOLD:
        row["values"] = values
    row["ids"] = list(ids)
    if not complete:
        row["more"] = True
    return encode(row)
