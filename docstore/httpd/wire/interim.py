"""Interim responses 104 (Upload Resumption Supported), before and while the body of an upload comes.

Owns their text, and who gets them: clients of HTTP/1.1 that announce a version of the draft which is spoken here, as it
demands. aiohttp has no call for interim responses, so they are written to the transport. They are hints: a client that
does not read them must not hold anything up, so nothing here waits.
"""

import time
from collections.abc import Sequence

from aiohttp.http import HttpVersion11
from aiohttp.web import BaseRequest

from docstore.httpd.replies import Header
from docstore.httpd.wire.structured_fields import count_item

INTEROP_VERSION = "Upload-Draft-Interop-Version"
INTEROP_VERSIONS = frozenset({8, 9, 10})
"""Those of draft-ietf-httpbis-resumable-upload-09 to -13. What a server does to follow the first of them follows the
others too."""

PROGRESS_SECONDS = 1.0
"""The least time between two reports of progress."""


class Interim:
    """The interim responses to one request; ``wanted`` says whether its client gets any."""

    def __init__(self, raw: BaseRequest) -> None:
        version = count_item(raw.headers.get(INTEROP_VERSION))
        self.wanted = version in INTEROP_VERSIONS and raw.version >= HttpVersion11
        self._version = version
        self._raw = raw
        self._next_report = 0.0

    def created(self, location: str, limit: str) -> None:
        """There is an upload that can be resumed."""
        self._write((("Location", location), ("Upload-Limit", limit)))

    def progress(self, offset: int) -> None:
        """So many bytes are safe. Told now and then."""
        now = time.monotonic()
        if now >= self._next_report:
            self._next_report = now + PROGRESS_SECONDS
            self._write((("Upload-Offset", str(offset)),))

    def _write(self, headers: Sequence[Header]) -> None:
        transport = self._raw.transport
        if not self.wanted or transport is None or transport.is_closing():
            return
        lines = [f"{name}: {value}\r\n" for name, value in headers]
        head = f"HTTP/1.1 104 Upload Resumption Supported\r\n{INTEROP_VERSION}: {self._version}\r\n"
        transport.write(f"{head}{''.join(lines)}\r\n".encode("utf-8", "surrogateescape"))
