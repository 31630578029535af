"""What is asked of a peer over HTTP, and what it answers.

Owns the shapes, the limits of what is read, and the table from a reply's status and words to an error. It opens no
connection.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import msgspec
from aiohttp import ClientError, ClientResponse

from docstore.errors import DocstoreError
from docstore.replication.errors import (
    PeerBroken,
    PeerError,
    PeerForbidden,
    PeerNotFound,
    PeerTooLarge,
    PeerUnauthorized,
    PeerUnreachable,
)

JSON: Final = "application/json"
MAX_REPLY_BYTES: Final = 512 * 1024 * 1024
MAX_ERROR_BYTES: Final = 64 * 1024
SLICE_BYTES: Final = 64 * 1024
NO_DATABASE: Final = frozenset({"Database does not exist.", "no_db_file"})
"""How CouchDB 2 and later, and CouchDB 1 and PouchDB, say that it is the database that is missing."""


DOCUMENT_WORDS: Final = frozenset(
    {"doc_validation", "illegal_docid", "missing_stub", "document_too_large", "attachment_too_large", "forbidden"}
)
"""Errors that are about a document, whatever the status: PouchDB says some of them with a 500."""


class Body:
    """What is sent with a request. It can be sent more than once.

    ``length`` counts its bytes, None where that is not known. ``sent``: all of it went out. ``failure`` is why the
    pieces could not be had, if so.
    """

    def __init__(
        self,
        content_type: str,
        length: int | None,
        pieces: Callable[[], AsyncGenerator[bytes]],
        whole: bytes | None = None,
    ) -> None:
        self.content_type = content_type
        self.length = length
        self.failure: DocstoreError | None = None
        self.sent = True
        self._pieces = pieces
        self._whole = whole

    @classmethod
    def of_json(cls, text: bytes) -> "Body":
        """A JSON text."""
        return cls(JSON, len(text), lambda: _slices(text), text if len(text) <= SLICE_BYTES else None)

    async def gather(self) -> None:
        """Have the whole body in memory before it is sent: for small ones, which then are a single write."""
        try:
            async with aclosing(self._pieces()) as pieces:
                self._whole = b"".join([piece async for piece in pieces])
        except DocstoreError as error:
            self.failure = error
            raise

    def for_sending(self, watch: asyncio.Timeout, patience: float) -> bytes | AsyncGenerator[bytes]:
        """The bytes, or pieces. ``watch`` ends the request if a piece is not taken for ``patience`` seconds."""
        if self._whole is not None:
            return self._whole
        self.sent = False
        self.failure = None
        return self._watched(watch, patience)

    async def _watched(self, watch: asyncio.Timeout, patience: float) -> AsyncGenerator[bytes]:
        now = asyncio.get_running_loop().time
        sent = 0
        try:
            async with aclosing(self._pieces()) as pieces:
                async for piece in pieces:
                    sent += len(piece)
                    if not _set(watch, now() + patience):
                        return
                    yield piece
                    if not _set(watch, None):
                        return
            if self.length is not None and sent != self.length:
                raise PeerBroken("An attachment is not as long as it is said to be.")
            self.sent = True
        except DocstoreError as error:
            self.failure = error
            raise


def _set(watch: asyncio.Timeout, when: float | None) -> bool:
    """Set the watch; False if the answer is there already, so that nobody reads on."""
    try:
        watch.reschedule(when)
    except RuntimeError:
        return False
    return True


async def _slices(data: bytes) -> AsyncGenerator[bytes]:
    for start in range(0, len(data), SLICE_BYTES):
        yield data[start : start + SLICE_BYTES]


@dataclass(frozen=True, slots=True)
class Ask:
    """A request. ``path`` is what follows the URL of the database, quoted, with the query.

    ``of_server``  the path is beside the database, not below it
    ``allows``   statuses that are answers too;  ``final``  those after which nobody asks again, though it might help
    ``once``     whoever asks counts the attempts: the first failure is told
    ``silence``  seconds without a byte that are no bad sign, if more than the options allow
    ``decompress``  a compressed body is inflated
    """

    method: str
    path: str
    body: Body | None = None
    accept: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    allows: frozenset[int] = frozenset()
    final: frozenset[int] = frozenset()
    once: bool = False
    of_server: bool = False
    silence: float = 0.0
    decompress: bool = True
    most_bytes: int = MAX_REPLY_BYTES


class Reply(NamedTuple):
    """A whole answer."""

    status: int
    body: bytes
    content_type: str = ""


class Answer:
    """An answer whose body is still to be read."""

    def __init__(self, response: ClientResponse, url: str, body: Body | None = None) -> None:
        """``body`` is what was sent to get it."""
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers
        self._response = response
        self._url = url
        self._body = body

    async def pieces(self) -> AsyncGenerator[bytes]:
        """The body as it comes. Raises PeerUnreachable if it breaks off."""
        content = self._response.content
        try:
            while piece := await content.readany():
                yield piece
        except (ClientError, OSError, TimeoutError) as error:
            silent = isinstance(error, TimeoutError)
            raise PeerUnreachable(f"{self._url}: the reply broke off", url=self._url, silent=silent) from error

    async def read(self, most: int = MAX_REPLY_BYTES) -> bytes:
        """The whole body. Raises PeerUnreachable, PeerBroken if it is longer than ``most``."""
        parts: list[bytes] = []
        size = 0
        async with aclosing(self.pieces()) as pieces:
            async for piece in pieces:
                parts.append(piece)
                size += len(piece)
                if size > most:
                    raise PeerBroken(f"{self._url}: the reply is too long", url=self._url)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def start_of_body(self) -> bytes:
        """The beginning of the body: enough for CouchDB's error and reason."""
        body = b""
        async with aclosing(self.pieces()) as pieces:
            async for piece in pieces:
                body += piece
                if len(body) > MAX_ERROR_BYTES:
                    break
        return body

    def close(self) -> None:
        """Read no more. The connection is used again if everything was sent and read."""
        if self._response.content.at_eof() and (self._body is None or self._body.sent):
            self._response.release()
        else:
            self._response.close()


class ErrorReply(msgspec.Struct):
    """CouchDB's error object, or a row of one."""

    error: str | None = None
    reason: str | None = None


def error_of(status: int, body: bytes, url: str) -> PeerError:
    """The error that a reply means."""
    try:
        words = msgspec.json.decode(body, type=ErrorReply)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        words = ErrorReply()
    error, reason = words.error, words.reason
    if reason is None and error is None:
        reason = f"{url} answered with status {status}."
    match status:
        case 401:
            return PeerUnauthorized(reason, error=error, url=url, status=status)
        case 403:
            return PeerForbidden(reason, error=error, url=url, status=status)
        case 404 if reason in NO_DATABASE:
            return PeerNotFound(f"could not open {url}/", error="db_not_found", url=url, status=status)
        case 404:
            return PeerNotFound(reason, error=error, url=url, status=status)
        case 413:
            return PeerTooLarge(reason, error=error, url=url, status=status)
        case _:
            return PeerError(reason, error=error, url=url, status=status)
