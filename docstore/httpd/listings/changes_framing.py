"""How a ``_changes`` feed is written: one JSON object, a line a change, or server-sent events.

Owns the bytes around the rows, and how far the writing is, so that a feed can be ended properly at any moment. It must
not know where the changes come from. Follows ``chttpd_db:changes_callback``.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from docstore.core.json_text import encode
from docstore.database.reading.changes import ChangesSlice
from docstore.database.reading.document_text import Piece, Row, join_pieces, join_rows, stream_text
from docstore.httpd.replies import JSON, MUST_REVALIDATE

LINE_END = b"\n"
"""The sign of life between changes, and what tells a client at once that its feed has begun."""


class Framing(ABC):
    """A feed while it is written. Methods give what to send next: bytes, and attachments in base64 where there are any.

    ``sequence_text`` makes the text of a sequence; ``since`` is the sequence that the feed starts after.
    """

    content_type = JSON
    cache_control = MUST_REVALIDATE
    opening = b""

    def __init__(self, sequence_text: Callable[[int], str], since: int) -> None:
        self._sequence_text = sequence_text
        self._begun = False
        self._last_seq = since
        self._pending = 0

    def write(self, part: ChangesSlice) -> list[Piece]:
        """A slice of the feed. A first one without rows gives a sign of life, so that the client's wait is over."""
        self._last_seq, self._pending = part.last_seq, part.pending
        before = b"" if self._begun else self.opening
        pieces: list[Piece]
        if part.rows:
            pieces = self.rows(part)
        elif not self._begun:
            pieces = [LINE_END]
        else:
            pieces = [self.heartbeat()] if part.heartbeat else []
        self._begun = True
        return join_pieces([before, *pieces])

    def end(self) -> bytes:
        """What comes last, also when nothing has been written yet."""
        before = b"" if self._begun else self.opening
        self._begun = True
        return before + self.closing()

    @abstractmethod
    def rows(self, part: ChangesSlice) -> list[Piece]:
        """The rows of a slice that has some."""

    def heartbeat(self) -> bytes:
        """A sign of life after the feed has begun."""
        return LINE_END

    @abstractmethod
    def closing(self) -> bytes:
        """The last bytes of a feed that has begun."""

    @property
    def last_seq_text(self) -> str:
        """The sequence after which a client goes on."""
        return self._sequence_text(self._last_seq)

    def _position(self) -> bytes:
        return b'"last_seq":%b,"pending":%d}\n' % (encode(self.last_seq_text), self._pending)


class ObjectFraming(Framing):
    """``normal`` and ``longpoll``: all rows in one JSON object."""

    opening = b'{"results":[\n'
    _before = b""

    def rows(self, part: ChangesSlice) -> list[Piece]:
        """The rows, with commas."""
        before, self._before = self._before, b",\r\n"
        return [before, *join_rows(b",\r\n", part.rows)]

    def closing(self) -> bytes:
        """The end of the array, and where to go on."""
        return b"\n],\n" + self._position()


class LineFraming(Framing):
    """``continuous``: a JSON object a line."""

    def rows(self, part: ChangesSlice) -> list[Piece]:
        """The rows, a line each."""
        return [*join_rows(b"\n", part.rows), b"\n"]

    def closing(self) -> bytes:
        """A line that tells where to go on."""
        return b"{" + self._position()


class EventFraming(Framing):
    """``eventsource``: server-sent events, whose ids are the sequences."""

    content_type = "text/event-stream"
    cache_control = "no-cache"

    def rows(self, part: ChangesSlice) -> list[Piece]:
        """The rows, an event each."""
        events: list[Row] = []
        for row, seq in zip(part.rows, part.seqs, strict=True):
            number = b"null" if seq is None else encode(self._sequence_text(seq))
            if isinstance(row, bytes):
                events.append(b"data: %b\nid: %b\n\n" % (row, number))
            else:
                events.append((b"data: ", *row, b"\nid: %b\n\n" % number))
        return join_rows(b"", events)

    def heartbeat(self) -> bytes:
        """An event of its own kind."""
        return b"event: heartbeat\ndata: \n\n"

    def closing(self) -> bytes:
        """Nothing: the client knows the last id."""
        return b""


async def written(slices: AsyncGenerator[ChangesSlice], framing: Framing) -> AsyncGenerator[bytes]:
    """The feed's bytes, a piece a slice."""
    async with aclosing(slices):
        async for part in slices:
            async with aclosing(stream_text(framing.write(part))) as text:
                async for piece in text:
                    yield piece
    yield framing.end()
