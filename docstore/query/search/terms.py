"""How fields and their terms stand in an index.

Owns that form. All terms of a document stand in one text, so that an index takes any number of fields whatever their
names: each has the code of its field in front, 12 characters of a digest, which are so far from each other that no
fuzzy term reaches another field. It must not know tantivy. Numbers are terms too, as 16 hexadecimal digits in their
order, and so is that a document has a field at all.
"""

from functools import lru_cache
from hashlib import blake2b
from struct import Struct
from typing import Final

BETWEEN: Final = "\x1f"
"""Stands between two terms; a text that has it has a space there."""
GAP: Final = "\x1b"
"""Stands for a word that is no term, so that phrases know how far words are apart."""
NUMBER: Final = "\x1e"
CODE_LENGTH: Final = 12
MAX_TERM: Final = 8_000
"""Characters of a term; a longer one is not in the index."""

_DOUBLE: Final = Struct(">d")
_BITS: Final = Struct(">Q")
_ALL: Final = (1 << 64) - 1
_SIGN: Final = 1 << 63


@lru_cache(10_000)
def code_of(field: str) -> str:
    """What stands before the terms of a field."""
    digest = int.from_bytes(blake2b(field.encode("utf-8", "surrogatepass"), digest_size=9).digest())
    letters = ""
    for _ in range(CODE_LENGTH):
        digest, letter = divmod(digest, 62)
        letters += _LETTERS[letter]
    return letters


_LETTERS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def presence(field: str) -> str:
    """The term of documents that have a field."""
    return f"{GAP}{code_of(field)}"


def number_term(value: float) -> str:
    """A number as a term, without its field's code: greater ones come later. -0 is 0."""
    bits = _BITS.unpack(_DOUBLE.pack(value + 0.0))[0]
    return f"{NUMBER}{(bits ^ _ALL) if bits & _SIGN else bits | _SIGN:016x}"
