"""Replies that wait until others of the same turn are made, and are then written one right after the other.

A write to a client that sleeps wakes it, which costs the writer as much as a third of a GET (measured: every second
reply of 32 connections); a client of many connections that gets the next reply while it looks at the last one does not
sleep in between. Owns what is held, and for how long. It must not know what is in a reply, nor whose turn it is: the
connections count in ``due`` what may be answered in this turn of the event loop.
"""

import time
from asyncio import Transport, get_running_loop
from typing import Final

MOST_HELD: Final = 32
"""Replies that are written together at most."""
LONGEST: Final = 0.001
"""Seconds that a reply waits for others; what is under way in that moment comes on top."""


class Outbox:
    """The replies of one server that are held back. ``due``: how many requests wait for theirs."""

    def __init__(self) -> None:
        self.due = 0
        self.held: list[tuple[Transport, bytes]] = []
        self._until = 0.0

    def hold(self, transport: Transport, data: bytes) -> None:
        """Write this in a moment: with the next turn of the event loop, or when enough are together.

        What is held for a connection is written before anything that its next request brings about, since that begins
        with a later turn.
        """
        held = self.held
        held.append((transport, data))
        if len(held) == 1:
            self._until = time.monotonic() + LONGEST
            get_running_loop().call_soon(self.flush)
        elif len(held) == MOST_HELD or time.monotonic() > self._until:
            self.flush()

    def flush(self) -> None:
        """Write what is held; to be asked before a connection is closed."""
        held, self.held = self.held, []
        for transport, data in held:
            if not transport.is_closing():
                transport.write(data)
