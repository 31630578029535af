"""Feeds of changes whose rows are repeated, told in another order, or broken off in the middle.

Owns how rows are found in the bytes of a feed and put together again, in its three framings (one JSON object, a line a
row, server-sent events). It must not know what a row says.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from random import Random
from typing import Final

from docstore.double.actions import BreakFeed, ReorderRows, RepeatRows
from docstore.double.before import Dropped
from docstore.double.facts import Facts
from docstore.double.faults import Hit

FEED_ACTIONS: Final = (BreakFeed, RepeatRows, ReorderRows)
OPENING: Final = b'{"results":['

Rows = list[bytes]


class Torn(Exception):
    """The feed ends here, in the middle of a row: ``rest`` is the last that is sent."""

    def __init__(self, rows: Rows, rest: bytes) -> None:
        super().__init__()
        self.rows = rows
        self.rest = rest


def changed_feed(hit: Hit, facts: Facts, pieces: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """A feed as a rule has it."""
    feed = facts.query.get("feed", "normal")
    written = {"continuous": by_lines, "eventsource": by_events}.get(feed, as_object)
    return written(pieces, _change(hit))


def _change(hit: Hit) -> Callable[[Rows], Rows]:
    action = hit.action
    if isinstance(action, RepeatRows):
        copies = action.copies
        return lambda rows: [row for row in rows for _ in range(copies)]
    if isinstance(action, ReorderRows):
        return _Shuffle(hit.draw)
    assert isinstance(action, BreakFeed)
    return _Break(action.rows)


class _Shuffle:
    """Another order, never the one that they come in if there are two."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def __call__(self, rows: Rows) -> Rows:
        shuffled = list(rows)
        self._random.shuffle(shuffled)
        return shuffled if shuffled != rows else rows[::-1]


class _Break:
    """So many rows, then half of one."""

    def __init__(self, rows: int) -> None:
        self._left = rows

    def __call__(self, rows: Rows) -> Rows:
        if len(rows) <= self._left:
            self._left -= len(rows)
            return rows
        torn = rows[self._left]
        raise Torn(rows[: self._left], torn[: len(torn) // 2])


async def by_lines(pieces: AsyncGenerator[bytes], change: Callable[[Rows], Rows]) -> AsyncGenerator[bytes]:
    """A row a line; an empty line is a sign of life."""
    async for lines in _split(pieces, b"\n"):
        rows = [line for line in lines if line and not line.startswith(b'{"last_seq"')]
        others = [line for line in lines if not line or line.startswith(b'{"last_seq"')]
        rows, torn = _changed(rows, change)
        yield b"".join(b"%b\n" % row for row in rows) + torn
        if torn:
            raise Dropped
        yield b"".join(b"%b\n" % other for other in others)


async def by_events(pieces: AsyncGenerator[bytes], change: Callable[[Rows], Rows]) -> AsyncGenerator[bytes]:
    """An event a row; others have no data."""
    async for blocks in _split(pieces, b"\n\n"):
        rows = [block for block in blocks if block.lstrip(b"\n").startswith(b"data: {")]
        others = [block for block in blocks if block not in rows]
        rows, torn = _changed(rows, change)
        yield b"".join(b"%b\n\n" % row for row in rows) + torn
        if torn:
            raise Dropped
        yield b"".join(b"%b\n\n" % other for other in others)


async def as_object(pieces: AsyncGenerator[bytes], change: Callable[[Rows], Rows]) -> AsyncGenerator[bytes]:
    """All rows in one JSON object, a line each."""
    before, closing = b"", False
    async for lines in _split(pieces, b"\n"):
        rows: Rows = []
        after = b""
        for line in lines:
            bare = line.strip(b",\r")
            if closing or bare.startswith(b"]"):
                closing = True
                after += line + b"\n"
            elif bare.startswith(OPENING):
                yield OPENING + b"\n"
            elif bare:
                rows.append(bare)
            else:
                after += b"" if line else b"\n"
        rows, torn = _changed(rows, change)
        for row in rows:
            yield before + row
            before = b",\r\n"
        if torn:
            yield before + torn
            raise Dropped
        yield (b"\n" if closing and before else b"") + after if after else b""
        if closing:
            before = b""


def _changed(rows: Rows, change: Callable[[Rows], Rows]) -> tuple[Rows, bytes]:
    """The rows, and half of one behind which the feed ends."""
    if not rows:
        return rows, b""
    try:
        return change(rows), b""
    except Torn as torn:
        return torn.rows, torn.rest


async def _split(pieces: AsyncGenerator[bytes], end: bytes) -> AsyncGenerator[list[bytes]]:
    """What has come of whole lines, each time some came, without their ends; what follows the last end comes last."""
    rest = b""
    async with aclosing(pieces):
        async for piece in pieces:
            *lines, rest = (rest + piece).split(end)
            if lines:
                yield lines
    if rest:
        yield [rest]
