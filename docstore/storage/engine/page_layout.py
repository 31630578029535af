"""How LMDB lays out its file: meta pages, pages, nodes; read from bytes, with every number doubted.

Owns that layout (data format 1 of LMDB 0.9, as ``mdb.c`` has it: ``MDB_page``, ``MDB_node``, ``MDB_db``, ``MDB_meta``).
It must not know which tables there are. LMDB itself trusts its pages: what a damaged one says leads it beyond the end
of the file, which is a signal that ends the process. So a file is looked at here before LMDB is let near it.
"""

from dataclasses import dataclass
from struct import Struct
from typing import Final, NamedTuple, cast

META_PAGES: Final = 2
MAGIC: Final = 0xBEEFC0DE
DATA_VERSION: Final = 1
NO_PAGE: Final = 0xFFFF_FFFF_FFFF_FFFF
"""The root of a tree without entries."""

BRANCH, LEAF, OVERFLOW, META = 1, 2, 4, 8
BIG_DATA, SUB_DATA = 1, 2
MAX_KEY: Final = 511
MAX_DEPTH: Final = 32
SMALLEST_PAGE, LARGEST_PAGE = 512, 65_536

_HEADER = Struct("=QHHHH")
_OVERFLOW_HEADER = Struct("=QHHI")
_NODE = Struct("=HHHH")
_TREE = Struct("=IHHQQQQQ")
_META = Struct("=IIQQ48s48sQQ")
_PAGE = Struct("=Q")
HEADER_BYTES: Final = _HEADER.size
META_BYTES: Final = HEADER_BYTES + _META.size
TREE_BYTES: Final = _TREE.size


class BadPage(ValueError):
    """Bytes that are no page, no node or no tree; it says why."""


class TreeRow(NamedTuple):
    """What LMDB keeps of a tree (``MDB_db``)."""

    depth: int
    branches: int
    leaves: int
    overflows: int
    entries: int
    root: int


@dataclass(frozen=True, slots=True)
class Meta:
    """A meta page. The tree ``free`` lists the free pages, ``main`` has the named trees; ``last`` is the last page."""

    page_size: int
    free: TreeRow
    main: TreeRow
    last: int
    txnid: int


class Node(NamedTuple):
    """An entry of a page. ``page`` is the child of a branch, or where the value of a leaf begins, if it is not here."""

    key: bytes
    flags: int
    size: int
    page: int
    value: bytes


def decode_meta(data: bytes) -> Meta:
    """The meta page of these ``META_BYTES``. Raises BadPage."""
    if len(data) < META_BYTES:
        raise BadPage("it is not there")
    flags = _HEADER.unpack_from(data)[2]
    magic, version, _, _, free, main, last, txnid = _META.unpack_from(data, HEADER_BYTES)
    if magic != MAGIC or flags & META == 0:
        raise BadPage("it is no meta page of LMDB")
    if version != DATA_VERSION:
        raise BadPage(f"it has the data format {version} of LMDB, not {DATA_VERSION}")
    page_size = _TREE.unpack(free)[0]
    if not SMALLEST_PAGE <= page_size <= LARGEST_PAGE or page_size & page_size - 1:
        raise BadPage(f"it says that pages have {page_size} bytes")
    if last < META_PAGES - 1:
        raise BadPage(f"it says that page {last} is the last")
    return Meta(page_size, decode_tree(free, plain=False), decode_tree(main), last, txnid)


def decode_tree(data: bytes, *, plain: bool = True) -> TreeRow:
    """The row of a tree, a ``plain`` one but for the tree of free pages. Raises BadPage."""
    if len(data) != TREE_BYTES:
        raise BadPage(f"the row of a tree has {len(data)} bytes")
    padding, flags, *_ = _TREE.unpack(data)
    if plain and (padding or flags):
        raise BadPage(f"the row of a tree has the flags {flags:#x} and {padding:#x}")
    row = TreeRow(*_TREE.unpack(data)[2:])
    if row.depth >= MAX_DEPTH or (row.root == NO_PAGE) != (row.depth == 0) or (row.root == NO_PAGE and row.entries):
        raise BadPage(f"the row of a tree says depth {row.depth}, root {row.root}, {row.entries} entries")
    return row


def decode_page(data: bytes, number: int, kind: int, least: int) -> list[Node]:
    """The nodes of a page of this kind, of which there are at least so many. Raises BadPage."""
    size = len(data)
    told, _, flags, lower, upper = _HEADER.unpack_from(data)
    if told != number:
        raise BadPage(f"it says that it is page {told}")
    if flags != kind:
        raise BadPage(f"it has the flags {flags:#x}, not {kind:#x}")
    if not HEADER_BYTES <= lower <= upper <= size or lower % 2:
        raise BadPage(f"its bounds are {lower} and {upper} of {size} bytes")
    count = (lower - HEADER_BYTES) // 2
    if count < least:
        raise BadPage(f"it has {count} entries")
    places = Struct(f"={count}H").unpack_from(data, HEADER_BYTES)
    return [_decode_node(data, place, upper, leaf=kind == LEAF) for place in places]


def decode_overflow(data: bytes, number: int) -> int:
    """How many pages a long value has, by its first page. Raises BadPage."""
    told, _, flags, pages = cast("tuple[int, int, int, int]", _OVERFLOW_HEADER.unpack_from(data))
    if told != number or flags != OVERFLOW or not pages:
        raise BadPage(f"it says that it is page {told}, the first of {pages}, with the flags {flags:#x}")
    return pages


def overflow_pages(size: int, page_size: int) -> int:
    """How many pages a value of so many bytes needs."""
    return (HEADER_BYTES - 1 + size) // page_size + 1


def _decode_node(data: bytes, place: int, upper: int, *, leaf: bool) -> Node:
    end = place + _NODE.size
    if place < upper or place % 2 or end > len(data):
        raise BadPage(f"an entry is at {place}")
    low, high, flags, key_size = _NODE.unpack_from(data, place)
    size = low | high << 16
    key = data[end : end + key_size]
    end += key_size
    if key_size > MAX_KEY or end > len(data):
        raise BadPage(f"the key at {place} has {key_size} bytes")
    if not leaf:
        return Node(key, 0, 0, size | flags << 32, b"")
    if flags == BIG_DATA:
        if end + _PAGE.size > len(data):
            raise BadPage(f"the value at {place} is cut off")
        return Node(key, flags, size, _PAGE.unpack_from(data, end)[0], b"")
    if end + size > len(data):
        raise BadPage(f"the value at {place} has {size} bytes")
    return Node(key, flags, size, 0, data[end : end + size])
