"""Reading multipart bodies (RFC 2046) while they arrive: ``multipart/related`` of a document with its attachments.

Owns the way from a stream of bytes to parts, each with its headers and its data in pieces; the grammar itself is
``python_multipart``'s. It must not know HTTP, documents or sockets: the bytes come from an async iterator, and no more
of them is held than one of its pieces. Whatever is malformed is refused as soon as it is seen::

    reader = MultipartReader(content_type, pieces)
    while (headers := await reader.next_part()) is not None:
        async for data in reader.data():
            ...
"""

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from enum import Enum, auto
from typing import TypeAlias

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from docstore.errors import BadRequest
from docstore.settings import KIB

FEED_BYTES = 64 * KIB
"""How much is parsed at once: what one turn of the event loop spends at most, whatever the bytes are."""

MAX_PREAMBLE = 64 * KIB
NO_BOUNDARY = "The Content-Type of a multipart body must name its boundary."
ENDS_EARLY = "expected more data"
MALFORMED = "The multipart body is malformed."

Headers: TypeAlias = dict[str, str]
"""The headers of a part; names in lower case."""


class _Mark(Enum):
    PART_END = auto()
    BODY_END = auto()


class MultipartReader:
    """One multipart body. ``content_type`` is that of the body, with its boundary. Raises BadRequest without one."""

    def __init__(self, content_type: str, pieces: AsyncIterator[bytes]) -> None:
        boundary = parse_options_header(content_type)[1].get(b"boundary", b"")
        if not boundary:
            raise BadRequest(NO_BOUNDARY)
        self._pieces = pieces
        self._events: deque[Headers | bytes | _Mark] = deque()
        self._delimiter = b"--" + boundary
        self._preamble: bytes | None = b""
        self._headers: Headers = {}
        self._name = b""
        self._value = b""
        self._in_part = False
        self._at_end = False
        self._parts = 0
        self._max_parts: int | None = None
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._on_part_begin,
                    "on_header_field": self._on_header_field,
                    "on_header_value": self._on_header_value,
                    "on_header_end": self._on_header_end,
                    "on_headers_finished": self._on_headers_finished,
                    "on_part_data": self._on_part_data,
                    "on_part_end": lambda: self._events.append(_Mark.PART_END),
                    "on_end": lambda: self._events.append(_Mark.BODY_END),
                },
            )
        except FormParserError:
            raise BadRequest(MALFORMED) from None

    def expect_parts(self, count: int) -> None:
        """From now on a body of more than ``count`` parts is refused."""
        self._max_parts = count
        self._check_parts()

    async def next_part(self) -> Headers | None:
        """The headers of the next part, None behind the last. What is left of the part before is passed over.

        Raises BadRequest for a body that is malformed, or ends before its last delimiter.
        """
        if self._in_part:
            async for _ in self.data():
                pass
        event = await self._next_event()
        if isinstance(event, dict):
            self._in_part = True
            return event
        return None

    async def data(self) -> AsyncGenerator[bytes]:
        """The data of the part whose headers ``next_part`` gave last. Raises as that."""
        while self._in_part:
            event = await self._next_event()
            if isinstance(event, bytes):
                yield event
            else:
                self._in_part = False

    async def _next_event(self) -> Headers | bytes | _Mark:
        while not self._events:
            if self._at_end:
                return _Mark.BODY_END
            await self._read_more()
        event = self._events.popleft()
        if event is _Mark.BODY_END:
            self._at_end = True
            async for _ in self._pieces:  # an epilogue says nothing
                pass
        return event

    async def _read_more(self) -> None:
        piece = await anext(self._pieces, None)
        if piece is None:
            raise BadRequest(ENDS_EARLY)
        for portion in self._portions(piece):
            try:
                self._parser.write(portion)
            except FormParserError:
                raise BadRequest(MALFORMED) from None

    def _portions(self, piece: bytes) -> Iterator[bytes]:
        """What of a piece the parser is to see, a portion at a time."""
        if self._preamble is not None:
            piece = self._behind_preamble(self._preamble + piece)
        for start in range(0, len(piece), FEED_BYTES):
            yield piece[start : start + FEED_BYTES]

    def _behind_preamble(self, text: bytes) -> bytes:
        """The text from the first delimiter on; empty while there is none. Raises BadRequest for a long preamble."""
        start = 0 if text.startswith(self._delimiter) else text.find(b"\n" + self._delimiter) + 1
        if start or text.startswith(self._delimiter):
            self._preamble = None
            return text[start:]
        if len(text) > MAX_PREAMBLE:
            raise BadRequest(MALFORMED)
        self._preamble = text
        return b""

    # --- what the parser tells ----------------------------------------------------------------------------------

    def _on_part_begin(self) -> None:
        self._headers = {}
        self._parts += 1
        self._check_parts()

    def _check_parts(self) -> None:
        if self._max_parts is not None and self._parts > self._max_parts:
            raise BadRequest(f"The multipart body has more than the {self._max_parts} parts that its document names.")

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        self._headers[self._name.decode("latin-1").lower()] = self._value.decode("utf-8", "surrogateescape").strip()
        self._name = self._value = b""

    def _on_headers_finished(self) -> None:
        self._events.append(self._headers)

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._events.append(data[start:end])
