"""How much work a JSON text is to read or to print, told before that is done.

Owns the estimate by which the work on a text is given to a thread. Bytes alone do not tell: a kilobyte of prose costs a
microsecond, a kilobyte of floats a millisecond, for each is handed to ``json_text.parse_float``, printed, and hashed as
an Erlang term. It must not know threads, nor what a text is for.
"""

from typing import Final

from docstore.core.json_marks import APART, count_mark
from docstore.core.json_text import JsonValue
from docstore.settings import Limits

NEVER_COSTLY: Final = 12 * 1024 + 1
"""Bytes below which no text is worth a look: it is read in a few milliseconds at most, whatever it is."""

COSTLY: Final = 4_000
"""In quarters of a microsecond, so about a millisecond."""

_NO_MARKS: Final = bytes(set(range(256)) - set(b",[{:\\"))
_DIGITS_TO_ZERO: Final = bytes.maketrans(b"123456789", b"000000000")


def is_costly(text: bytes) -> bool:
    """Whether reading, printing and hashing a text takes more than about a millisecond."""
    if len(text) < NEVER_COSTLY:
        return False
    items = count_mark(text, b",") + 1
    # Where there are many, to count each kind takes as long as a copy of all.
    marks = text if items * APART < len(text) else text.translate(None, _NO_MARKS)
    cost = items + len(text) // 4_096
    if cost < COSTLY:
        enclosing = count_mark(marks, b"[") + count_mark(marks, b"{")
        cost += 2 * count_mark(marks, b":") + 6 * count_mark(marks, b"\\") + 2 * enclosing
        most_floats = items + enclosing  # to count them takes longer than all else
        if cost < COSTLY <= cost + 3 * most_floats:
            zeros = text.translate(_DIGITS_TO_ZERO)
            cost += 3 * (zeros.count(b"0.0") + zeros.count(b"0e") + zeros.count(b"0E"))
    return cost >= COSTLY


def is_for_a_thread(text: bytes, limits: Limits) -> bool:
    """Whether a text that came in is read in a thread: from ``parse_off_loop_from`` bytes on, or where it is costly."""
    return len(text) >= limits.parse_off_loop_from or is_costly(text)


def has_more_characters(value: JsonValue, most: int) -> bool:
    """Whether the strings of a value have more characters than ``most``, and so its text more bytes."""
    pending = [value]
    while pending:
        part = pending.pop()
        if isinstance(part, str):
            most -= len(part)
            if most < 0:
                return True
        elif isinstance(part, dict):
            pending += part
            pending += part.values()
        elif isinstance(part, list):
            pending += part
    return False
