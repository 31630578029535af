"""Revisions as they are stored, on their way to another database of the same store.

Owns the direct way of a replication: read bodies, paths and the numbers of blobs in slices, and write them as they are.
No JSON is read, no byte of an attachment is touched. What is read holds its blobs, so that they outlive the revision
that is their own (``blob_reader.py``). It must not know who replicates, nor why.
"""

from asyncio import sleep
from collections.abc import AsyncGenerator, Iterator, Sequence
from functools import partial
from typing import NamedTuple, TypeAlias

from docstore.core.attachment import Attachment, Linked, unpack_attachments
from docstore.core.edit import Edit
from docstore.core.rev import Rev
from docstore.database.attachments.blob_reader import Hold
from docstore.database.attachments.blob_store import BlobStore
from docstore.database.database import Database
from docstore.database.edit_parts import EditAnswer, submit_edits
from docstore.database.reading.at_once import DOCUMENTS, TooMuchAtOnce, check_tree, in_thread, list_of
from docstore.database.slices import CHUNK_ROWS, SLICE_BYTES, SliceClock
from docstore.storage.databases import get_state
from docstore.storage.documents.documents import get_bodies, get_records, get_tree
from docstore.storage.documents.records import DocRecord
from docstore.storage.engine.environment import Environment
from docstore.storage.engine.writer import Writer
from docstore.storage.rows import WITH_METADATA, decode_body
from docstore.storage.tables import ReadTransaction

RevsWanted: TypeAlias = tuple[str, Sequence[Rev]]


class StoredRevision(NamedTuple):
    """One revision. ``path`` begins with it and goes on with its ancestors; ``body`` is JSON text.

    ``hold`` keeps the blobs of its attachments for as long as this object lives; None without attachments.
    """

    id: str
    deleted: bool
    path: tuple[Rev, ...]
    body: bytes
    attachments: tuple[Attachment, ...] = ()
    hold: Hold | None = None

    @property
    def rev(self) -> Rev:
        """The revision's own id."""
        return self.path[0]


class NotStored(NamedTuple):
    """A revision that was asked for and is not there."""

    id: str
    rev: Rev


class _Place(NamedTuple):
    """Where a revision is: ``seq`` is the key of its body."""

    id: str
    deleted: bool
    path: tuple[Rev, ...]
    seq: int


class Replica:
    """The stored revisions of one database."""

    def __init__(self, database: Database, writer: Writer) -> None:
        self.environment: Environment = database.environment
        self.blobs: BlobStore = database.blobs
        self._number = database.number
        self._check = database.check
        self._writer = writer

    async def read(self, wanted: Sequence[RevsWanted]) -> AsyncGenerator[list[StoredRevision | NotStored]]:
        """The revisions, or the leaves that descend from them, in slices. Raises DatabaseNotFound.

        A slice is read from a snapshot of its own: whoever reads may take any time between two.
        """
        clock = SliceClock()
        done = 0
        while done < len(wanted):
            found: list[StoredRevision | NotStored] = []
            try:
                with self.environment.snapshot() as snapshot:
                    portions, found_docs = self._find(snapshot, wanted[done : done + CHUNK_ROWS], clock)
                    found = self._load(snapshot, portions.pop(0)) if portions else []
            except TooMuchAtOnce:  # the first one is large
                one = wanted[done : done + 1]
                portions, found_docs = await in_thread(self.environment, partial(self._find, wanted=one))
            done += found_docs
            yield found
            for portion in portions:
                if clock.over:
                    await sleep(0)
                    clock = SliceClock()
                with self.environment.snapshot() as snapshot:
                    found = self._load(snapshot, portion)
                yield found
            if clock.over:
                await sleep(0)
                clock = SliceClock()

    async def write(self, revisions: Sequence[StoredRevision]) -> list[EditAnswer]:
        """Write revisions of a database of the same store as they are; an answer for each."""
        edits = await list_of(map(_edit_of, revisions), len(revisions))
        settings = self.environment.settings
        return await submit_edits(self._writer, settings, self._number, edits, new_edits=False, check=self._check)

    def _find(
        self, txn: ReadTransaction, wanted: Sequence[RevsWanted], clock: SliceClock | None = None
    ) -> tuple[list[list[_Place | NotStored]], int]:
        """Where the revisions are, in portions to be loaded at once; and of how many documents.

        Of all, or of as many as there is time for by the clock: reading a tree of a thousand revisions takes a
        millisecond. Raises TooMuchAtOnce if there is a clock, and the first document's tree is a large one.
        """
        places, done = self._find_places(txn, wanted, get_state(txn, self._number).revs_limit, clock)
        return list(_portions(places)), done

    def _find_places(
        self, txn: ReadTransaction, wanted: Sequence[RevsWanted], revs_limit: int, clock: SliceClock | None
    ) -> tuple[list[tuple[_Place | NotStored, int]], int]:
        """The places, with about how many bytes each takes; and of how many documents."""
        records = get_records(txn, self._number, [doc_id for doc_id, _ in wanted])
        found: list[tuple[_Place | NotStored, int]] = []
        for done, (doc_id, revs) in enumerate(wanted, 1):
            record = records.get(doc_id)
            if record is None:
                found += [(NotStored(doc_id, rev), 0) for rev in revs]
            elif not record.live and not record.whole and all(rev == record.winner for rev in revs):
                # The usual document: one revision.
                found.append((_Place(doc_id, record.deleted, (record.winner,), record.body_seq), record.body_size))
            else:
                if clock is not None:
                    try:
                        check_tree(record)
                    except TooMuchAtOnce:
                        if done == 1:
                            raise
                        return found, done - 1
                found += self._find_in_tree(txn, doc_id, record, revs, revs_limit)
                if clock is not None and clock.over:
                    return found, done
        return found, len(wanted)

    def _find_in_tree(
        self, txn: ReadTransaction, doc_id: str, record: DocRecord, revs: Sequence[Rev], revs_limit: int
    ) -> Iterator[tuple[_Place | NotStored, int]]:
        tree = get_tree(txn, self._number, record)
        leaves: dict[Rev, None] = {}
        for rev in revs:
            if rev in tree.nodes:
                leaves.update(dict.fromkeys(tree.latest(rev)))
            else:
                yield NotStored(doc_id, rev), 0
        for leaf in leaves:
            node = tree.nodes[leaf]
            yield _Place(doc_id, node.deleted, tree.path_to(leaf, revs_limit), node.seq), record.body_size

    def _load(self, txn: ReadTransaction, places: Sequence[_Place | NotStored]) -> list[StoredRevision | NotStored]:
        bodies = get_bodies(txn, self._number, {place.seq for place in places if isinstance(place, _Place)})
        found: list[StoredRevision | NotStored] = []
        for place in places:
            if isinstance(place, NotStored):
                found.append(place)
                continue
            doc_id, deleted, path, seq = place
            value = bodies.get(seq)
            if value is None:
                found.append(NotStored(doc_id, path[0]))
            elif value[0] != WITH_METADATA:
                found.append(StoredRevision(doc_id, deleted, path, value))
            else:
                body, metadata = decode_body(value)
                attachments = unpack_attachments(metadata)
                hold = self.blobs.hold([one.blob for one in attachments])
                found.append(StoredRevision(doc_id, deleted, path, body, attachments, hold))
        return found


def _portions(places: Sequence[tuple[_Place | NotStored, int]]) -> Iterator[list[_Place | NotStored]]:
    """The places in portions of at most about ``SLICE_BYTES`` of bodies, and of some hundreds of them."""
    portion: list[_Place | NotStored] = []
    size = 0
    for place, length in places:
        portion.append(place)
        size += length
        if size > SLICE_BYTES or len(portion) == DOCUMENTS:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion


def _edit_of(one: StoredRevision) -> Edit:
    return Edit(one.id, None, one.deleted, one.body, b"", path=one.path, attachments=_linked(one.attachments))


def _linked(attachments: tuple[Attachment, ...]) -> tuple[Linked, ...]:
    return tuple(map(Linked, attachments)) if attachments else ()
