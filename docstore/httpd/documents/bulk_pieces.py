"""A long body of ``_bulk_docs``, read by worker processes and by this one, each taking pieces until none is left.

Owns who reads which piece. A worker takes its share of what is left, from the front; the event loop takes piece by
piece from the back, in turns, so it waits for nobody and is never later than it would be alone. While others have long
work to do on the loop, and none for the workers, it leaves to these what they are quick enough to take. A request is
read so only while a process has nothing to do. It must not know what documents are.

Whatever is wrong with a body is told by the usual way, which then reads it from its beginning: which document is the
first bad one can be told there alone.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, cast

from docstore.core.bulk_body import Cut, cut
from docstore.core.document import Document
from docstore.core.document_columns import AT_ONCE, READ, Columns, documents_in, documents_of, name_all, plain_limits
from docstore.core.json_cost import is_costly
from docstore.core.json_text import JsonValue
from docstore.errors import DocstoreError, Unavailable
from docstore.httpd.request import Request
from docstore.httpd.wire.memory import BODY, DOCUMENT
from docstore.httpd.wire.turns import Turns
from docstore.httpd.writing.idempotency import has_key
from docstore.settings import KIB, MIB, Limits
from docstore.workers.errors import WorkerError
from docstore.workers.pool import Pool

MOST_A_JOB: Final = 256 * KIB
"""Bytes that a worker takes at a time: some fifteen milliseconds, after which another request gets its turn."""
MOST_BYTES: Final = 16 * MIB
"""A longer body is read the usual way: to find where it may be cut would be too much for a turn."""
CUT_HERE: Final = 512 * KIB
"""A body up to this length is cut in this turn: 20 us, or half a millisecond if it is one document."""
FEW_PIECES: Final = 2
"""So many are read here sooner than there."""
PATIENCE: Final = 10.0
"""Seconds after which a share that no worker has read is read here."""
GLANCE: Final = 0.005
"""Seconds after which it is looked again whether the loop has nothing else to do; a piece is read here every so often
even if it has, where no worker has read one meanwhile."""
LARGE_PIECE: Final = 64 * KIB
"""A piece from this length on holds a large document, which is read in a thread, not in a turn."""


LONGEST_PIECE: Final = 1 * MIB
"""What comes back of a piece is taken over in one turn."""


class _TellAsUsual(Exception):
    """Something is wrong with the body."""


@dataclass(slots=True)
class BulkBody:
    """``members`` beside ``docs``, and the documents."""

    members: dict[str, JsonValue]
    documents: list[Document]


async def read_in_pieces(request: Request) -> BulkBody | None:
    """Read the body of a request; None if it is short, unusual or wrong, or if no process has time for it.

    Raises what ``Request.body`` raises. The memory of the documents is claimed when this returns them.
    """
    pool = request.node.pool
    body = await request.body()
    if not pool.settings.parse_from <= len(body) <= MOST_BYTES or has_key(request) or not pool.spare():
        return None
    # The end of the first document is looked for, which may be large; with small ones this is less than a thread costs.
    found = cut(body) if len(body) <= CUT_HERE else await asyncio.to_thread(cut, body)
    if found is None or len(found.pieces) == 1 or not _is_usual(found.members):
        return None
    if max(end - start for start, end in found.pieces) > LONGEST_PIECE:
        return None
    reading = _Reading(request, body, found)
    held = request.claim.held
    await request.claim.take(BODY * len(body))
    try:
        documents = await reading.run()
        await request.claim.take(DOCUMENT * len(documents))
    except _TellAsUsual:
        request.claim.keep(held)
        return None
    return BulkBody(found.members, documents)


def _is_usual(members: dict[str, JsonValue]) -> bool:
    return isinstance(members.get("new_edits", True), bool) and members.get("all_or_nothing") is not True


class _Reading:
    """One body on its way to documents. ``_first`` to ``_end``: the pieces that nobody has taken."""

    def __init__(self, request: Request, body: bytes, found: Cut) -> None:
        self._body = body
        self._pieces = found.pieces
        self._pool: Pool = request.node.pool
        self._limits: Limits = request.node.settings.limits
        self._plain_limits = plain_limits(self._limits)
        self._hashed = found.members.get("new_edits", True) is not False
        self._new_id = request.node.uuids.next
        self._workers = 0
        self._own_turns = 0
        self._first = 0
        self._end = len(found.pieces)
        self._made: dict[int, list[Document]] = {}
        self._count = 0

    async def run(self) -> list[Document]:
        """All documents, in order. Raises _TellAsUsual."""
        self._workers = self._pool.spare()
        workers = [asyncio.ensure_future(self._by_worker()) for _ in range(self._workers)]
        try:
            await asyncio.sleep(0)  # they have their first share before this process begins
            while self._first < self._end:
                await self._read_some(workers)
            await asyncio.gather(*workers)
        except DocstoreError:
            raise _TellAsUsual from None
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
        return await self._together()

    async def _read_some(self, workers: "Sequence[asyncio.Future[None]]") -> None:
        """Read pieces in this process, until none is left or they are better left to the workers; then look again."""
        at_work = [worker for worker in workers if not worker.done()]
        with self._turns() as turns:
            while self._first < self._end and not (at_work and self._is_left_to_workers()):
                self._end -= 1
                await self._read_here(self._end, turns)
            if self._first == self._end:
                return
        made = len(self._made)
        await asyncio.wait(at_work, timeout=GLANCE, return_when=asyncio.FIRST_COMPLETED)
        if self._first < self._end and len(self._made) == made:  # they may have other things to do
            self._end -= 1
            with self._turns() as turns:
                await self._read_here(self._end, turns)

    def _is_left_to_workers(self) -> bool:
        """Whether others have long work to do on the loop, and a worker has time for what is more than a few pieces."""
        others = Turns.working() > self._own_turns
        return others and not self._pool.waiting and self._end - self._first > FEW_PIECES

    @contextmanager
    def _turns(self) -> Iterator[Turns]:
        with Turns() as turns:
            self._own_turns += 1
            try:
                yield turns
            finally:
                self._own_turns -= 1

    async def _together(self) -> list[Document]:
        """All of them in their order; those without an id get one."""
        documents: list[Document] = []
        with self._turns() as turns:
            for _, made in sorted(self._made.items()):
                for start in range(0, len(made), AT_ONCE):
                    some = made[start : start + AT_ONCE]
                    name_all(some, self._limits, self._new_id)
                    documents += some
                    if turns.over():
                        await turns.next()
        return documents

    async def _by_worker(self) -> None:
        while self._end - self._first > FEW_PIECES:
            first, last = self._first, self._take_share()
            text = self._body[self._pieces[first][0] : self._pieces[last][1]]
            try:
                columns = await self._pool.run(READ, text, self._plain_limits, self._hashed, timeout=PATIENCE)
            except (WorkerError, Unavailable):
                columns = None
            with self._turns() as turns:
                if columns is None:
                    for place in range(first, last + 1):
                        await self._read_here(place, turns)
                else:
                    made: list[Document] = []
                    for some in documents_of(cast("Columns", columns)):
                        made += some
                        if turns.over():
                            await turns.next()
                    self._take(first, made)

    def _take_share(self) -> int:
        """Take the next pieces for a worker, one at least; the last of them."""
        start = self._pieces[self._first][0]
        left = self._pieces[self._end - 1][1] - start
        helped = Turns.working() == self._own_turns  # by the loop
        share = min(MOST_A_JOB, left // (self._workers + helped))
        last = self._first
        while last + 1 < self._end and self._pieces[last + 1][1] - start <= share:
            last += 1
        self._first = last + 1
        return last

    async def _read_here(self, place: int, turns: Turns) -> None:
        """Read one piece in this process. Raises DocstoreError, _TellAsUsual."""
        start, end = self._pieces[place]
        text = self._body[start:end]
        if len(text) > LARGE_PIECE or is_costly(text):
            self._take(place, await asyncio.to_thread(self._read_large, text))
            return
        made = []
        for document in documents_in(text, self._limits, hashed=self._hashed):
            made.append(document)
            if turns.over():
                await turns.next()
        self._take(place, made)

    def _read_large(self, text: bytes) -> list[Document]:
        return list(documents_in(text, self._limits, hashed=self._hashed, sliced=True))

    def _take(self, place: int, made: list[Document]) -> None:
        self._made[place] = made
        self._count += len(made)
        if self._count > self._limits.max_documents:
            raise _TellAsUsual
