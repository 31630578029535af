"""How much work an edit is for the writer: the measure by which long requests become several commands.

Owns the measure. It counts what an edit names, not how long anything takes, so it may be asked inside ``apply``. It
must not know commands. One unit is about 5 us of the writer's thread; an edit of a small document is 4.
"""

from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Final

from docstore.core.edit import Edit

TOO_MUCH_WORK: Final = (
    "A write with an Idempotency-Key is one transaction, and this one is too much work for that; send it as several"
    " requests, each with a key of its own."
)

EDIT: Final = 4
FURTHER_ARRIVAL: Final = 1
"""A replicated revision of the same document as the one before: they are merged together."""
LOCAL: Final = 20
"""A ``_local`` document, which is read and written by itself."""
BYTES_A_UNIT: Final = 5 * 1024
REVS_A_UNIT: Final = 16
REWRITTEN: Final = 2
"""For each revision of a tree that is written anew, as that of a document with several leaves is by every edit."""
STORED_BYTES_A_REVISION: Final = 40

TREES_A_GROUP: Final = 8_000
"""Work on stored trees after which further commands are left for the next group, whoever sent them: single edits of
documents with thousands of leaves, resolutions, purges. One is always carried out; of 20,000 leaves it is 0.1 s."""


def rewriting(whole: bytes) -> int:
    """The work of reading a stored tree (``DocRecord.whole``) and writing it anew."""
    return (1 + REWRITTEN) * len(whole) // STORED_BYTES_A_REVISION


_body, _path, _attachments = attrgetter("body"), attrgetter("path"), attrgetter("attachments")


def work_of(edit: Edit, *, further: bool = False) -> int:
    """What can be told of an edit before it is decided."""
    work = FURTHER_ARRIVAL if further else EDIT
    return work + len(edit.body) // BYTES_A_UNIT + len(edit.path) // REVS_A_UNIT + len(edit.attachments)


def work_of_all(edits: Iterable[Edit]) -> int:
    """The same of several edits that are to be one command."""
    return sum(map(work_of, edits))


def most_work(edits: Sequence[Edit]) -> int:
    """No less than ``work_of_all``, and found much faster for many edits."""
    work = EDIT * len(edits) + sum(map(len, map(_body, edits))) // BYTES_A_UNIT
    return work + sum(map(len, map(_path, edits))) // REVS_A_UNIT + sum(map(len, map(_attachments, edits)))


class Work:
    """The work that a command has taken on so far, ``trees`` of it on stored trees. ``bound`` 0: there is none."""

    __slots__ = ("_bound", "_done", "bounded", "trees")

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._done = 0
        self.bounded = bound > 0
        self.trees = 0

    def charge(self, edits: Sequence[Edit]) -> bool:
        """Take on all edits at once, if by themselves they cannot be too much; whether each is to be added instead."""
        if not self.bounded:
            return False
        work = most_work(edits)
        if work >= self._bound:
            return True
        self._done += work
        return False

    def give_back(self, edits: Iterable[Edit]) -> None:
        """Of those that ``charge`` took on, these are to be added one by one after all: a stored tree was met.

        Else all that is still to come would leave no room for trees, and a command carry out a few edits.
        """
        self._done -= work_of_all(edits)

    def over(self) -> bool:
        """Whether this is enough for one command."""
        return 0 < self._bound <= self._done

    def add(self, edit: Edit, *, further: bool = False) -> None:
        """An edit, as ``work_of``."""
        self._done += FURTHER_ARRIVAL if further else EDIT  # written out: it is done for every edit
        self._done += len(edit.body) // BYTES_A_UNIT + len(edit.path) // REVS_A_UNIT + len(edit.attachments)

    def unpack(self, whole: bytes) -> None:
        """A stored tree (``DocRecord.whole``) is read."""
        self._take(len(whole) // STORED_BYTES_A_REVISION)

    def rewrite(self, whole: bytes) -> None:
        """A tree is written anew."""
        self._take(REWRITTEN * len(whole) // STORED_BYTES_A_REVISION)

    def _take(self, work: int) -> None:
        self._done += work
        self.trees += work


def portions(edits: Iterable[Edit], bound: int, *, new_edits: bool) -> Iterator[int]:
    """How many of the edits, from the first on, are within the bound (at least one), then how many of the rest, ..."""
    count = work = 0
    last = ""
    for edit in edits:
        work += work_of(edit, further=not new_edits and edit.id == last)
        if count and work > bound:
            yield count
            count, work = 0, work_of(edit)
        count += 1
        last = edit.id
    if count:
        yield count
