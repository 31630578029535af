"""Attachments in few words: what was left of uploads, multipart bodies, and raw connections to a running server."""

import asyncio
import gzip
import zlib
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from hashlib import md5
from typing import Any
from urllib.parse import urlsplit

from docstore.core.json_text import encode
from docstore.storage.attachments.staging import scan_stagings
from docstore.testing import TestNode
from tests.httpd.serving import Wire

BOUNDARY = "xyz"
RELATED = f'multipart/related; boundary="{BOUNDARY}"'
TEXT = {"Content_Type": "text/plain"}
BINARY = {"Content_Type": "application/octet-stream"}
NOISE = b"".join(md5(str(number).encode()).digest() for number in range(64 * 1024))
"""A mebibyte that does not compress."""


def gzipped(data: bytes) -> bytes:
    """The bytes as they are stored for a compressible type."""
    compressor = zlib.compressobj(8, zlib.DEFLATED, 16 + zlib.MAX_WBITS, 8)
    return compressor.compress(data) + compressor.flush()


def digest(data: bytes) -> str:
    return f"md5-{b64encode(md5(data).digest()).decode()}"


def etag(data: bytes) -> str:
    return f'"{b64encode(md5(data).digest()).decode()}"'


def inline(data: bytes, content_type: str | None = None) -> dict[str, str]:
    """The member of ``_attachments`` for bytes that stand in the document."""
    member = {"data": b64encode(data).decode()}
    return member if content_type is None else member | {"content_type": content_type}


def follows(data: bytes, content_type: str = "application/octet-stream", **more: Any) -> dict[str, Any]:
    return {"follows": True, "content_type": content_type, "length": len(data), **more}


def related(document: Any, *data: bytes, first_type: str = "application/json") -> bytes:
    """A multipart/related body of a document and these parts."""
    text = document if isinstance(document, bytes) else encode(document)
    parts = [b"Content-Type: %b\r\n\r\n%b" % (first_type.encode(), text), *(b"\r\n%b" % one for one in data)]
    delimiter = b"--" + BOUNDARY.encode()
    return b"".join(b"%b\r\n%b\r\n" % (delimiter, part) for part in parts) + delimiter + b"--"


def inflated(data: bytes) -> bytes:
    return gzip.decompress(data)


def stagings(server: TestNode) -> int:
    """How many uploads there are that no edit has taken over."""
    with server.node.env.snapshot() as snapshot:
        return sum(1 for _ in scan_stagings(snapshot))


async def until(condition: Callable[[], Any]) -> None:
    """Wait for something in the store, which tells nobody when it happens."""
    async with asyncio.timeout(20):
        while True:
            if condition():
                return
            await asyncio.sleep(0.001)


@asynccontextmanager
async def wire(server: TestNode) -> AsyncIterator[Wire]:
    """A connection on which bytes go as they are."""
    parts = urlsplit(server.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        yield Wire(reader, writer)
    finally:
        writer.close()
