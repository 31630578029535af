"""Paths, query strings and Location values: percent-encoding in both directions.

Owns what ``chttpd:unquote``, ``mochiweb_util:parse_qs`` and ``couch_util:url_encode`` do in CouchDB. It must not know
which path means what.
"""

import re
from urllib.parse import quote, unquote_to_bytes

from docstore.errors import BadRequest, IllegalDocId

PARTITION = "_partition"

_UNESCAPED = re.compile("[A-Za-z0-9_.:-]*")
_BAD_ESCAPE = re.compile("%(?![0-9A-Fa-f]{2})")


def check_escapes(raw: str) -> None:
    """Raises BadRequest if a ``%`` in a request target does not begin two hex digits."""
    if _BAD_ESCAPE.search(raw):
        raise BadRequest("invalid_url_encoding")


def path_of_absolute(target: str) -> str:
    """The path (and query) of ``http://host/path``, a proxy's way of asking; ``/`` for ``*``."""
    _, _, rest = target.partition("://")
    slash = rest.find("/")
    return rest[slash:] if slash >= 0 else "/"


def split_path(path: str, *, plus: bool = True) -> list[str]:
    """The segments of a raw path, each decoded once; empty segments count for nothing.

    ``plus``: a ``+`` is a space. So ``//db/a%2Fb/`` is ``["db", "a/b"]``. Raises BadRequest or IllegalDocId for bytes
    that are no UTF-8.
    """
    segments = path[1:].split("/")
    if "" in segments:
        segments = [segment for segment in segments if segment]
    if "%" in path or "+" in path or not path.isascii():
        return [_decode_segment(segments, position, plus=plus) for position in range(len(segments))]
    return segments


def _decode_segment(segments: list[str], position: int, *, plus: bool) -> str:
    try:
        return _decode(segments[position], plus=plus)
    except UnicodeError:
        if not position:
            raise BadRequest("invalid_url_encoding") from None
        if segments[1] == PARTITION and position == 2:
            raise IllegalDocId("Partition must be valid UTF-8", error="illegal_partition") from None
        raise IllegalDocId("Document id must be valid UTF-8") from None


def _decode(text: str, *, plus: bool = True) -> str:
    if "%" not in text and "+" not in text and text.isascii():
        return text
    # aiohttp hands bytes beyond ASCII over as surrogate escapes
    return unquote_to_bytes((text.replace("+", " ") if plus else text).encode("utf-8", "surrogateescape")).decode()


def decode_query(query_string: str) -> list[tuple[str, str]]:
    """The parameters of a query string (or of a form) in their order. Raises BadRequest for bytes that are no UTF-8.

    A semicolon separates them as well, and of empty parts the last is none (``mochiweb_util:parse_qs``).
    """
    if not query_string:
        return []
    if ";" in query_string:
        query_string = query_string.replace(";", "&")
    try:
        return [
            (_decode(name), _decode(value))
            for name, _, value in (part.partition("=") for part in query_string.removesuffix("&").split("&"))
        ]
    except UnicodeError:
        raise BadRequest("invalid_url_encoding") from None


def encode_segment(segment: str) -> str:
    """One segment as CouchDB writes it into a Location: everything but ``A-Z a-z 0-9 _ . - :`` is escaped."""
    if _UNESCAPED.fullmatch(segment):  # most are plain, and quote() costs as much as all other headers
        return segment
    return quote(segment, safe=":").replace("~", "%7E")
