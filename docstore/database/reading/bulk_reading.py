"""Revisions of many documents (``_bulk_get``), and many of one.

Owns the pace: documents are looked up in portions, with one call of the store for the records of a portion and one for
its bodies, as far as they are ordinary, which means that the one leaf that there is was asked for. For all others it is
``reading.open_wanted`` that says what is shown. Large trees are read in a thread, and many revisions of one document in
slices. Replicators ask for each leaf of a document in a row of its own, one after the other, so the tree that was read
last is kept: reading it for each of thousands of conflicts takes minutes.
"""

from asyncio import sleep, to_thread
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Final, TypeAlias

from docstore.core.document import revisions_member
from docstore.core.rev import Rev
from docstore.core.revtree import RevTree
from docstore.core.tree_order import leaves_as_walked
from docstore.database.reading.at_once import (
    TREE_BYTES,
    TooMuchAtOnce,
    in_thread,
    read_at_once_or_in_thread,
    tree_bytes,
)
from docstore.database.reading.document_text import OpenBlob, stub_text
from docstore.database.reading.documents import (
    FoundTree,
    MissingRev,
    OpenedDoc,
    OpenOptions,
    Revs,
    WantedRevs,
    all_missing,
    find_revs,
    find_tree,
    missing_last,
    open_wanted,
    open_with_options,
    wanted_revs,
)
from docstore.database.slices import SLICE_BYTES, LongSnapshot, SliceClock
from docstore.errors import NotFound
from docstore.storage.databases import get_state
from docstore.storage.documents.documents import get_bodies, get_records
from docstore.storage.documents.records import DocRecord
from docstore.storage.engine.environment import Environment
from docstore.storage.rows import WITH_METADATA
from docstore.storage.tables import ReadTransaction

RevsRequest: TypeAlias = tuple[str, Revs] | tuple[str, Revs, tuple[Rev, ...] | None]
"""A document, its revisions, and perhaps the revisions that the reader has (``OpenOptions.atts_since``)."""

Found: TypeAlias = list[OpenedDoc | MissingRev]

PORTION: Final = 32
"""Documents that are looked up together: about half a slice."""


async def read_doc(
    environment: Environment, db: int, doc_id: str, options: OpenOptions, open_blob: OpenBlob
) -> OpenedDoc:
    """``open_with_options``, at once or in a thread. Raises as that."""
    try:  # written out, since it is what a GET with parameters does
        with environment.snapshot() as snapshot:
            return open_with_options(snapshot, db, doc_id, options, open_blob, at_once=True)
    except TooMuchAtOnce:
        return await in_thread(environment, lambda txn: open_with_options(txn, db, doc_id, options, open_blob))


async def read_revs(
    environment: Environment, db: int, doc_id: str, revs: Revs, options: OpenOptions, open_blob: OpenBlob
) -> AsyncGenerator[Found]:
    """Several revisions of a document, in portions. Raises NotFound for "all" of no document, DatabaseNotFound.

    No snapshot is open between two portions: the tree is that of the first, and what was compacted away since is
    missing, as it would be a moment later.
    """

    def find(txn: ReadTransaction, at_once: bool) -> tuple[WantedRevs | None, int]:
        state = get_state(txn, db)
        return find_revs(txn, db, doc_id, revs, latest=options.latest, at_once=at_once), state.revs_limit

    wanted, revs_limit = await read_at_once_or_in_thread(environment, find)
    if wanted is None:
        if isinstance(revs, str):
            raise NotFound
        yield all_missing(revs)
        return
    missing: list[Rev] = []
    async with aclosing(_portions(environment, db, doc_id, wanted, revs_limit, options, open_blob)) as portions:
        async for portion in portions:
            missing += (entry.rev for entry in portion if isinstance(entry, MissingRev))
            yield [entry for entry in portion if isinstance(entry, OpenedDoc)]
    if missing:
        yield all_missing(missing)


async def bulk_get(
    environment: Environment, db: int, requests: Sequence[RevsRequest], options: OpenOptions, open_blob: OpenBlob
) -> AsyncGenerator[Found]:
    """``read_revs`` for each request, in order and whole; an empty list for "all" of no document.

    Raises DatabaseNotFound.
    """
    with LongSnapshot(environment) as snapshot:
        get_state(snapshot.current, db)
        clock = SliceClock()
        last = _LastTree(environment, db)
        for start in range(0, len(requests), PORTION):
            if clock.over:
                await snapshot.turn()
                clock = SliceClock()
            portion = requests[start : start + PORTION]
            if snapshot.renew():
                get_state(snapshot.current, db)
                last.forget()
            ordinary = _open_ordinary(snapshot.current, db, portion, options)
            for place, request in enumerate(portion):
                found: Found
                opened = ordinary.get(place)
                if opened is not None:
                    found = [opened]
                else:
                    if clock.over:
                        await snapshot.turn()
                        clock = SliceClock()
                    if snapshot.renew():
                        get_state(snapshot.current, db)
                        last.forget()
                    found = await last.open(snapshot, request, options, open_blob)
                snapshot.lend()
                yield found


class _LastTree:
    """The tree of the document that was looked up last, in the present snapshot."""

    def __init__(self, environment: Environment, db: int) -> None:
        self._environment = environment
        self._db = db
        self._doc_id: str | None = None
        self._found: FoundTree | None = None
        self._revs_limit: int | None = None

    def forget(self) -> None:
        self._doc_id = None
        self._revs_limit = None

    async def open(
        self, snapshot: LongSnapshot, request: RevsRequest, options: OpenOptions, open_blob: OpenBlob
    ) -> Found:
        """All revisions that a request names."""
        doc_id, revs = request[:2]
        since = _since(request)
        if since is not None:
            options = replace(options, atts_since=since)
        if doc_id != self._doc_id:
            await self._find(snapshot, doc_id)
        if self._found is None:
            return [] if isinstance(revs, str) else all_missing(revs)
        if self._revs_limit is None:
            self._revs_limit = get_state(snapshot.current, self._db).revs_limit
        limit = self._revs_limit if options.revs else None
        if revs == (self._found.record.winner,):  # most are
            wanted = WantedRevs(self._found, (self._found.record.winner,))
            return open_wanted(snapshot.current, self._db, doc_id, wanted, 0, limit, options, open_blob)
        wanted = await self._wanted(self._found, revs, self._revs_limit, latest=options.latest)
        self._renew(snapshot)  # others may have had their turns
        found = open_wanted(snapshot.current, self._db, doc_id, wanted, 0, limit, options, open_blob)
        if len(found) < len(wanted.revs):
            arguments = (self._environment, self._db, doc_id, wanted, self._revs_limit, options, open_blob)
            async with aclosing(_portions(*arguments, start=len(found))) as portions:
                async for portion in portions:
                    found += portion
        return missing_last(found)

    def _renew(self, snapshot: LongSnapshot) -> None:
        """Go on with a snapshot that is as new, if need be. Raises DatabaseNotFound."""
        if snapshot.renew():
            self._revs_limit = get_state(snapshot.current, self._db).revs_limit

    async def _find(self, snapshot: LongSnapshot, doc_id: str) -> None:
        """Read the tree: large ones in a thread, after which the reader goes on with a snapshot that is as new."""

        def find(txn: ReadTransaction, at_once: bool) -> FoundTree | None:
            return find_tree(txn, self._db, doc_id, at_once=at_once)

        try:
            self._found = find(snapshot.current, True)
        except TooMuchAtOnce:
            snapshot.close()
            self._found = await in_thread(self._environment, lambda txn: find(txn, False))
            self._renew(snapshot)
        self._doc_id = doc_id

    async def _wanted(self, found: FoundTree, revs: Revs, revs_limit: int, *, latest: bool) -> WantedRevs:
        """Which revisions are to be opened; to look for leaves in a large tree is left to a thread."""
        if not (latest or isinstance(revs, str)):
            return WantedRevs(found, wanted_revs(found.tree, revs, latest=False))
        if tree_bytes(found.record) <= TREE_BYTES:
            return WantedRevs(found, _as_walked(found.tree, revs, latest, revs_limit))
        return WantedRevs(found, await to_thread(_as_walked, found.tree, revs, latest, revs_limit))


def _as_walked(tree: RevTree, revs: Revs, latest: bool, revs_limit: int) -> tuple[Rev | MissingRev, ...]:
    """The leaves that are wanted as a walk through the tree meets them, and behind them what is not there."""
    wanted = wanted_revs(tree, revs, latest=latest)
    there = [rev for rev in wanted if isinstance(rev, Rev)]
    missing = (rev for rev in wanted if isinstance(rev, MissingRev))
    return (*leaves_as_walked(tree, there, revs_limit), *missing)


async def _portions(
    environment: Environment,
    db: int,
    doc_id: str,
    wanted: WantedRevs,
    revs_limit: int,
    options: OpenOptions,
    open_blob: OpenBlob,
    *,
    start: int = 0,
) -> AsyncGenerator[Found]:
    """The revisions from ``start`` on, in slices, each of a snapshot of its own; others get their turns in between."""
    limit = revs_limit if options.revs else None
    while start < len(wanted.revs):
        if start:
            await sleep(0)
        with environment.snapshot() as snapshot:
            found = open_wanted(snapshot, db, doc_id, wanted, start, limit, options, open_blob)
        start += len(found)
        yield found


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
        if record is None or record.whole or (record.live and options.revs):
            continue
        if request[1] != "all" and (len(request[1]) != 1 or request[1][0] != record.winner):
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
