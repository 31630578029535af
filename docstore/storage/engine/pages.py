"""The check of the file's pages: whether LMDB can be let near them.

Owns the walk over LMDB's trees by reading the file, page by page: each is where it is said to be, is of the right
kind, holds what it says in its own bounds, keeps its keys in order and between those of its parent, and belongs to one
tree or to the free pages. It must not know what any table holds. ``file_findings`` looks at everything;
``refuse_damage`` at the upper pages of all trees, which of a small store are all, and at the end of the file: that
costs no more for a large one.
"""

import os
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from struct import Struct
from typing import Final, NamedTuple

from docstore.errors import StoreDamaged, StoreUnusable
from docstore.settings import StorageSettings
from docstore.storage.engine import page_layout
from docstore.storage.engine.data_file import open_data_file
from docstore.storage.engine.page_layout import (
    BIG_DATA,
    BRANCH,
    LEAF,
    META_BYTES,
    META_PAGES,
    NO_PAGE,
    SUB_DATA,
    BadPage,
    Meta,
    Node,
    TreeRow,
)

PAGES_AT_OPEN: Final = 500
"""How many pages are looked at when a store is opened: some 20 ms."""

MAX_FINDINGS: Final = 100

LONGEST_FREE_END: Final = 1 << 16
"""How many pages of a file's end may be free and not there, beyond as many as are there."""

FREE, MAIN = "free pages", "main"
_NUMBER = Struct("=Q")
_TRANSACTION_KEY = 8


class _Place(NamedTuple):
    """A page to be looked at: of which tree, how far above the leaves (1 is a leaf), and between which keys."""

    tree: str
    number: int
    depth: int
    low: bytes | None
    high: bytes | None


class _Counts:
    """What was found of a tree."""

    def __init__(self, row: TreeRow) -> None:
        self.row = row
        self.entries = 0
        self.branches = 0
        self.leaves = 0
        self.overflows = 0


class PageWalk:
    """One walk over the trees that a meta page names; ``findings`` makes it."""

    def __init__(self, file: int, meta: Meta, *, limit: int | None = None) -> None:
        """``file`` is a descriptor. At most ``limit`` pages are looked at, the upper ones first."""
        self._file = file
        self._meta = meta
        self._limit = limit
        self._size = os.fstat(file).st_size
        self._used = bytearray(meta.last // 8 + 1)
        self._free = bytearray(len(self._used))
        self._trees: dict[str, _Counts] = {}
        self._places: deque[_Place] = deque()

    def findings(self) -> Iterator[str]:
        """What is wrong, a line each."""
        looked_at = 0
        for name, row in ((FREE, self._meta.free), (MAIN, self._meta.main)):
            self._enter(name, row)
        while self._places and looked_at != self._limit:
            looked_at += 1
            place = self._places.popleft()
            try:
                self._look_at(place)
            except BadPage as bad:
                yield f"page {place.number} of the tree of {place.tree}: {bad}"
        if not self._places:
            yield from self._check_counts()
            both = (int.from_bytes(self._used) & int.from_bytes(self._free)).bit_count()
            if both:
                yield f"{both} pages are free, and in use"

    def missing_pages(self, first: int) -> int:
        """How many pages from ``first`` on are not free. Raises BadPage."""
        self._enter(FREE, self._meta.free)
        while self._places:
            self._look_at(self._places.popleft())
        return sum(not _is_in(self._free, number) for number in range(first, self._meta.last + 1))

    # --- steps

    def _enter(self, name: str, row: TreeRow) -> None:
        self._trees[name] = _Counts(row)
        if row.root != NO_PAGE:
            self._places.append(_Place(name, row.root, row.depth, None, None))

    def _look_at(self, place: _Place) -> None:
        data = self._take(place.number, 1)
        counts = self._trees[place.tree]
        is_leaf = place.depth == 1
        nodes = page_layout.decode_page(data, place.number, LEAF if is_leaf else BRANCH, 1 if is_leaf else 2)
        keys = [node.key for node in nodes]
        if is_leaf:
            counts.leaves += 1
            counts.entries += len(nodes)
            self._check_order(place, keys, keys)
            for node in nodes:
                self._look_at_entry(place.tree, node)
        else:
            counts.branches += 1
            self._check_order(place, keys, keys[1:])
            bounds = [place.low, *keys[1:], place.high]
            for node, (low, high) in zip(nodes, pairwise(bounds), strict=True):
                self._places.append(_Place(place.tree, node.page, place.depth - 1, low, high))

    def _check_order(self, place: _Place, keys: list[bytes], told: list[bytes]) -> None:
        """``told`` are those that count; the first one of a branch stands for all before the second."""
        if place.tree == FREE:
            if any(len(key) != _TRANSACTION_KEY for key in told):
                raise BadPage("a key of the free pages is not the number of a transaction")
            ordered = [_NUMBER.unpack(key)[0] for key in told]
            rising = all(low < high for low, high in pairwise(ordered))
        else:
            rising = all(low < high for low, high in pairwise(told))
            if told and rising:
                rising = (place.low is None or place.low <= told[0]) and (place.high is None or told[-1] < place.high)
        if not rising:
            raise BadPage(f"its {len(keys)} keys are not in order")

    def _look_at_entry(self, tree: str, node: Node) -> None:
        value = node.value
        if node.flags == BIG_DATA:
            value = self._long_value(tree, node)
        elif node.flags == SUB_DATA and tree == MAIN:
            self._enter(node.key.decode(errors="replace"), page_layout.decode_tree(value))
        elif node.flags:
            raise BadPage(f"an entry has the flags {node.flags:#x}")
        if tree == FREE:
            self._take_free(value)

    def _long_value(self, tree: str, node: Node) -> bytes:
        """Check the pages of a value that has pages of its own; the value, where it is needed."""
        needed = page_layout.overflow_pages(node.size, self._meta.page_size)
        first = self._read(node.page, 1)
        pages = page_layout.decode_overflow(first, node.page)
        if pages < needed:
            raise BadPage(f"a value of {node.size} bytes begins at page {node.page}, which is the first of {pages}")
        self._trees[tree].overflows += pages
        value = self._take(node.page, pages, read=tree == FREE)
        return value[page_layout.HEADER_BYTES : page_layout.HEADER_BYTES + node.size]

    def _take_free(self, value: bytes) -> None:
        """A list of free pages: how many, and which."""
        count = _NUMBER.unpack_from(value)[0] if len(value) >= _NUMBER.size else len(value)
        if (count + 1) * _NUMBER.size > len(value):
            raise BadPage(f"a list of free pages says {count}, in {len(value)} bytes")
        numbers = Struct(f"={count}Q").unpack_from(value, _NUMBER.size)
        if any(not META_PAGES <= number <= self._meta.last for number in numbers):
            raise BadPage("a list of free pages names one that is not there")
        for number in numbers:
            _put(self._free, number)

    def _take(self, number: int, pages: int, *, read: bool = True) -> bytes:
        """Mark pages as in use, once, and read them. Raises BadPage."""
        data = self._read(number, pages if read else 0)
        for one in range(number, number + pages):
            if _is_in(self._used, one):
                raise BadPage(f"page {one} is used twice")
            _put(self._used, one)
        if (number + pages) * self._meta.page_size > self._size:
            raise BadPage(f"it ends behind the end of the file, which has {self._size} bytes")
        return data

    def _read(self, number: int, pages: int) -> bytes:
        size = self._meta.page_size
        if not META_PAGES <= number <= number + max(pages, 1) - 1 <= self._meta.last:
            raise BadPage(f"there is no page {number} in {self._meta.last + 1}")
        data = os.pread(self._file, pages * size, number * size)
        if len(data) < pages * size:
            raise BadPage(f"it is behind the end of the file, which has {self._size} bytes")
        return data

    def _check_counts(self) -> Iterator[str]:
        for name, found in self._trees.items():
            row = found.row
            says = (row.entries, row.branches, row.leaves, row.overflows)
            if says != (found.entries, found.branches, found.leaves, found.overflows):
                what = f"{found.entries}, {found.branches}, {found.leaves} and {found.overflows}"
                yield f"the tree of {name} says {says} of entries, branches, leaves and long pages; there are {what}"


def file_findings(data_file: Path, settings: StorageSettings) -> Iterator[str]:
    """Everything that is wrong with the pages of a file, beside a server too. Raises StoreUnusable, OSError."""
    file = os.open(data_file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        metas = read_metas(file)
        if isinstance(metas, str):
            yield metas
            return
        try:
            environment = open_data_file(data_file, settings, read_only=True)
        except StoreUnusable:
            # A meta page may name a last page beyond all memory; otherwise it is no damage. Beside a server the pages
            # themselves cannot be looked at without a transaction.
            end = list(_all_findings(file, max(metas, key=lambda one: one.txnid), limit=0))
            if not end:
                raise
            yield from end
            return
        # A transaction, so that no page of what is looked at is used anew meanwhile.
        with environment:
            meta = None
            while meta is None:
                with environment.begin() as transaction:
                    metas = read_metas(file)
                    shown = transaction.id()
                    meta = next((one for one in metas if not isinstance(one, str) and one.txnid == shown), None)
                    if meta is not None:
                        yield from _limited(_all_findings(file, meta))
    finally:
        os.close(file)


def refuse_damage(data_file: Path) -> None:
    """Look at the upper pages of a file that nobody has open, and at its end. Raises StoreDamaged, OSError."""
    file = os.open(data_file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if os.fstat(file).st_size == 0:
            return  # it is yet to be made
        metas = read_metas(file)
        if isinstance(metas, str):
            raise StoreDamaged(f"{data_file} is damaged: {metas}.")
        meta = max(metas, key=lambda one: one.txnid)
        for finding in _all_findings(file, meta, limit=PAGES_AT_OPEN):
            raise StoreDamaged(f"{data_file} is damaged: {finding}; docstore check looks at all of it.")
    finally:
        os.close(file)


def read_metas(file: int) -> tuple[Meta, Meta] | str:
    """Both meta pages, or what is wrong with one of them."""
    try:
        first = page_layout.decode_meta(os.pread(file, META_BYTES, 0))
    except BadPage as bad:
        return f"meta page 0: {bad}"
    try:
        second = page_layout.decode_meta(os.pread(file, META_BYTES, first.page_size))
    except BadPage as bad:
        return f"meta page 1: {bad}"
    if first.page_size != second.page_size:
        return f"its meta pages say that pages have {first.page_size} and {second.page_size} bytes"
    return first, second


def _all_findings(file: int, meta: Meta, *, limit: int | None = None) -> Iterator[str]:
    """The file ends with its last page, or those behind its end are free: LMDB writes none that was never used."""
    size = os.fstat(file).st_size
    there = size // meta.page_size
    missing = meta.last + 1 - there
    if 0 < missing <= there + LONGEST_FREE_END:
        with suppress(BadPage):
            missing = PageWalk(file, meta).missing_pages(there)
    if missing <= 0:
        yield from PageWalk(file, meta, limit=limit).findings()
    else:
        yield f"it was cut off: it has {size} bytes, and lacks {missing} of the {meta.last + 1} pages of its last state"


def _put(pages: bytearray, number: int) -> None:
    pages[number >> 3] |= 1 << (number & 7)


def _is_in(pages: bytearray, number: int) -> bool:
    return bool(pages[number >> 3] >> (number & 7) & 1)


def _limited(findings: Iterator[str]) -> Iterator[str]:
    for place, finding in enumerate(findings):
        if place == MAX_FINDINGS:
            yield "and more"
            return
        yield finding
