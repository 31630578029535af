"""Several rules on one request: which of them are carried out, and which are as if they had not hit.

Owns that. A rule that is added before one that ends the request has its part in what is done until then, and in the
error that is answered; what it would have done to an answer that never comes, or that a later rule replaces, does not
count. It must not know how an action is carried out.
"""

from collections.abc import Sequence
from typing import Final

from aiohttp import hdrs

from docstore.double.actions import (
    Action,
    Answer,
    BrokenJson,
    Drop,
    DropReply,
    Reset,
    Rewind,
    SlowBody,
    StaleRead,
    Throttle,
    Truncate,
)
from docstore.double.faults import Hit
from docstore.double.feeds import FEED_ACTIONS
from docstore.httpd.replies import BODILESS, Head

OF_BODIES: Final = (BrokenJson, Truncate, SlowBody, *FEED_ACTIONS)
OF_REQUESTS: Final = (StaleRead, Rewind)
"""What changes the request that the server is to answer."""


def together(hits: Sequence[Hit]) -> Sequence[Hit]:
    """Those that are carried out; the others have not hit."""
    if len(hits) < 2:
        return hits
    closed = any(isinstance(hit.action, Drop) or _resets(hit.action, "before") for hit in hits)
    answered = any(isinstance(hit.action, Answer | Throttle) for hit in hits)
    silent = next((place for place, hit in enumerate(hits) if _silences(hit.action)), len(hits))
    broken = max((place for place, hit in enumerate(hits) if isinstance(hit.action, BrokenJson)), default=-1)

    def means_nothing(place: int, action: Action) -> bool:
        if isinstance(action, OF_REQUESTS):
            return closed or answered
        if _silences(action):
            return closed or place != silent
        if isinstance(action, FEED_ACTIONS):
            return closed or answered or silent < len(hits) or broken >= 0
        if isinstance(action, OF_BODIES):
            return closed or silent < len(hits) or place < broken
        return closed and _is_after(action)

    return _kept(hits, [means_nothing(place, hit.action) for place, hit in enumerate(hits)])


def on_answer(hits: Sequence[Hit], method: str, reply: Head) -> Sequence[Hit]:
    """Those that are carried out on an answer, now that it is known."""
    bodiless = method == hdrs.METH_HEAD or reply.status in BODILESS

    def means_nothing(action: Action) -> bool:
        return (bodiless and isinstance(action, OF_BODIES)) or (
            reply.status != 200 and isinstance(action, FEED_ACTIONS)
        )

    return _kept(hits, [means_nothing(hit.action) for hit in hits])


def _kept(hits: Sequence[Hit], dropped: Sequence[bool]) -> Sequence[Hit]:
    if not any(dropped):
        return hits
    for hit, drop in zip(hits, dropped, strict=True):
        if drop:
            hit.fault.take_back()
    return [hit for hit, drop in zip(hits, dropped, strict=True) if not drop]


def _silences(action: Action) -> bool:
    return isinstance(action, DropReply) or _resets(action, "after")


def _resets(action: Action, when: str) -> bool:
    return isinstance(action, Reset) and action.when == when


def _is_after(action: Action) -> bool:
    return getattr(action, "when", "before") == "after"
