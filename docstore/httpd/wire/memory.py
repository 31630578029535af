"""Memory of requests: how much they may take together, and who waits for it.

Owns one budget of bytes for all requests in flight (``max_memory``), and the estimate of what a body costs once it
is read: Python's objects take many times the bytes of their JSON. It must not know what any request is about.

Each request has a ``Claim``, which grows before memory is taken and ends with the reply. What would take more than is
left waits its turn, ``max_memory_wait`` at most, and is then refused with 503 and Retry-After; what could never be
granted is refused with 413 at once. Small claims (``max_small_memory``) never wait, so ordinary requests go on beside
what waits.

Claims grow while they hold something, so all of them might wait for each other. Therefore, when nobody is at work, when
all who hold something wait for more of it or for their clients' bytes, the oldest waiting one is favoured: it may go
beyond the budget until it ends. There is one such at a time, so the budget is exceeded by no more than itself.
"""

import asyncio
from collections import deque
from typing import Final, NamedTuple

from docstore.errors import Busy, TooLarge
from docstore.settings import KIB, MIB, Limits

OBJECT: Final = 184
ARRAY: Final = 88
MEMBER: Final = 48
VALUE: Final = 40
QUOTE: Final = 32
"""Bytes for a mark of JSON text, so that no text costs more than all its marks and its bytes: {, [, :, the comma, and
each of a string's two quotes."""

DOCUMENT: Final = 2_048
"""Bytes of an edit on its way, beside those of its body: the document, the edit, its record, its row."""
BODY: Final = 3
"""How often the bytes of a body are there at a time, in one form or another."""

COUNTED_AT_ONCE: Final = 64 * KIB
_SLICE: Final = 1 * MIB
_NO_MARKS: Final = bytes(byte for byte in range(256) if byte not in b'{[:,"')
_NARROW: Final = bytes(range(0xF0))
TOO_MUCH: Final = "The request would take more memory than all requests together may."


class _Waiter(NamedTuple):
    claim: "Claim"
    more: int
    granted: "asyncio.Future[None]"


class Memory:
    """The budget. ``taken``: what is claimed now."""

    def __init__(self, limits: Limits) -> None:
        self.taken = 0
        self.limit = limits.max_memory
        self.free = limits.max_small_memory
        self._wait = limits.max_memory_wait
        self._waiters: deque[_Waiter] = deque()
        self._at_work: set[Claim] = set()
        self._favoured: Claim | None = None

    def claim(self) -> "Claim":
        """The claim of a request, nothing so far."""
        return Claim(self)

    def fits(self, claim: "Claim", more: int) -> bool:
        """Whether a claim may grow without waiting. Raises TooLarge if it never may."""
        if claim.held + more > self.limit:
            raise TooLarge(TOO_MUCH)
        if claim.held + more <= self.free or claim is self._favoured:
            return True
        return not self._waiters and self.taken + more <= self.limit

    def add(self, claim: "Claim", more: int) -> None:
        """A claim grows, or shrinks."""
        self.taken += more
        claim.held += more
        self.note(claim)
        if more < 0:
            if not claim.held and claim is self._favoured:
                self._favoured = None
            self.grant()

    def note(self, claim: "Claim") -> None:
        """Whether a claim is at work: it holds more than a little, and waits neither for memory nor for its client."""
        if claim.held > self.free and not claim.idle:
            self._at_work.add(claim)
        else:
            self._at_work.discard(claim)

    async def wait(self, claim: "Claim", more: int) -> None:
        """Grow a claim when its turn comes. Raises Busy."""
        waiter = _Waiter(claim, more, asyncio.get_running_loop().create_future())
        self._waiters.append(waiter)
        was_idle, claim.idle = claim.idle, True
        self.note(claim)
        self.grant()
        try:
            async with asyncio.timeout(self._wait):
                await waiter.granted
        except TimeoutError:
            raise Busy from None
        finally:
            claim.idle = was_idle
            if waiter in self._waiters:
                self._waiters.remove(waiter)
            self.note(claim)
            self.grant()

    def grant(self) -> None:
        """Grant what fits, the oldest first; if nobody is at work, the oldest in any case."""
        while self._waiters:
            claim, more, granted = self._waiters[0]
            if self.taken + more > self.limit:
                if self._at_work or self._favoured is not None:
                    return
                self._favoured = claim
            self._waiters.popleft()
            if not granted.done():
                self.taken += more
                claim.held += more
                claim.idle = False
                self.note(claim)
                granted.set_result(None)


class Claim:
    """What one request has claimed. ``held`` bytes; ``idle`` while its client is waited for."""

    __slots__ = ("_memory", "held", "idle")

    def __init__(self, memory: Memory) -> None:
        self.held = 0
        self.idle = False
        self._memory = memory

    async def take(self, more: int) -> None:
        """Claim more bytes. Raises TooLarge for what could never be granted, Busy after ``max_memory_wait``."""
        if self._memory.fits(self, more):
            self._memory.add(self, more)
        else:
            await self._memory.wait(self, more)

    def keep(self, held: int) -> None:
        """Give back all but so many bytes."""
        if held < self.held:
            self._memory.add(self, held - self.held)

    def wait_for_client(self, waits: bool) -> None:
        """The request waits for its client's bytes, or has them."""
        self.idle = waits
        if self.held:
            self._memory.note(self)
            self._memory.grant()


async def cost_of_json(text: bytes) -> int:
    """Bytes that the values of a JSON text take at most, or about; the marks of a long text are counted in a thread."""
    if len(text) <= COUNTED_AT_ONCE:
        return _cost(text)
    return await asyncio.to_thread(_cost_in_slices, text)


def _cost_in_slices(text: bytes) -> int:
    return sum(_cost(text[start : start + _SLICE]) for start in range(0, len(text), _SLICE))


def _cost(text: bytes) -> int:
    marks = text.translate(None, _NO_MARKS)
    cost = len(text)
    if not text.isascii():  # a string with one character beyond 16 bits takes four bytes for each
        cost *= 4 if text.translate(None, _NARROW) else 2
    cost += OBJECT * marks.count(b"{") + ARRAY * marks.count(b"[") + MEMBER * marks.count(b":")
    return cost + VALUE * marks.count(b",") + QUOTE * marks.count(b'"')
