"""What a rule does to a request: one frozen value a kind, the same in Python, in JSON and on the command line.

Owns their members and what these may be. It must not know how any of it is done (``before.py``, ``afterwards.py``).
In JSON an action is an object whose ``type`` is the name here, or that name alone if nothing else is said.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

Seconds = Annotated[float, Meta(ge=0, le=86_400)]
Count = Annotated[int, Meta(ge=1, le=1_000_000)]
Number = Annotated[int, Meta(ge=0, le=1_000_000_000)]
Status = Annotated[int, Meta(ge=400, le=599)]
When = Literal["before", "after"]
"""Before anything is done, or when it is done and the client has not been told."""


class Delay(Struct, frozen=True, forbid_unknown_fields=True, tag="delay"):
    """The request waits before it is processed: ``seconds``, and up to ``jitter`` more, drawn from the rule's seed."""

    seconds: Seconds
    jitter: Seconds = 0.0


class Stall(Struct, frozen=True, forbid_unknown_fields=True, tag="stall"):
    """Nothing is answered until the rule is taken away (then the request goes on), or the client leaves."""

    when: When = "before"


class Drop(Struct, frozen=True, forbid_unknown_fields=True, tag="drop"):
    """The connection is closed and nothing was done."""


class DropReply(Struct, frozen=True, forbid_unknown_fields=True, tag="drop_reply"):
    """What was asked for is done, durably as any write, and the connection is closed instead of an answer."""


class Reset(Struct, frozen=True, forbid_unknown_fields=True, tag="reset"):
    """The connection is reset (TCP RST), before anything is done or when it is."""

    when: When = "before"


class Answer(Struct, frozen=True, forbid_unknown_fields=True, tag="answer"):
    """An error instead of the answer, and nothing is done.

    ``error`` and ``reason`` are CouchDB's for the status unless they are said; ``body`` is a whole body in their place,
    of ``content_type``. ``retry_after`` is seconds.
    """

    status: Status
    error: str | None = None
    reason: str | None = None
    retry_after: Number | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None
    content_type: str = "application/json"


class BrokenJson(Struct, frozen=True, forbid_unknown_fields=True, tag="broken_json"):
    """What was asked for is done, and the answer's body is ``text``. ``status`` None is the answer's own."""

    text: str = "{"
    status: Annotated[int, Meta(ge=200, le=599)] | None = 200


class Truncate(Struct, frozen=True, forbid_unknown_fields=True, tag="truncate"):
    """The connection is closed after ``at`` bytes of the body; None is half of it, or of a stream's first piece."""

    at: Number | None = None


class SlowBody(Struct, frozen=True, forbid_unknown_fields=True, tag="slow_body"):
    """The body comes ``size`` bytes at a time, with ``seconds`` between them."""

    size: Count = 1
    seconds: Seconds = 0.01


class BreakFeed(Struct, frozen=True, forbid_unknown_fields=True, tag="break_feed"):
    """A feed of changes breaks off in the middle of a row, ``rows`` rows after its beginning."""

    rows: Number = 1


class RepeatRows(Struct, frozen=True, forbid_unknown_fields=True, tag="repeat_rows"):
    """A feed tells each row ``copies`` times."""

    copies: Annotated[int, Meta(ge=2, le=100)] = 2


class ReorderRows(Struct, frozen=True, forbid_unknown_fields=True, tag="reorder_rows"):
    """Rows that a feed tells at once are told in another order, drawn from the rule's seed."""


class Rewind(Struct, frozen=True, forbid_unknown_fields=True, tag="rewind"):
    """A feed begins earlier than it was asked to, as a cluster does after a failover: ``by`` changes, or at the first.

    Later requests that go on from there are told everything again as well, since ``since`` says so.
    """

    by: Count | None = None


class StaleRead(Struct, frozen=True, forbid_unknown_fields=True, tag="stale_read"):
    """A document is read as it was ``back`` revisions ago; as missing, if it was not there yet."""

    back: Count = 1


class SpuriousConflict(Struct, frozen=True, forbid_unknown_fields=True, tag="spurious_conflict"):
    """A write that would be refused as a conflict is accepted as a second branch, as two nodes of a cluster do.

    With ``rival`` a write that is accepted gets a sibling of this body, as if another node had taken that one too.
    """

    rival: dict[str, Any] | None = None


class ExpireSession(Struct, frozen=True, forbid_unknown_fields=True, tag="expire_session"):
    """The session of the request's cookie is over, from now on, or its bearer token is."""


class Throttle(Struct, frozen=True, forbid_unknown_fields=True, tag="throttle"):
    """So many reads, writes and global queries a second as Cloudant counts them; beyond that 429. None is no limit."""

    reads: Count | None = None
    writes: Count | None = None
    queries: Count | None = None


Action = (
    Delay
    | Stall
    | Drop
    | DropReply
    | Reset
    | Answer
    | BrokenJson
    | Truncate
    | SlowBody
    | BreakFeed
    | RepeatRows
    | ReorderRows
    | Rewind
    | StaleRead
    | SpuriousConflict
    | ExpireSession
    | Throttle
)
