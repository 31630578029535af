"""``$regex``: which strings a regular expression matches, on an engine of linear time wherever it can be.

Owns the two engines. It must not know selectors. RE2 matches in time of pattern times text; what it refuses
(look-around, back-references, large counts) goes to the ``regex`` package, which may try endlessly and so gets
``time`` seconds for a string: past them the string does not match, as in CouchDB, where PCRE has a limit of its own.
This is the one rule of the core in which a clock decides; ``Regex.timed`` says where that can be, so that what has to
be decided alike everywhere can do without.

What matching takes of a budget: the characters times the size of RE2's program; much for a string that goes to the
other engine, and more where it gives up.
"""

from functools import lru_cache
from typing import TYPE_CHECKING, Final, Protocol, cast

import re2

from docstore.core.steps import Steps

if TYPE_CHECKING:
    from docstore.core.selector.pcre import Pattern

MAX_BACKTRACKING: Final = 5_000
"""Characters of a pattern that goes to the ``regex`` package, which reads it in Python."""

_WORK_A_STEP: Final = 256
"""Characters times instructions of RE2."""

_BACKTRACKING_STEPS: Final = 5_000
_GIVEN_UP_STEPS: Final = 200_000

_SMALL: Final = 1 << 16
"""Memory that the program of a pattern for RE2 fits in. A larger one may take RE2 a second to make, and it holds the
interpreter for as long."""

_ROOMY: Final = 1 << 20
"""Memory for the program and the states that are met while it runs."""


def _options(memory: int, *, characters: bool) -> object:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.UTF8 if characters else re2.Options.Encoding.LATIN1
    options.log_errors = False
    options.never_capture = True
    options.max_mem = memory
    return options


class _Linear(Protocol):
    programsize: int

    def search(self, text: bytes) -> object: ...


class _Backtracking(Protocol):
    def search(self, text: str, *, timeout: float) -> object: ...


class Regex:
    """A compiled pattern."""

    __slots__ = ("_instructions", "_linear", "_pattern", "_time", "timed")

    def __init__(self, pattern: str, time: float) -> None:
        """Raises ValueError for what is no pattern."""
        from docstore.core.selector.pcre import read_pattern  # late: most servers never see a pattern

        self._pattern = read_pattern(pattern)
        self._time = time
        self._linear = _linear(self._pattern)
        self._instructions = 0 if self._linear is None else self._linear.programsize
        if self._linear is None:
            _backtracking(self._pattern)
        self.timed = self._linear is None or self._pattern.end or self._pattern.ascii

    def matches(self, text: str, steps: Steps) -> bool:
        """Whether the pattern is found anywhere in the text. Raises OutOfSteps."""
        pattern = self._pattern
        if self._linear is None or (pattern.end and text.endswith("\n")) or (pattern.ascii and not text.isascii()):
            return self._try(text, steps)
        steps.take(len(text) * self._instructions // _WORK_A_STEP)
        return self._linear.search(text.encode("utf-8", "surrogatepass")) is not None

    def _try(self, text: str, steps: Steps) -> bool:
        steps.take(_BACKTRACKING_STEPS + len(text))
        if not self._pattern.characters:
            text = text.encode("utf-8", "surrogatepass").decode("latin-1")
        try:
            return _backtracking(self._pattern).search(text, timeout=self._time) is not None
        except TimeoutError:
            steps.take(_GIVEN_UP_STEPS)
            return False
        except (ValueError, MemoryError):  # RE2 knows the pattern and the other engine does not; or one ran full
            return False


def _linear(pattern: "Pattern") -> _Linear | None:
    """None for a pattern that RE2 does not know, or finds too large."""
    if pattern.re2 is None:
        return None
    try:
        text = pattern.re2.encode("utf-8" if pattern.characters else "latin-1")
        re2.compile(text, _options(_SMALL, characters=pattern.characters))
        return cast("_Linear", re2.compile(text, _options(_ROOMY, characters=pattern.characters)))
    except (re2.error, UnicodeEncodeError):
        return None


@lru_cache(maxsize=64)
def _backtracking(pattern: "Pattern") -> _Backtracking:
    """Raises ValueError."""
    import regex  # late: it costs as much as all of RE2, and few patterns come to it

    if len(pattern.backtracking) > MAX_BACKTRACKING:
        raise ValueError
    if not pattern.characters:
        pattern.backtracking.encode("latin-1")  # raises for a character that is no byte
    try:
        return cast("_Backtracking", regex.compile(pattern.backtracking, regex.V0))
    except (regex.error, RecursionError, OverflowError, IndexError, KeyError) as error:
        raise ValueError from error
