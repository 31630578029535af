"""Replies whose body is at hand: the bytes of status line, headers and body.

Owns the headers that every reply carries, and the spelling of ETag and Location. It must not know endpoints. Replies
that come piece by piece are in ``streaming.py``.

A ``Reply`` goes out in one write. It is no ``aiohttp.web.Response``: building one of those with its header dictionary
and printing it again costs more than all the rest of a document's GET. A connection asks a response for ``prepare``
and ``keep_alive``, aiohttp for ``write_eof`` too, and that is what is here.
"""

import platform
import re
import time
from collections.abc import Sequence
from email.utils import formatdate
from http import HTTPStatus
from random import getrandbits
from typing import Protocol, cast

from aiohttp import hdrs
from aiohttp.http import HttpVersion11
from aiohttp.web import BaseRequest
from multidict import istr

from docstore import __version__
from docstore.core.json_text import JsonValue, encode
from docstore.httpd.wire.entity_tags import entity_tags
from docstore.httpd.wire.http_dates import last_modified_lines
from docstore.httpd.wire.paths import encode_segment
from docstore.storage.remembered_rows import StoredReply

Header = tuple[str, str]

MUST_REVALIDATE = "must-revalidate"
JSON = "application/json"
SERVER = f"docstore/{__version__} (Python/{platform.python_version()})"
BODILESS = frozenset({204, 304})
OTHER_PHRASES = {460: "Checksum Mismatch"}
"""Statuses that the standard library does not know."""
UNKNOWN_PHRASE = "Internal Server Error"

REQUEST_ID = istr("X-Couch-Request-ID")
_REQUEST_ID = re.compile(r"[0-9A-Za-z_-]{1,36}")

JOIN_UP_TO = 64 * 1024


def phrase_of(status: int) -> str:
    """The words beside a status; CouchDB's for one that nobody knows, which functions and rules of tests may have."""
    try:
        return OTHER_PHRASES.get(status) or HTTPStatus(status).phrase
    except ValueError:
        return UNKNOWN_PHRASE


class HeadLines:
    """The lines that replies have in common, printed once a second at most. ``second`` is that of their date."""

    def __init__(self) -> None:
        self.second = 0
        self._lines: dict[tuple[int, str | None, str | None], bytes] = {}

    def lines(self, status: int, content_type: str | None, cache_control: str | None) -> bytes:
        """Status line and common headers, up to ``X-Couch-Request-ID: ``, whose value must follow."""
        second = int(time.time())
        if second != self.second:
            self.second = second
            self._lines.clear()
        key = (status, content_type, cache_control)
        lines = self._lines.get(key)
        if lines is None:
            lines = self._lines[key] = self._print(status, content_type, cache_control)
        return lines

    def _print(self, status: int, content_type: str | None, cache_control: str | None) -> bytes:
        head = [f"HTTP/1.1 {status} {phrase_of(status)}", f"Server: {SERVER}"]
        if content_type is not None:
            head.append(f"Content-Type: {content_type}")
        if cache_control is not None:
            head.append(f"Cache-Control: {cache_control}")
        head.append(f"Date: {formatdate(self.second, usegmt=True)}")
        head.append("X-Couch-Request-ID: ")
        return _bytes("\r\n".join(head))


_head_lines = HeadLines()


def _bytes(text: str) -> bytes:
    """Header text as bytes; what came in as bytes beyond ASCII goes out as the same bytes."""
    return text.encode("utf-8", "surrogateescape")


def new_request_id() -> bytes:
    """Ten hex digits, as CouchDB numbers its requests; unpredictable enough to tell log lines apart, nothing more."""
    return b"%010x" % getrandbits(40)


def named_request_id(named: str) -> bytes | None:
    """The id that a client gave its request, if it can be one: up to 36 letters, digits, ``-`` and ``_``."""
    return None if _REQUEST_ID.fullmatch(named) is None else named.encode()


class Head:
    """Status and headers of a reply, shared by whole and streamed ones.

    ``headers`` are (name, value) pairs; a value that would break out of its line raises ValueError. ``etag`` is given
    without quotes, and left out if it has control characters; ``weak`` is how a proxy tells it that packs replies.
    ``content_type`` and ``cache_control`` None leave those headers out. ``date`` is that of Last-Modified, in seconds
    since 1970; one that is still to come is not told. ``request_id``, ``body_time`` (milliseconds spent waiting for the
    request's body) and ``keep_alive`` are the server's to set before the reply goes out.
    """

    weak = False
    date: int | None = None
    request_id = b""
    body_time = 0
    keep_alive = True

    def __init__(
        self,
        status: int,
        content_type: str | None,
        headers: Sequence[Header],
        etag: str | None,
        cache_control: str | None,
    ) -> None:
        for name, value in headers:
            if not value.isprintable() and any(character < " " for character in value):
                raise ValueError(f"the value of {name} holds a control character")
        self.status = status
        self.content_type = content_type
        self.headers = headers
        self.etag = etag
        self.cache_control = cache_control

    def head(self, raw: BaseRequest, framing: bytes) -> bytes:
        """The head of the reply to ``raw``; ``framing`` is the line that says where the body ends, or nothing."""
        lines = _head_lines.lines(self.status, self.content_type, self.cache_control)
        more = framing
        if self.date is not None and self.date <= _head_lines.second:
            more = last_modified_lines(self.date) + more
        etag = self.etag
        if etag is not None and etag.isprintable():  # a revision id may be any text
            mark = b'ETag: W/"' if self.weak else b'ETag: "'
            more = b'%b%b"\r\n%b' % (mark, etag.encode("utf-8", "surrogateescape"), more)
        for name, value in self.headers:
            more = b"%b: %b\r\n%b" % (name.encode(), _bytes(value), more)
        if not self.keep_alive:
            more = b"Connection: close\r\n" + more
        elif raw.version is not HttpVersion11:
            more = b"Connection: keep-alive\r\n" + more
        request_id = self.request_id or new_request_id()
        return b"%b%b\r\nX-CouchDB-Body-Time: %d\r\n%b\r\n" % (lines, request_id, self.body_time, more)


def end_early(raw: BaseRequest) -> None:
    """A last reply is written, and the request's body is not read: the client is told that nothing more comes.

    What it still sends is swallowed for a while: closing at once could take the reply away from a client that is
    sending.
    """
    transport = raw.transport
    if transport is not None and not raw.content.is_eof() and transport.can_write_eof():
        transport.write_eof()


class Sender(Protocol):
    """The connection that a reply goes to; ``connection.py`` has it."""

    @property
    def writing_paused(self) -> bool:
        """Whether the client does not read what it has got."""

    def send(self, data: bytes) -> None:
        """Write a whole reply. Raises ConnectionError if the client is gone."""

    def send_last(self, data: bytes) -> None:
        """The same, and nothing follows it."""


class Reply(Head):
    """A reply whose whole body is at hand."""

    def __init__(
        self,
        status: int = 200,
        body: bytes = b"",
        *,
        content_type: str | None = JSON,
        headers: Sequence[Header] = (),
        etag: str | None = None,
        cache_control: str | None = MUST_REVALIDATE,
    ) -> None:
        super().__init__(status, content_type, headers, etag, cache_control)
        self.body = body

    async def prepare(self, raw: BaseRequest) -> None:
        """Write it all; a client that does not read what it has asked for is waited for. Raises ConnectionError."""
        body = self.body
        if not raw.keep_alive:
            self.keep_alive = False
        bodiless = self.status in BODILESS
        head = self.head(raw, b"" if bodiless else b"Content-Length: %d\r\n" % len(body))
        protocol = cast("Sender", raw.protocol)
        if bodiless or raw.method == hdrs.METH_HEAD:
            body = b""
        if len(body) <= JOIN_UP_TO:
            send = protocol.send if self.keep_alive else protocol.send_last
            send(head + body)
        else:
            await raw.writer.write(head)
            await raw.writer.write(body)
        if protocol.writing_paused:
            await raw.writer.drain()
        if not self.keep_alive:
            end_early(raw)

    async def write_eof(self) -> None:
        """Nothing is left to write: ``prepare`` has sent the body."""


def raw_json_reply(text: bytes, status: int = 200, *, headers: Sequence[Header] = (), etag: str | None = None) -> Reply:
    """A reply of JSON text that is at hand; the line end that CouchDB puts after every JSON reply is added here."""
    return Reply(status, text + b"\n", headers=headers, etag=etag)


def json_reply(
    value: JsonValue, status: int = 200, *, headers: Sequence[Header] = (), etag: str | None = None
) -> Reply:
    """A JSON value, printed as CouchDB prints it."""
    return Reply(status, encode(value) + b"\n", headers=headers, etag=etag)


def stored_reply(stored: StoredReply, *more: Header) -> Reply:
    """A reply that was rendered from a form, with these headers too."""
    headers = (*stored.headers, *more) if more else stored.headers
    return Reply(stored.status, stored.body, content_type=stored.content_type, headers=headers, etag=stored.etag)


def not_modified(etag: str) -> Reply:
    """304 with the ETag (given without quotes) and no body."""
    return Reply(304, content_type=None, etag=etag, cache_control=None)


def redirect(location: str, status: int = 301) -> Reply:
    """A redirect without a body."""
    return Reply(status, content_type=None, headers=(("Location", location),), cache_control=None)


def etag_matches(if_none_match: str | None, etag: str) -> bool:
    """Whether an If-None-Match header names this ETag (given without quotes).

    Weak tags match too; ``*`` does not (``chttpd:etag_match``). Of what is no list of tags each piece counts.
    """
    if if_none_match is None:
        return False
    try:
        tags = entity_tags(if_none_match)
    except ValueError:
        return f'"{etag}"' in (piece.strip().removeprefix("W/") for piece in if_none_match.split(","))
    return not isinstance(tags, str) and any(tag.text == etag for tag in tags)


def location(base_url: str, *segments: str) -> str:
    """An absolute URL with each segment percent-encoded as CouchDB does: ``_design/a`` gives ``_design%2Fa``."""
    return "/".join((base_url, *map(encode_segment, segments)))
