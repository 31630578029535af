"""The provisioned throughput of an account: blocks, what they come to, and how a change takes its time.

Owns the arithmetic and the shapes of the replies. Follows Cloudant's API and its page on plans: a block is 100 reads,
50 writes and 5 global queries a second, one to a hundred of them; a change is the target at once and holds a little
later.
"""

from dataclasses import dataclass
from typing import Final

from docstore.core.cloudant.throughput import RequestClass
from docstore.core.json_text import JsonValue
from docstore.errors import BadRequest

MOST_BLOCKS: Final = 100
CONVERGING: Final = 1.0
"""Seconds until a new capacity holds."""

OF_A_BLOCK: Final = {RequestClass.QUERY: 5, RequestClass.READ: 100, RequestClass.WRITE: 50}
_WORDS: Final = {RequestClass.QUERY: "query", RequestClass.READ: "read", RequestClass.WRITE: "write"}


@dataclass(frozen=True, slots=True)
class Capacity:
    """What holds and what is to hold, in blocks; ``since`` is when the target was set, in seconds of a clock."""

    current: int
    target: int
    since: float = 0.0

    def at(self, now: float) -> "Capacity":
        """The same later: the target holds once its time is over."""
        if self.current != self.target and not 0 <= now - self.since < CONVERGING:
            return Capacity(self.target, self.target, self.since)
        return self

    def changed(self, blocks: int, now: float) -> "Capacity":
        """With another target."""
        return Capacity(self.at(now).current, blocks, now)

    def members(self) -> dict[str, JsonValue]:
        """As ``/_api/v2/user/capacity/throughput`` tells it."""
        return {"current": {"throughput": _told(self.current)}, "target": {"throughput": _told(self.target)}}


def rates(blocks: int) -> dict[RequestClass, int]:
    """Requests a second of each class that is limited."""
    return {each: blocks * units for each, units in OF_A_BLOCK.items()}


def read_blocks(told: dict[str, JsonValue]) -> int:
    """The blocks that a request asks for. Raises BadRequest."""
    blocks = told.get("blocks")
    if isinstance(blocks, bool) or not isinstance(blocks, int) or not 1 <= blocks <= MOST_BLOCKS:
        raise BadRequest(f"`blocks` must be a whole number from 1 to {MOST_BLOCKS}.")
    return blocks


def used(units: dict[RequestClass, int]) -> dict[str, JsonValue]:
    """As ``/_api/v2/user/current/throughput`` tells what was used in a second."""
    return {"throughput": {_WORDS[each]: units.get(each, 0) for each in OF_A_BLOCK}}


def _told(blocks: int) -> dict[str, JsonValue]:
    told: dict[str, JsonValue] = {"blocks": blocks}
    return told | {_WORDS[each]: rate for each, rate in rates(blocks).items()}
