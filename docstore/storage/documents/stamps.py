"""Stamps: who wrote a leaf here, and when, as bytes in the record of its document.

Owns their layout, and which time may be told as the date of a document. It must not know the record around them
(``records.py``), trees or transactions. A stamp is::

    2  length of what follows
    8  microseconds since 1970 << 1 | undated
    8  undated: until, microseconds since 1970
       the user's name in UTF-8; empty: nobody in particular

A record of one leaf has one stamp, or none. Where a tree is stored whole its stamps are rows, each behind the body's
seq (8) of its leaf, in their order.

A **date** has whole seconds, and who has seen one revision asks by it whether there is another. So it must never stand
for two: a stamp is *undated* if its second is not beyond those of all revisions before it, since one of them was
written in the same second, or the clock was set back. *Until* is the latest time of those; the document has a date
again with the first revision that is written after that. Nor has it one after a purge, which shows older revisions.

What was written elsewhere has no stamp, but for one of all ones in the place of time and name where a revision with a
stamp went before it, which only says until when. Rows say the same, under 0, of leaves that are leaves no more.
"""

from collections.abc import Collection, Iterable, Mapping
from struct import Struct
from typing import Final

from docstore.core.authorship import MAX_AT, MAX_NAME_BYTES, SECOND, Written

_LENGTH = Struct(">H")
_HEAD = Struct(">HQ")
_HEAD_UNTIL = Struct(">HQQ")
_ROW = Struct(">QH")
_SEQ = Struct(">Q")
_TIME_BYTES: Final = 8
_ALL_ONES: Final = (1 << 64) - 1

GONE: Final = 0
"""The key among a document's stamps of those of leaves that are none any more."""

read_head = _HEAD.unpack_from
"""``read_head(data, start) -> (length, time << 1 | undated)``."""

Stamps = Mapping[int, bytes]
"""The stamps of a document, by the seqs of its leaves' bodies."""


def pack_stamp(written: Written) -> bytes:
    """The stamp of a revision that replaces none of a later second."""
    name = (written.by or "").encode("utf-8", "replace")
    if len(name) > MAX_NAME_BYTES:
        name = name[:MAX_NAME_BYTES].decode("utf-8", "ignore").encode() + "…".encode()
    at = written.at
    if not 0 <= at <= MAX_AT:
        at = min(max(at, 0), MAX_AT)
    return _HEAD.pack(_TIME_BYTES + len(name), at << 1) + name


def unpack_stamp(stamp: bytes) -> Written | None:
    """What a stamp says. Raises struct.error, UnicodeDecodeError for bytes that are none."""
    packed: int = _HEAD.unpack_from(stamp)[1]
    if packed == _ALL_ONES:
        return None
    start = _HEAD_UNTIL.size if packed & 1 else _HEAD.size
    return Written(packed >> 1, stamp[start:].decode() or None)


def is_sound(stamp: bytes) -> bool:
    """Whether bytes are a stamp as it is made here. Raises UnicodeDecodeError for some that are none."""
    if len(stamp) < _HEAD.size:
        return False
    length, packed = _HEAD.unpack_from(stamp)
    start = _HEAD_UNTIL.size if packed & 1 else _HEAD.size
    if len(stamp) != _LENGTH.size + length or len(stamp) < start or _until(stamp) > MAX_AT:
        return False
    written = unpack_stamp(stamp)
    return stamp[start:] == (b"" if written is None else pack_stamp(written)[_HEAD.size :])


def unpack_stamps(stamps: Stamps) -> dict[int, Written]:
    """The same of all those that say who wrote a leaf."""
    found = ((seq, unpack_stamp(stamp)) for seq, stamp in stamps.items())
    return {seq: written for seq, written in found if written is not None}


def stamp_end(data: bytes, start: int) -> int:
    """Where the stamp ends that starts at a place."""
    length: int = _LENGTH.unpack_from(data, start)[0]
    return start + _LENGTH.size + length


def date_at(data: bytes, start: int) -> int | None:
    """The date that the stamp at a place gives its document, in seconds since 1970; None where it gives none."""
    packed: int = _HEAD.unpack_from(data, start)[1]
    return None if packed & 1 else packed // (2 * SECOND)


def following(stamp: bytes, *before: bytes) -> bytes:
    """A new stamp in the place of others, undated if its second is not beyond theirs; empty: of what came here."""
    until = _latest(before)
    if not stamp:
        return _HEAD_UNTIL.pack(2 * _TIME_BYTES, _ALL_ONES, until)
    packed: int = _HEAD.unpack_from(stamp)[1]
    return stamp if (packed >> 1) // SECOND > until // SECOND else undated(stamp, until)


def undated(stamp: bytes, until: int) -> bytes:
    """The same stamp, which gives no date, nor does what follows it up to a time."""
    packed: int = _HEAD.unpack_from(stamp)[1]
    name = stamp[_HEAD_UNTIL.size if packed & 1 else _HEAD.size :]
    return _HEAD_UNTIL.pack(2 * _TIME_BYTES + len(name), packed | 1, until) + name


def left_alone(stamp: bytes, *before: bytes) -> bytes:
    """The stamp, perhaps empty, of the leaf that is left of several, which had these."""
    return undated(stamp, _latest(before)) if stamp else following(b"", *before)


def beside(before: Stamps, leaves: Collection[int], new: Stamps) -> dict[int, bytes]:
    """The stamps of these leaves, and what has to be known of those that went."""
    kept = {seq: before[seq] for seq in before.keys() & leaves}
    gone = [stamp for seq, stamp in before.items() if seq not in kept]
    return {**({GONE: following(b"", *gone)} if gone else {}), **kept, **new}


def pack_rows(stamps: Stamps) -> bytes:
    """The stamps of a document with several leaves as rows."""
    return b"".join([_SEQ.pack(seq) + stamp for seq, stamp in sorted(stamps.items())])


def unpack_rows(data: bytes) -> dict[int, bytes]:
    """The stamps of rows. Raises struct.error for bytes that are none."""
    found: dict[int, bytes] = {}
    at = 0
    while at < len(data):
        seq, length = _ROW.unpack_from(data, at)
        start = at + _SEQ.size
        at = start + _LENGTH.size + length
        found[seq] = data[start:at]
    return found


def _latest(before: Iterable[bytes]) -> int:
    """The latest time that any of these stamps knows of; of damaged ones too, so that their document can be written."""
    return min(max(map(_until, before)), MAX_AT)


def _until(stamp: bytes) -> int:
    """The latest time that a stamp knows of."""
    packed: int = _HEAD.unpack_from(stamp)[1]
    if not packed & 1 or len(stamp) < _HEAD_UNTIL.size:
        return packed >> 1
    until: int = _HEAD_UNTIL.unpack_from(stamp)[2]
    return until if packed == _ALL_ONES else max(packed >> 1, until)
