"""What a list function comes to in one step.

Owns that value. In a step the function takes the rows that it is given and says what it has sent so far. It must not
know who runs it.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

from docstore.core.json_text import JsonValue
from docstore.settings import KIB

ROWS: Final = "rows"
"""The function wants more rows."""
TURN: Final = "turn"
"""It has rows left; what it has sent is to be taken meanwhile."""
END: Final = "end"

PORTION: Final = 256 * KIB
"""Text after which a function takes a turn."""


class Step(NamedTuple):
    """``wants`` is one of the above; ``start`` what the reply begins with, None if that was not said in this step."""

    wants: str
    start: JsonValue
    text: str


class ListCall(Protocol):
    """One call of a list function, in a worker process."""

    def begin(self, head: str, request: bytes, rows: Sequence[bytes], *, last: bool) -> Step:
        """The first step; ``rows`` are JSON objects, ``last``: there are no more. Raises what the function throws."""

    def go_on(self, rows: Sequence[bytes], *, last: bool) -> Step:
        """The next one, after ``TURN`` without rows. Raises the same."""

    def take_log(self) -> list[str]:
        """What was logged since this was last asked."""
