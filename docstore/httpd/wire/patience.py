"""How long a server waits for a client that dawdles: over its headers, its body, or the answer.

Owns the rules, and the round that is made over all connections once a second; requests pay nothing for it. It must not
know endpoints. A connection without a request ends by aiohttp's own timer (``max_idle_time``). What a body is too slow
for ends as if the client had left: what an upload has received is kept, and nothing else is written.

A body is measured only while somebody waits for it: that the server has no room for more is not the client's fault.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from docstore.httpd.wire.connection import Connection
from docstore.settings import Limits

logger = logging.getLogger(__name__)

ROUND: Final = 1.0
"""Seconds between two rounds."""

AT_ONCE: Final = 200
"""Connections that are looked at before others get their turn."""


class Mark(NamedTuple):
    """What a connection was seen at, and since when: the kind of its delay, and how far it was."""

    kind: str
    place: int
    since: float


class Patience:
    """Ends connections whose clients take too long."""

    def __init__(self, connections: Callable[[], Iterable[object]], limits: Limits) -> None:
        self._connections = connections
        self._limits = limits
        self._marks: dict[Connection, Mark] = {}

    async def watch(self) -> None:
        """Make rounds for ever."""
        now = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(ROUND)
            try:
                await self.look(now())
            except Exception:
                logger.exception("a round over the connections failed")

    async def look(self, now: float) -> None:
        """One round."""
        marks: dict[Connection, Mark] = {}
        for count, connection in enumerate([*self._connections()], 1):
            if isinstance(connection, Connection):
                mark = self._looked_at(connection, self._marks.get(connection), now)
                if mark is not None:
                    marks[connection] = mark
            if count % AT_ONCE == 0:
                await asyncio.sleep(0)
        self._marks = marks

    def _looked_at(self, connection: Connection, before: Mark | None, now: float) -> Mark | None:
        """The mark of a connection whose client is waited for; it ends if that has taken too long."""
        limits = self._limits
        unread = connection.unread_bytes
        if unread:
            mark = Mark("answer", unread, now)
            patience, enough = limits.max_answer_wait, 0
        elif connection.has_begun_headers:
            mark = Mark("headers", connection.begun, now)
            patience, enough = limits.max_header_time, 0
        elif (received := connection.body_waited_for) is not None:
            mark = Mark("body", received, now)
            patience, enough = limits.max_body_wait, int(limits.min_body_rate * limits.max_body_wait)
        else:
            return None
        if before is None or before.kind != mark.kind:
            return mark
        moved = mark.place - before.place if mark.kind == "body" else abs(mark.place - before.place)
        if moved > enough:
            return mark
        if now - before.since >= patience:
            connection.give_up()
            return None
        return before
