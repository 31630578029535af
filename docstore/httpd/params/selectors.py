"""Which selectors are compiled on the event loop.

Owns that choice: those of short bodies in which no ``$regex`` can be, since an engine may read a pattern for long.
It must not know selectors.
"""

from typing import Final

from docstore.settings import KIB

COMPILED_AT_ONCE: Final = 2 * KIB
"""Bytes of a body; a selector of as many is compiled in less than a millisecond."""


def compiles_at_once(body: bytes) -> bool:
    """Whether the selector in this JSON text may be compiled on the event loop."""
    return len(body) < COMPILED_AT_ONCE and b"regex" not in body and b"\\" not in body  # which may spell it, too
