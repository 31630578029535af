"""What a read may do at once, on the event loop, and what is left to a thread.

Owns the measures: a turn of the loop is counted in work, and a single document can be much of it (a tree of thousands
of leaves, a body of megabytes, a filter that takes its time). A read that is asked to be done at once and would be too
much raises ``TooMuchAtOnce``; whoever asked does it again ``in_thread``, on a snapshot of that thread's own: one that a
thread works with must not be taken away from it. It must not know what is read.
"""

from asyncio import to_thread
from collections.abc import Awaitable, Callable, Iterable
from threading import Lock
from typing import Final, NamedTuple, TypeVar

from docstore.core.json_cost import is_costly
from docstore.core.json_slices import decode_in_slices
from docstore.core.json_text import decode
from docstore.core.revision_hash import encode_term
from docstore.database.reading.document_text import Row
from docstore.settings import KIB
from docstore.storage.documents.records import DocRecord
from docstore.storage.documents.tree_runs import ENTRY_BYTES
from docstore.storage.engine.environment import Environment
from docstore.storage.tables import ReadTransaction

TREE_BYTES: Final = 16 * KIB
"""Of a stored tree: some 600 revisions, or 400 leaves, which are unpacked and put in order in about a millisecond."""

FILTER_STEPS: Final = 2_000
"""Of a selector, for one document: half a millisecond."""

PARSED_BYTES: Final = 256 * KIB
"""Of a document that a filter is to see: to put its text together and to tell its cost takes milliseconds for more."""

REVS: Final = 1_000
"""Revisions in one question."""

DOCUMENTS: Final = 1_000
"""Of a request, for each of which something small is made."""

ALONE: Final = Lock()
"""Held by a thread while it computes in Python for long, and never waited for by one that has a snapshot.

Beside each other such threads are no quicker, since there is one interpreter lock; and the event loop, which gives that
up at each call of LMDB, would wait for all of them in turn.
"""

T = TypeVar("T")
K = TypeVar("K")


class TooMuchAtOnce(Exception):
    """It would hold the event loop for too long."""


class Later(NamedTuple):
    """A row that is left to a thread. ``make`` opens the snapshots it needs; None is a row that is filtered out."""

    make: Callable[[Environment], Row | None]


def tree_bytes(record: DocRecord) -> int:
    """How large a document's stored tree is, sealed chunks included."""
    return len(record.whole) + record.live * ENTRY_BYTES


def check_tree(record: DocRecord) -> None:
    """Raises TooMuchAtOnce if the tree of this document is one to be read in a thread."""
    if tree_bytes(record) > TREE_BYTES:
        raise TooMuchAtOnce


def on_snapshot(environment: Environment, work: Callable[[ReadTransaction], T]) -> T:
    """Read on a new snapshot, in the thread that calls this."""
    with environment.snapshot() as snapshot:
        return work(snapshot)


def in_thread(environment: Environment, work: Callable[[ReadTransaction], T]) -> Awaitable[T]:
    """Read in a thread, on a snapshot of its own."""
    return to_thread(on_snapshot, environment, work)


async def read_at_once_or_in_thread(environment: Environment, work: Callable[[ReadTransaction, bool], T]) -> T:
    """``work(snapshot, True)`` at once; if that is too much, ``work(snapshot, False)`` in a thread."""
    try:
        return on_snapshot(environment, lambda snapshot: work(snapshot, True))
    except TooMuchAtOnce:
        return await in_thread(environment, lambda snapshot: work(snapshot, False))


async def term_of(body: bytes) -> bytes:
    """The external term of a stored body, whose text may be megabytes."""
    if not is_costly(body):
        return encode_term(decode(body))
    return await to_thread(lambda: encode_term(decode_in_slices(body)))


async def list_of(items: Iterable[T], count: int) -> list[T]:
    """A list of small things that are made one by one, ``count`` of them at most: of many in a thread."""
    return list(items) if count <= DOCUMENTS else await to_thread(list, items)


async def dict_of(items: Iterable[tuple[K, T]], count: int) -> dict[K, T]:
    """The same of a dict; ``count`` may be of what the values are made of."""
    return dict(items) if count <= DOCUMENTS else await to_thread(dict, items)
