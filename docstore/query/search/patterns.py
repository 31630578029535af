"""Patterns of terms, as regular expressions of tantivy's term dictionary.

Owns how wildcards, Lucene's regular expressions and ranges are written there. It must not know fields. A pattern is of
a whole term. Follows ``WildcardQuery`` and the syntax of ``RegExp`` of Lucene; its complement, intersection and
intervals of numbers are refused.
"""

import re
from typing import Final

from docstore.errors import BadRequest

LAST: Final = "\U0010ffff"
ANY: Final = f"[\x00-{LAST}]"
REST: Final = f"{ANY}*"
MAX_BOUND: Final = 32
"""Characters of a bound. tantivy makes patterns of a thousand states at most, and a range has some for each."""
MAX_WILD: Final = 16
"""Wildcards of a pattern: to make it takes milliseconds, and the time of their square."""

_SPECIAL: Final = frozenset(r"\.+*?()|[]{}^$#&-~")
_PIECE: Final = re.compile(r"\\(.)|(.)", re.DOTALL)
_QUANTIFIER: Final = re.compile(r"\{(\d{1,3})(?:(,)(\d{1,3})?)?\}")


def literal(text: str) -> str:
    """What matches a text alone."""
    return "".join(f"\\{one}" if one in _SPECIAL else one for one in text)


def of_wildcards(pattern: str) -> str:
    """What matches a pattern with ``*`` and ``?``, in which a backslash takes a character as it is."""
    wild = {"*": REST, "?": ANY}
    return "".join(
        literal(found[1]) if found[1] is not None else wild.get(found[2], literal(found[2]))
        for found in _PIECE.finditer(pattern)
    )


# --- Lucene's regular expressions -------------------------------------------------------------------------------------


def of_regex(pattern: str) -> str:
    """The same of a regular expression as Lucene has them. Raises BadRequest."""
    pieces: list[str] = []
    at = 0
    while at < len(pattern):
        one = pattern[at]
        at += 1
        if one == "\\" and at < len(pattern):
            pieces.append(literal(pattern[at]))
            at += 1
        elif one == '"':
            end = pattern.find('"', at)
            end = len(pattern) if end < 0 else end
            pieces.append(literal(pattern[at:end]))
            at = end + 1
        elif one == "[":
            end, text = _class(pattern, at)
            pieces.append(text)
            at = end
        elif one == "{":
            found = _QUANTIFIER.match(pattern, at - 1)
            if found is None:
                raise _refused(pattern)
            pieces.append(found[0])
            at = found.end()
        elif one in "~&<#" or (one == "(" and pattern[at : at + 1] == "?"):
            raise _refused(pattern)
        else:
            pieces.append({".": ANY, "@": REST}.get(one) or (one if one in "()|*+?" else literal(one)))
    return "".join(pieces)


def _class(pattern: str, at: int) -> tuple[int, str]:
    """A class of characters from behind its bracket, and where it ends."""
    negated = pattern.startswith("^", at)
    at += negated
    pieces: list[str] = []
    while at < len(pattern) and pattern[at] != "]":
        escape = pattern[at] == "\\" and at + 1 < len(pattern)
        one = pattern[at + escape]
        at += 1 + escape
        pieces.append("-" if one == "-" and not escape and pieces else f"\\{one}" if one in _SPECIAL else one)
    if at >= len(pattern) or not pieces:
        raise _refused(pattern)
    return at + 1, f"[{'^' if negated else ''}{''.join(pieces)}]"


def _refused(pattern: str) -> BadRequest:
    return BadRequest(f"Cannot parse '/{pattern}/': This is no regular expression that can be searched for.")


# --- Ranges -----------------------------------------------------------------------------------------------------------


def of_range(low: str | None, high: str | None, *, with_low: bool, with_high: bool) -> str | None:
    """What matches the texts between two others, in the order of code points; None if there are none.

    Neither has more than ``MAX_BOUND`` characters: ``cut_low`` and ``cut_high`` make bounds that leave nothing out.
    """
    low, with_low = (low, with_low) if low is not None else ("", True)
    if high is None:
        return _either(_above(low, with_low=with_low), [])
    if low > high or (low == high and not (with_low and with_high)):
        return None
    common = _common(low, high)
    lower, upper = low[common:], high[common:]
    if not lower:
        begun, whole = _below(upper, with_high=with_high)
        if not with_low:
            whole.remove("")
    else:
        begun = [literal(lower[0]) + one for one in _above(lower[1:], with_low=with_low)]
        begun += _characters(_after(lower[0]), _before(upper[0]))
        below, whole = _below(upper[1:], with_high=with_high)
        begun += [literal(upper[0]) + one for one in below]
        whole = [literal(upper[0]) + one for one in whole]
    return literal(low[:common]) + _either(begun, whole) if begun or whole else None


def cut_low(low: str) -> str:
    """A lower bound that is short enough, this one or one before it."""
    return low[:MAX_BOUND]


def cut_high(high: str) -> str:
    """The same of an upper bound."""
    return high if len(high) <= MAX_BOUND else high[: MAX_BOUND - 1] + LAST


def check_wild(pattern: str) -> str:
    """The pattern itself. Raises BadRequest for one with too many wildcards."""
    if pattern.count(ANY) + pattern.count("[^") > MAX_WILD:
        raise BadRequest(f"A pattern has more than {MAX_WILD} wildcards.")
    return pattern


def _either(begun: list[str], whole: list[str]) -> str:
    """What is one of these, or begins with one of those, whose rest stands there once: that keeps patterns small."""
    parts = [f"(?:{'|'.join(begun)}){REST}"] if begun else []
    return f"(?:{'|'.join([*parts, *whole])})"


def _above(low: str, *, with_low: bool) -> list[str]:
    """What texts from this one on begin with."""
    found = [literal(low) + ("" if with_low else ANY)]
    for place, one in enumerate(low):
        found += [literal(low[:place]) + several for several in _characters(_after(one), LAST)]
    return found


def _below(high: str, *, with_high: bool) -> tuple[list[str], list[str]]:
    """What texts up to this one begin with, and those that are whole; the empty one first, if it is among them."""
    whole = [literal(high[:place]) for place in range(len(high) + with_high)]
    begun: list[str] = []
    for place, one in enumerate(high):
        begun += [literal(high[:place]) + several for several in _characters("\x00", _before(one))]
    return begun, whole


def _characters(first: str | None, last: str | None) -> list[str]:
    """The class of characters between two; none if there are none."""
    if first is None or last is None or first > last:
        return []
    return [f"[{_in_class(first)}-{_in_class(last)}]"]


def _in_class(one: str) -> str:
    return f"\\{one}" if one in _SPECIAL else one


def _after(one: str) -> str | None:
    code = ord(one) + 1
    if 0xD800 <= code <= 0xDFFF:
        code = 0xE000
    return chr(code) if code <= ord(LAST) else None


def _before(one: str) -> str | None:
    code = ord(one) - 1
    if 0xD800 <= code <= 0xDFFF:
        code = 0xD7FF
    return chr(code) if code >= 0 else None


def _common(one: str, other: str) -> int:
    place = 0
    while place < min(len(one), len(other)) and one[place] == other[place]:
        place += 1
    return place
