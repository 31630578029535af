"""Request headers are text: of a write, those that are read must be UTF-8.

Owns that check, which comes before any handler and so before any command exists: a command is stored as text, and what
cannot be encoded would be found in the middle of a transaction. It must not know what a header means. Other headers may
hold any bytes, since proxies put some there that nobody here reads.
"""

from collections.abc import Mapping
from typing import Final

from docstore.errors import BadRequest

READ: Final = frozenset(
    {
        "accept",
        "authorization",
        "content-encoding",
        "content-md5",
        "content-type",
        "cookie",
        "destination",
        "expect",
        "host",
        "idempotency-key",
        "if-match",
        "if-none-match",
        "origin",
        "prefer",
        "referer",
        "tus-resumable",
        "upload-checksum",
        "upload-complete",
        "upload-draft-interop-version",
        "upload-length",
        "upload-metadata",
        "upload-offset",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-forwarded-ssl",
        "x-http-method-override",
    }
)
"""The headers that somebody reads in a request that writes, in lower case."""


def check_header_text(headers: Mapping[str, str]) -> None:
    """Raises BadRequest if one of the headers that are read is not UTF-8."""
    if "".join(headers.values()).isascii():
        return
    for name, value in headers.items():
        if not value.isascii() and name.lower() in READ and not _is_utf8(value):
            raise BadRequest(f"{name} is not UTF-8 encoded")


def _is_utf8(value: str) -> bool:
    """Whether aiohttp found text; bytes that are none it hands over as surrogates."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
