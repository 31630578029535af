"""Commands that are carried out once, however often they come: what a client's idempotency key makes of a write.

Owns the shapes. A ``Remembered`` command wraps those that have the effect, and says how the reply is made of what they
result in, so that effect and reply are written in one transaction: there is no moment at which one exists without the
other. Like all commands it is plain, serialisable data: the time, the limits, and the form of the reply are settled
before. It must not know how it is applied: ``remembered_commands.py`` says that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from docstore.storage.remembered_rows import StoredReply


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a key stands for, and how long it is kept.

    ``database``     the name that the request is about, whatever database has it at the time
    ``user``         who asks, empty for nobody in particular; keys of others are other keys
    ``fingerprint``  32 bytes: of two requests with one key, whether they are the same
    ``now``, ``expires``  microseconds since 1970
    ``max_replies``, ``max_bytes``  of the database, before the oldest ones go
    """

    database: str
    user: str
    key: str
    fingerprint: bytes
    now: int
    expires: int
    max_replies: int
    max_bytes: int


class ReplyForm(Protocol):
    """How a reply is made; a frozen dataclass of plain data."""

    @property
    def expected_bytes(self) -> int:
        """How long the body will be if all goes as it should; what is too long is refused before anything happens."""

    def render(self, results: Sequence[object]) -> StoredReply:
        """The reply, from the result or DocstoreError of each effect. Deterministic; called inside ``apply``.

        Raises the DocstoreError of a request that failed, which must have changed nothing; it is not remembered.
        """


@dataclass(frozen=True, slots=True)
class Remembered:
    """Carry out ``effects`` and keep the reply; or, if that was done before, give the reply again.

    Result: an ``Answer``. Errors: IdempotencyKeyReused, and what ``form`` raises.
    """

    receipt: Receipt
    effects: tuple[object, ...]
    form: ReplyForm

    @property
    def cost(self) -> int:
        """Bytes of the effects, for the size of a group commit."""
        return sum(getattr(effect, "cost", 0) for effect in self.effects)


class Answer(NamedTuple):
    """The reply; and where it is a new one the results of the effects, None where it was given before."""

    reply: StoredReply
    results: tuple[object, ...] | None


@dataclass(frozen=True, slots=True)
class Refused:
    """An effect that is an error: of one document among many, known before. Result: a DocstoreError of these words."""

    error: str
    reason: str


@dataclass(frozen=True, slots=True)
class ExpireReplies:
    """Forget replies that have expired by ``now``, in one step. Result: where to go on, None at the end.

    ``position`` is empty for the beginning.
    """

    now: int
    position: bytes = b""
