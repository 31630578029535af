"""Numbers in the texts of queries.

Owns which words are numbers: those that Java's ``Double.valueOf`` takes, as in Clouseau's parser, but for hexadecimal
ones. It must not know fields.
"""

import re
from typing import Final

MAX_DIGITS: Final = 400
"""Beyond, a word is no number to anybody."""

_NUMBER: Final = re.compile(
    r"[\x00-\x20]*([+-]?)(NaN|Infinity|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)[fFdD]?[\x00-\x20]*"
)


def number_of(text: str) -> float | None:
    """The number that a word is, None for one that is none."""
    if len(text) > MAX_DIGITS:
        return None
    found = _NUMBER.fullmatch(text)
    if found is None:
        return None
    sign, digits = found.groups()
    return float(sign + digits)
