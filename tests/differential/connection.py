"""One connection to a server, for requests that are written byte by byte.

Owns sending and reading: answers with a length, in chunks, or up to the end of the connection. A server that says
nothing, or hangs up, gives an answer too (``NOTHING``, ``HUNG_UP``): that is a difference like any other. It knows
nothing of what is asked.
"""

import asyncio
import re
from typing import Self
from urllib.parse import unquote, urlsplit

from tests.conformance.wire import Answer

NOTHING, HUNG_UP = -1, -2
PATIENCE_SECONDS = 12.0
LONGEST_LINE = 1 << 22
NO_BODY = {204, 304}
EVENTS = "text/event-stream"
STATUS_LINE = re.compile(rb"HTTP/1\.[01] (\d{3})")


class Server:
    """Where a server is, and who asks: ``http://user:password@host:port``.

    A server locks a name out for an address from which there were wrong passwords; so who asks by loopback can do so
    from an address of its own.
    """

    def __init__(self, url: str, asked_from: str = "") -> None:
        parts = urlsplit(url)
        self.host = parts.hostname or "127.0.0.1"
        self.port = parts.port or 80
        self.asked_from = (asked_from, 0) if asked_from and self.host.startswith("127.") else None
        self.user, self.password = unquote(parts.username or ""), unquote(parts.password or "")

    @property
    def name(self) -> str:
        """Host and port, as the header says it."""
        return f"{self.host}:{self.port}"


class Connection:
    """Made when it is needed, and made anew when the server closed it or may want to."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection, if there is one."""
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None

    async def exchange(self, method: str, request: bytes) -> Answer:
        """Send a request and read its answer."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                answer, stays = await self._asked(method, request)
        except TimeoutError:
            answer, stays = Answer(method, NOTHING, [], b""), False
        except (OSError, EOFError, ValueError):
            answer, stays = Answer(method, HUNG_UP, [], b""), False
        # Some servers close without a word after they refused a request whose body they did not read.
        if not stays or answer.status >= 400:
            self.close()
        return answer

    async def _asked(self, method: str, request: bytes) -> tuple[Answer, bool]:
        used = self._reader is not None
        try:
            return await self._exchange(method, request)
        except (ConnectionError, asyncio.IncompleteReadError) as error:
            if not used or getattr(error, "partial", b""):
                raise
        self.close()  # a server may close a connection that it kept open, before it saw the request
        return await self._exchange(method, request)

    async def _exchange(self, method: str, request: bytes) -> tuple[Answer, bool]:
        if self._reader is None or self._writer is None or self._reader.at_eof():
            self.close()
            self._reader, self._writer = await asyncio.open_connection(
                self.server.host, self.server.port, limit=LONGEST_LINE, local_addr=self.server.asked_from
            )
        self._writer.write(request)
        status, headers = await self._head(self._reader)
        while status // 100 == 1:
            status, headers = await self._head(self._reader)
        fields = {name.lower(): value for name, value in headers}
        stays = fields.get("connection", "").lower() != "close"
        if fields.get("content-type", "") == EVENTS:  # CouchDB ends them twice, and the second end is no answer
            stays = False
        if method == "HEAD" or status in NO_BODY:
            return Answer(method, status, headers, b""), stays
        if fields.get("transfer-encoding", "").lower() == "chunked":
            body, whole = await self._chunks(self._reader)
            return Answer(method, status, headers, body), stays and whole
        if "content-length" in fields:
            return Answer(method, status, headers, await self._reader.readexactly(int(fields["content-length"]))), stays
        return Answer(method, status, headers, await self._reader.read()), False

    @staticmethod
    async def _head(reader: asyncio.StreamReader) -> tuple[int, list[tuple[str, str]]]:
        found = STATUS_LINE.match(await reader.readuntil(b"\r\n"))
        if not found:
            raise ValueError("no answer of HTTP")
        headers = []
        while line := (await reader.readuntil(b"\r\n"))[:-2]:
            name, _, value = line.decode("utf-8", "backslashreplace").partition(":")
            headers.append((name, value.strip()))
        return int(found.group(1)), headers

    @staticmethod
    async def _chunks(reader: asyncio.StreamReader) -> tuple[bytes, bool]:
        """The body, and whether it came to its end."""
        body = bytearray()
        try:
            while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
                body += await reader.readexactly(size)
                await reader.readexactly(2)
            await reader.readuntil(b"\r\n")
        except (EOFError, OSError, ValueError):
            return bytes(body) + b"<cut off>", False
        return bytes(body), True
