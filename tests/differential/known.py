"""The differences that are there on purpose, each with the line of docs/compatibility.md that explains it.

Owns what an entry is and which entry a difference belongs to. The entries are in ``known_differences.py``. An entry has
an example, a difference that it must know and no entry before it may know: so none can be dead.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tests.differential.comparing import Difference
from tests.differential.steps import Rendered

COMPATIBILITY = Path(__file__).parent.parent.parent / "docs" / "compatibility.md"
Condition = Callable[[Difference, Rendered], bool]


@dataclass(frozen=True)
class Known:
    """One deliberate difference.

    ``name``      what a run's report calls it
    ``line``      a text that stands in one line of docs/compatibility.md
    ``kind``      of steps, a regular expression; so ``where``, and ``theirs`` and ``ours`` as texts
    ``asked``     a regular expression that is found somewhere in the request as it is sent
    ``remark``    what must have been found out about it (``playing.py``)
    ``diverges``  the databases are not the same afterwards, so that the sequence ends
    ``example``   the request (a line, and a body if it matters), kind, where, theirs, ours
    """

    name: str
    line: str
    kind: str
    where: str
    example: tuple[str, str, str, object, object]
    theirs: str = ""
    ours: str = ""
    asked: str = ""
    remark: str = ""
    diverges: bool = False
    condition: Condition | None = None
    _patterns: list[re.Pattern[str]] = field(default_factory=list, init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        flags = re.DOTALL
        self._patterns.extend(
            [
                re.compile(f"(?:{self.kind})", flags),
                re.compile(f"(?:{self.where})", flags),
                re.compile(f"(?:{self.theirs or '.*'})", flags),
                re.compile(f"(?:{self.ours or '.*'})", flags),
            ]
        )

    def knows(self, difference: Difference, request: Rendered) -> bool:
        """Whether the difference is this one."""
        texts = (difference.kind, difference.where, str(difference.theirs), str(difference.ours))
        if not all(pattern.fullmatch(text) for pattern, text in zip(self._patterns, texts, strict=True)):
            return False
        if self.remark and self.remark != difference.remark:
            return False
        if self.asked and not re.search(self.asked, str(request), re.DOTALL):
            return False
        return self.condition is None or self.condition(difference, request)


def entry_of(difference: Difference, request: Rendered, entries: Iterable[Known]) -> Known | None:
    """The first entry that knows the difference."""
    return next((entry for entry in entries if entry.knows(difference, request)), None)
