"""Revisions of many documents (``_bulk_get``).

Owns the pace: documents are looked up in portions, with one call of the store for the records of a portion and one for
its bodies, as far as they are ordinary, which means that the one revision that there is was asked for. For all others
it is ``reading.revs_of`` that says what is shown. Replicators ask for each leaf of a document in a row of its own, one
after the other, so the tree that was read last is kept: reading it for each of thousands of conflicts takes minutes.
"""

from asyncio import sleep
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import replace
from typing import Final, TypeAlias

from docstore.core.document import revisions_member
from docstore.core.rev import Rev
from docstore.database import reading
from docstore.database.document_text import OpenBlob, stub_text
from docstore.database.reading import FoundTree, MissingRev, OpenedDoc, OpenOptions, Revs, find_tree
from docstore.database.slices import SLICE_BYTES, LongSnapshot, SliceClock
from docstore.storage.databases import get_state
from docstore.storage.documents import get_bodies, get_records
from docstore.storage.environment import Environment
from docstore.storage.records import DocRecord
from docstore.storage.rows import WITH_METADATA
from docstore.storage.tables import ReadTransaction

RevsRequest: TypeAlias = tuple[str, Revs] | tuple[str, Revs, tuple[Rev, ...] | None]
"""A document, its revisions, and perhaps the revisions that the reader has (``OpenOptions.atts_since``)."""

Found: TypeAlias = list[OpenedDoc | MissingRev]

PORTION: Final = 32
"""Documents that are looked up together: about half a slice."""


async def bulk_get(
    environment: Environment, db: int, requests: Sequence[RevsRequest], options: OpenOptions, open_blob: OpenBlob
) -> AsyncGenerator[Found]:
    """``open_revs`` for each request, in order; an empty list for "all" of no document. Raises DatabaseNotFound."""
    with LongSnapshot(environment) as snapshot:
        get_state(snapshot.current, db)
        clock = SliceClock()
        last: dict[str, FoundTree | None] = {}  # of the document that was looked up last, in the present snapshot
        for start in range(0, len(requests), PORTION):
            if clock.over:
                await sleep(0)
                clock = SliceClock()
            portion = requests[start : start + PORTION]
            if snapshot.renew():
                get_state(snapshot.current, db)
                last.clear()
            ordinary = _open_ordinary(snapshot.current, db, portion, options)
            for place, request in enumerate(portion):
                opened = ordinary.get(place)
                if opened is not None:
                    yield [opened]
                    continue
                if clock.over:
                    await sleep(0)
                    clock = SliceClock()
                if snapshot.renew():
                    get_state(snapshot.current, db)
                    last.clear()
                if request[0] not in last:
                    last = {request[0]: find_tree(snapshot.current, db, request[0])}
                found = _open(snapshot.current, db, request, last[request[0]], options, open_blob)
                if any(isinstance(entry, OpenedDoc) and entry.streams for entry in found):
                    snapshot.close()  # their bytes may take any time to be sent
                yield found


def _open(
    txn: ReadTransaction,
    db: int,
    request: RevsRequest,
    tree: FoundTree | None,
    options: OpenOptions,
    open_blob: OpenBlob,
) -> Found:
    since = _since(request)
    if since is not None:
        options = replace(options, atts_since=since)
    return reading.revs_of(txn, db, request[0], tree, request[1], options, open_blob)


def _since(request: RevsRequest) -> tuple[Rev, ...] | None:
    return request[2] if len(request) > 2 else None


def _open_ordinary(
    txn: ReadTransaction, db: int, requests: Sequence[RevsRequest], options: OpenOptions
) -> dict[int, OpenedDoc]:
    """The documents that are ordinary, by their places, as far as their bodies come to a slice."""
    records = get_records(txn, db, list(dict.fromkeys(request[0] for request in requests)))
    wanted: dict[int, DocRecord] = {}
    size = 0
    for place, request in enumerate(requests):
        record = records.get(request[0])
        if record is None or record.live or record.whole or len(request[1]) != 1 or request[1][0] != record.winner:
            continue
        size += record.body_size
        if size > SLICE_BYTES:
            break
        wanted[place] = record
    bodies = get_bodies(txn, db, [record.body_seq for record in wanted.values()])
    return dict(_shown(requests, wanted, bodies, options))


def _shown(
    requests: Sequence[RevsRequest], wanted: dict[int, DocRecord], bodies: dict[int, bytes], options: OpenOptions
) -> Iterator[tuple[int, OpenedDoc]]:
    plain = not options.shows_more_than_stubs
    for place, record in wanted.items():
        value = bodies.get(record.body_seq)
        if value is None or (value[0] == WITH_METADATA and not (plain and _since(requests[place]) is None)):
            continue
        rev = record.winner
        members = [revisions_member((rev,))] if options.revs else []
        text = stub_text(requests[place][0], rev, record.deleted, value, members)
        yield place, OpenedDoc(rev, record.deleted, text, record.seq)
