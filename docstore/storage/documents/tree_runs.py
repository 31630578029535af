"""The revision tree as bytes: runs of 24-byte entries.

Owns the layout of run entries, of sealed chunks and of whole trees. It must not know the record around them
(``records.py``) nor where chunks are kept.

A *run* is a stretch of a branch: revisions of consecutive generations, oldest first. Its entry is::

    16 bytes  rev id; for one of another length ("odd"): 4 bytes length, 12 bytes zero, and the id in the run's heap
     8 bytes  seq << 2 | odd << 1 | deleted; seq: key of the body, 0 for a revision known only as an ancestor

Most trees are a *chain*: one run from the root to the winner, no odd ids. Of a chain only the ancestors are stored,
since the winner stands in the record's head; so an edit appends one entry, the previous winner. The generation of an
entry follows from its place. Once a chain has more than ``TAIL_MAX`` ancestors the oldest are sealed in
chunks, one for each block of 64 generations (``generation >> 6``)::

    generation   1 ........ 63 | 64 ....... 127 | 128 ....... 150   151
                 chunk 0       | chunk 1        | tail              winner
                 table runs    | table runs     | in the record     in the record's head

A chunk is never changed afterwards, only removed once all its revisions are stemmed away.

Any other tree is stored whole (``pack_tree``): the path to each childless revision, the winner's first, as far as no
earlier path has it, each with the run that its oldest entry descends from.
"""

from collections.abc import Iterator, Mapping, Sequence
from struct import Struct
from typing import NamedTuple

from docstore.core.rev import HASH_BYTES, Rev
from docstore.core.revtree import Node, RevTree

ENTRY_BYTES = 24
BLOCK_BITS = 6
BLOCK = 1 << BLOCK_BITS
TAIL_MAX = BLOCK + 8
"""Ancestors kept in the record. With 72 a record stays below the size from which LMDB gives it pages of its own."""

MAX_GENERATION = (1 << 32) - 1
"""Generations beyond do not fit a record's head: such trees are stored whole, like those with odd ids."""

_ENTRY = Struct(">16sQ")
_ODD_LENGTH = Struct(">I12xQ")
_RUN = Struct(">QiI")
_SINGLE = Struct(">QiI16sQ")
_COUNT = Struct(">I")
_DELETED = 1
_ODD = 2
_SEQ_SHIFT = 2
_NO_RUN = -1
_NOT_ODD = bytes(last for last in range(256) if not last & _ODD)
"""What the last byte of an entry may be whose id is not odd."""

_new = tuple.__new__
"""Makes thousands of Rev and Node at a third of the price of their own constructors."""


class Entry(NamedTuple):
    """What is stored of one revision: the key of its body, 0 if there never was one, and whether it is a deletion."""

    seq: int
    deleted: bool


def pack_entry(rev_id: bytes, seq: int, deleted: bool) -> bytes:
    """The 24 bytes of one revision with a 16-byte id."""
    return _ENTRY.pack(rev_id, seq << _SEQ_SHIFT | deleted)


def read_entry(data: bytes, place: int, rev_id: bytes) -> Entry | None:
    """The entry at a place, None if it is that of another id. Odd ids stand elsewhere."""
    stored, packed = _ENTRY.unpack_from(data, place)
    return Entry(packed >> _SEQ_SHIFT, bool(packed & _DELETED)) if stored == rev_id else None


def entry_seqs(entries: bytes) -> list[int]:
    """The seqs of the written revisions among a chain's entries, oldest first."""
    return [packed >> _SEQ_SHIFT for _, packed in _ENTRY.iter_unpack(entries) if packed >> _SEQ_SHIFT]


def is_odd(rev: Rev) -> bool:
    """Whether a revision cannot stand in a chain or a record's head."""
    return len(rev.id) != HASH_BYTES or rev.generation > MAX_GENERATION


def chain_nodes(entries: bytes, first_generation: int) -> Iterator[tuple[Rev, Node]]:
    """The revisions of a chain's entries, oldest first. The parent of the first is None."""
    parent: Rev | None = None
    generation = first_generation
    for rev_id, packed in _ENTRY.iter_unpack(entries):
        rev = Rev(generation, rev_id)
        yield rev, Node(parent, packed >> _SEQ_SHIFT, bool(packed & _DELETED))
        parent = rev
        generation += 1


def pack_chain(tree: RevTree) -> bytes | None:
    """The entries of the winner's ancestors, oldest first; None if the tree is no chain."""
    winner = tree.winner()
    path = tree.path_to(winner)
    if len(path) != len(tree.nodes) or any(is_odd(rev) for rev in path):
        return None
    nodes = tree.nodes
    return b"".join(pack_entry(rev.id, nodes[rev].seq, nodes[rev].deleted) for rev in reversed(path[1:]))


def seal(tail: bytes, generation: int) -> tuple[list[tuple[int, bytes]], bytes]:
    """Cut chunks off a tail that has more than ``TAIL_MAX`` entries; ``generation`` is the winner's.

    Returns (block, chunk) of those cut off and the rest, which starts at a block's first generation if any was cut.
    """
    chunks: list[tuple[int, bytes]] = []
    while len(tail) > TAIL_MAX * ENTRY_BYTES:
        first = generation - len(tail) // ENTRY_BYTES
        block = first >> BLOCK_BITS
        length = ((block + 1 << BLOCK_BITS) - first) * ENTRY_BYTES
        chunks.append((block, tail[:length]))
        tail = tail[length:]
    return chunks, tail


def pack_tree(tree: RevTree) -> bytes:
    """Any tree as bytes; equal trees give equal bytes."""
    place: dict[Rev, int] = {}
    parts: list[bytes] = []
    tips = childless(tree)
    for index, tip in enumerate(tips):
        node = tree.nodes[tip]
        if len(tip.id) == HASH_BYTES and tip not in place and (node.parent is None or node.parent in place):
            place[tip] = index
            of_parent = _NO_RUN if node.parent is None else place[node.parent]
            parts.append(_SINGLE.pack(tip.generation, of_parent, 1, tip.id, node.seq << _SEQ_SHIFT | node.deleted))
            continue
        run: list[Rev] = []
        rev: Rev | None = tip
        while rev is not None and rev not in place:
            place[rev] = index
            run.append(rev)
            rev = tree.nodes[rev].parent
        run.reverse()
        parts.append(_RUN.pack(run[0].generation, _NO_RUN if rev is None else place[rev], len(run)))
        parts.append(_pack_run(run, tree.nodes))
    return _COUNT.pack(len(tips)) + b"".join(parts)


def childless(tree: RevTree) -> list[Rev]:
    """The leaves in winner order, then the childless revisions that were never written, highest first."""
    leaves = tree.leaves()
    parents = {node.parent for node in tree.nodes.values()}
    strays = tree.nodes.keys() - parents - set(leaves)
    return [*leaves, *sorted(strays, reverse=True)]


def unpack_tree(data: bytes) -> RevTree:
    """The tree that ``pack_tree`` packed."""
    nodes: dict[Rev, Node] = {}
    runs: list[list[Rev]] = []
    at = _COUNT.size
    for _ in range(_COUNT.unpack_from(data)[0]):
        start, parent_run, count = _RUN.unpack_from(data, at)
        at += _RUN.size
        parent: Rev | None = None
        if parent_run != _NO_RUN:
            branch = runs[parent_run]
            parent = branch[start - 1 - branch[0].generation]
        if count == 1:  # of thousands of conflicts most are no longer
            rev_id, packed = _ENTRY.unpack_from(data, at)
            if not packed & _ODD:
                at += ENTRY_BYTES
                rev = _new(Rev, (start, rev_id))
                nodes[rev] = _new(Node, (parent, packed >> _SEQ_SHIFT, packed & _DELETED == _DELETED))
                runs.append([rev])
                continue
        heap = at + count * ENTRY_BYTES
        run: list[Rev] = []
        for offset in range(at, heap, ENTRY_BYTES):
            rev_id, packed = _ENTRY.unpack_from(data, offset)
            if packed & _ODD:
                length = _COUNT.unpack_from(data, offset)[0]
                rev_id = data[heap : heap + length]
                heap += length
            rev = Rev(start + len(run), rev_id)
            nodes[rev] = Node(parent, packed >> _SEQ_SHIFT, bool(packed & _DELETED))
            run.append(rev)
            parent = rev
        runs.append(run)
        at = heap
    return RevTree(nodes)


def find_entry(data: bytes, rev: Rev) -> Entry | None:
    """The entry of one revision of a packed tree, None if it is not there; the others are not unpacked."""
    if rev.id not in data:
        return None
    at = _COUNT.size
    for _ in range(_COUNT.unpack_from(data)[0]):
        start, _, count = _RUN.unpack_from(data, at)
        at += _RUN.size
        heap = at + count * ENTRY_BYTES
        place = at + (rev.generation - start) * ENTRY_BYTES
        ends = heap
        found: Entry | None = None
        if data[at + ENTRY_BYTES - 1 : heap : ENTRY_BYTES].translate(None, _NOT_ODD):
            for offset in range(at, heap, ENTRY_BYTES):
                length, packed = _ODD_LENGTH.unpack_from(data, offset)
                if packed & _ODD:
                    if offset == place and data[ends : ends + length] == rev.id:
                        found = Entry(packed >> _SEQ_SHIFT, bool(packed & _DELETED))
                    ends += length
                elif offset == place:
                    found = read_entry(data, place, rev.id)
        elif at <= place < heap:
            found = read_entry(data, place, rev.id)
        if found is not None:
            return found
        at = ends
    return None


def linear_length(data: bytes) -> int:
    """How many revisions a packed tree has, if it is a single run; else 0."""
    count: int = _RUN.unpack_from(data, _COUNT.size)[2]
    return count if _COUNT.unpack_from(data)[0] == 1 else 0


def _pack_run(run: Sequence[Rev], nodes: Mapping[Rev, Node]) -> bytes:
    entries: list[bytes] = []
    heap: list[bytes] = []
    for rev in run:
        _, seq, deleted = nodes[rev]
        if len(rev.id) == HASH_BYTES:
            entries.append(pack_entry(rev.id, seq, deleted))
        else:
            entries.append(_ODD_LENGTH.pack(len(rev.id), seq << _SEQ_SHIFT | _ODD | deleted))
            heap.append(rev.id)
    return b"".join(entries) + b"".join(heap)
