"""How often a mark stands in a JSON text.

Owns that counting alone. It must not know what is counted for.
"""

from typing import Final

SHORT: Final = 8 * 1024
"""Bytes below which nothing is gained."""

FEW: Final = 16
APART: Final = 256


def count_mark(text: bytes, mark: bytes) -> int:
    """``text.count(mark)`` for one byte, in half of the time or less where long strings stand between the marks.

    To look for the next mark goes at memory speed, and to count them does not. Where ``FEW`` in a row are denser
    than one in ``APART`` bytes the rest is counted.
    """
    if len(text) < SHORT:
        return text.count(mark)
    found = 0
    before = -FEW * APART
    at = text.find(mark)
    while at >= 0:
        found += 1
        if found % FEW == 0:
            if at - before < FEW * APART:
                return found + text.count(mark, at + 1)
            before = at
        at = text.find(mark, at + 1)
    return found
