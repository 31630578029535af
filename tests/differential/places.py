"""Places in two feeds that number their changes each in its own way.

Owns which update sequence of one server stands for which of the other. Two that stood at the same place of two answers
are a pair; of two pairs neither may be before the other on one server and behind it on the other. Nothing more can be
asked, since a server may count what the other does not (a change of the revision limit, say).
"""

import re
from typing import Any

NUMBER = re.compile(r"(\d+)(?:-.*)?", re.DOTALL)
START = "0"


class Places:
    """Pairs of update sequences, theirs and ours, as they were seen."""

    def __init__(self) -> None:
        self._seen: list[tuple[Any, Any]] = []
        self._pairs: set[tuple[int, int]] = set()
        self._noted: tuple[bool, tuple[int, int] | None] = (False, None)

    def pair(self, theirs: Any, ours: Any) -> str:
        """Note a pair. What is wrong with it, "" for nothing."""
        self._noted = (False, None)
        if type(theirs) is not type(ours):
            return "one is a text and the other a number"
        numbers = number_of(theirs), number_of(ours)
        if None in numbers:
            return "" if theirs == ours else "no update sequence"
        pair = (int(numbers[0] or 0), int(numbers[1] or 0))
        if isinstance(theirs, str):
            self._seen.append((theirs, ours))
            self._noted = (True, None)
        if pair in self._pairs:
            return ""
        for other in self._pairs:
            if (other[0] < pair[0] and other[1] > pair[1]) or (other[0] > pair[0] and other[1] < pair[1]):
                return f"{pair} does not go with {other}"
        self._pairs.add(pair)
        self._noted = (isinstance(theirs, str), pair)
        return ""

    def take_back(self) -> None:
        """What was noted last did not belong together: neither is asked for, nor held against others."""
        seen, pair = self._noted
        if seen:
            self._seen.pop()
        if pair is not None:
            self._pairs.discard(pair)
        self._noted = (False, None)

    def newest(self, number: int, side: int) -> Any:
        """The sequence of one side that was seen as the number-th from the end."""
        return self._seen[-1 - number % len(self._seen)][side] if self._seen else START

    def forget(self) -> None:
        """The database was deleted: its places mean nothing any more."""
        self._seen.clear()
        self._pairs.clear()
        self._noted = (False, None)


def number_of(sequence: Any) -> int | None:
    """The number that an update sequence begins with; None for something else."""
    if isinstance(sequence, int) and not isinstance(sequence, bool):
        return sequence
    found = NUMBER.fullmatch(sequence) if isinstance(sequence, str) else None
    return int(found.group(1)) if found else None
