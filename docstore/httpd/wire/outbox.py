"""Replies that wait until others of the same turn are made, and are then written one right after the other.

A write to a client that sleeps wakes it, which costs the writer as much as a third of a GET (measured: every second
reply of 32 connections); a client of many connections that gets the next reply while it looks at the last one does not
sleep in between. Owns what is held, and for how long: until the requests that came in the same turn of the event loop
are begun, or the writes that were committed together are answered. It must not know what is in a reply.
"""

import logging
import time
from asyncio import Transport, get_running_loop
from typing import Final

logger = logging.getLogger(__name__)

MOST_HELD: Final = 32
"""Replies that are written together at most."""
MOST_BYTES: Final = 8 * 1024
"""A reply that waits has no more: the system takes it at once, so that nobody has to see whether the client reads."""
LONGEST: Final = 0.001
"""Seconds that a reply waits for others; what is under way in that moment comes on top."""


class Outbox:
    """The replies of one server that are held back.

    ``woken``: how many connections have got a request that nobody has begun to answer. ``gathers``: in this turn come
    the replies to writes that were committed together. Where it is neither, nothing is held.
    """

    def __init__(self) -> None:
        self.woken = 0
        self.gathers = 0
        self.held: list[tuple[Transport, bytes]] = []
        self._until = 0.0

    def gather(self) -> None:
        """Many writers get their results now: what they answer in the next turn goes out at its end."""
        self.gathers += 1
        get_running_loop().call_soon(self._gathered)

    def hold(self, transport: Transport, data: bytes) -> None:
        """Write this in a moment: when others have joined it, and with the next turn of the event loop at the latest.

        It is for whoever asks nothing more as yet: what a connection answers before the next turn must not overtake it.
        """
        held = self.held
        held.append((transport, data))
        if len(held) == 1:
            self._until = time.monotonic() + LONGEST
            get_running_loop().call_soon(self.flush)
        elif len(held) >= MOST_HELD:
            self.flush()

    def flush_late(self) -> None:
        """Write what has been held for long enough; to be asked before anything is begun that may take its time."""
        if time.monotonic() > self._until:
            self.flush()

    def flush(self) -> None:
        """Write what is held; to be asked before a connection is closed. A client's trouble is no other client's."""
        held, self.held = self.held, []
        for transport, data in held:
            try:
                if not transport.is_closing():
                    transport.write(data)
            except Exception:
                logger.exception("a reply could not be written")
                transport.abort()

    def _gathered(self) -> None:
        self.gathers -= 1
        self.flush()
