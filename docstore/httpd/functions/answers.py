"""What a function of a design document answers, as a reply.

Owns the members that such an answer may have and their meaning. It must not know the functions. Follows
``chttpd_external:parse_external_response``; where CouchDB crashes on a value, this is its ``external_response_error``.
"""

import binascii
import re
from base64 import b64decode
from typing import Final

from docstore.core.json_slices import encode_in_slices
from docstore.core.json_text import JsonValue, encode
from docstore.httpd.replies import JSON, Header, Reply
from docstore.query.errors import FunctionFailed
from docstore.settings import KIB

ERROR: Final = "external_response_error"
HTML: Final = "text/html; charset=utf-8"
BINARY: Final = "application/binary"
PIECE: Final = 64 * KIB
SANDBOX: Final[Header] = ("Content-Security-Policy", "sandbox")
"""What a function of a user's own makes is no page of this origin."""

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OURS: Final = frozenset({"content-length", "transfer-encoding", "connection", "date", "server"})


def function_reply(
    answer: JsonValue, *, status: int = 200, etag: str | None = None, headers: tuple[Header, ...] = ()
) -> Reply:
    """The reply that a function describes. ``headers`` go before its own. Raises FunctionFailed."""
    if not isinstance(answer, dict):
        raise _bad("answer", answer)
    body, kind = b"", JSON
    own: list[Header] = []
    json = False
    for name, value in answer.items():
        if name == "code" and isinstance(value, int) and 200 <= value <= 999:
            status = value
        elif name == "json":
            body, kind, json = encode_in_slices(value) + b"\n", JSON, True
        elif name == "body" and isinstance(value, str):
            if not json:
                body, kind = _bytes(value), HTML
        elif name == "base64" and isinstance(value, str):
            body, kind = _decoded(value), BINARY
        elif name == "headers" and isinstance(value, dict):
            own = [_header(*item) for item in value.items()]
        elif name == "stop" and value is True:
            continue
        else:
            raise _bad(name, value)
    given = {name.lower() for name, _ in headers}
    own = [item for item in own if item[0].lower() not in _OURS | given]
    types = [value for name, value in own if name.lower() == "content-type"]
    own = [item for item in own if item[0].lower() != "content-type"]
    is_page = not json or any(_media_type(kind) != JSON for kind in types)
    shown = (*headers, *own, SANDBOX) if is_page else (*headers, *own)
    cache_control = "must-revalidate" if json and not any(name.lower() == "cache-control" for name, _ in own) else None
    return Reply(
        status, body, content_type=types[-1] if types else kind, headers=shown, etag=etag, cache_control=cache_control
    )


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _bad(name: str, value: JsonValue) -> FunctionFailed:
    return FunctionFailed(f'Invalid data from external server: {{<<"{name}">>,{_term(value)[:200]}}}', error=ERROR)


def _term(value: JsonValue) -> str:
    """A value as it stands in CouchDB's error texts: a string as Erlang writes one, the rest as JSON."""
    text = encode(value).decode()
    return f"<<{text}>>" if isinstance(value, str) else text


def _header(name: str, value: JsonValue) -> Header:
    text = value if isinstance(value, str) else encode(value).decode()
    if _TOKEN.fullmatch(name) is None or any(character < " " or character == "\x7f" for character in text):
        raise _bad("headers", {name: value})
    return name, text


def _bytes(text: str) -> bytes:
    """The text in UTF-8; in pieces, since one of megabytes would hold the interpreter."""
    if len(text) <= PIECE:
        return text.encode("utf-8", "replace")
    return b"".join([text[at : at + PIECE].encode("utf-8", "replace") for at in range(0, len(text), PIECE)])


def _decoded(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise _bad("base64", text) from None
