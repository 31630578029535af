"""A request of a sequence, with symbols where it speaks of what came before.

Owns what a step is, and how it becomes the bytes for one of the two servers. Paths, parameters, headers and bodies may
hold symbols, ``${NAME:ARGUMENTS}``, which ``knowledge.py`` puts values in place of; so a step means something whatever
other steps are taken out of its sequence. It knows nothing of how steps are drawn, nor of answers.
"""

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

Symbols = Callable[[str], Any]
"""The value of a text with symbols: a text, or any JSON where the whole text is one symbol."""

BOUNDARY = "differ-boundary"
SAFE_IN_QUERY = "!$'()*,-./:;?@_~"


@dataclass(frozen=True)
class Json:
    """A JSON body."""

    value: Any


@dataclass(frozen=True)
class Text:
    """A body as it stands. Characters are bytes if ``binary``, else UTF-8; symbols are put in unless it is binary."""

    text: str
    binary: bool = False


@dataclass(frozen=True)
class Related:
    """A ``multipart/related`` body: a JSON text, then the bytes of the attachments (a character a byte)."""

    value: Any
    parts: tuple[str, ...]


Body = Json | Text | Related | None


@dataclass(frozen=True)
class Step:
    """One request.

    ``kind``    what is asked, as the lists of differences and kinds call it: "document.get"
    ``path``    percent-encoded, from the first slash on
    ``query``   pairs that are not encoded; a value of None stands for a name without ``=``
    ``coding``  how the body is sent: "" (with its length), "chunked" or "gzip"
    """

    kind: str
    method: str
    path: str
    query: tuple[tuple[str, str | None], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    body: Body = None
    coding: str = ""


Sequence = tuple[Step, ...]


@dataclass(frozen=True)
class Rendered:
    """A step as one server gets it."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes | None
    coding: str = field(default="")

    def wire(self, host: str, authorization: str) -> bytes:
        """The bytes of the request. Headers that the step has itself are not added."""
        given = {name.lower() for name, _ in self.headers}
        added = [("Host", host), ("Authorization", authorization)]
        body = self.body
        if body is not None and self.coding == "gzip":
            body = gzip.compress(body, mtime=0)
            added.append(("Content-Encoding", "gzip"))
        if self.coding == "chunked":
            added.append(("Transfer-Encoding", "chunked"))
            body = _chunked(body or b"")
        elif body is not None or self.method in {"PUT", "POST", "COPY", "PATCH"}:
            added.append(("Content-Length", str(len(body or b""))))
        lines = [f"{self.method} {self.target} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in added if name.lower() not in given]
        # An empty authorization says that the step is sent without one.
        lines += [f"{name}: {value}" for name, value in self.headers if (name, value) != ("Authorization", "")]
        head = "\r\n".join(lines) + "\r\n\r\n"
        return head.encode("utf-8", "surrogateescape") + (body or b"")

    def __str__(self) -> str:
        """For people: the request line, headers, and the body as far as it is text."""
        lines = [f"{self.method} {self.target}", *(f"    {name}: {value}" for name, value in self.headers)]
        if self.coding:
            lines.append(f"    ({self.coding})")
        if self.body is not None:
            lines.append("    " + self.body.decode("utf-8", "backslashreplace").replace("\r\n", "\r\n    "))
        return "\n".join(lines)


def render(step: Step, symbols: Symbols) -> Rendered:
    """The step with values in place of its symbols."""
    body, content_type = _body(step.body, symbols)
    headers = [(name, str(filled)) for name, value in step.headers if (filled := symbols(value)) is not None]
    if content_type and "content-type" not in {name.lower() for name, _ in headers}:
        headers.append(("Content-Type", content_type))
    headers = [(name, value) for name, value in headers if (name, value) != ("Content-Type", "")]
    return Rendered(step.method, _target(step, symbols), headers, body, step.coding)


def _target(step: Step, symbols: Symbols) -> str:
    pairs = []
    for name, value in step.query:
        text = quote(name, safe=SAFE_IN_QUERY)
        if value is not None:
            found = symbols(value)
            if found is None:
                continue
            shown = found if isinstance(found, str) else json.dumps(found)
            text += "=" + quote(shown, safe=SAFE_IN_QUERY)
        pairs.append(text)
    return str(symbols(step.path)) + ("?" + "&".join(pairs) if pairs else "")


def _body(body: Body, symbols: Symbols) -> tuple[bytes | None, str]:
    match body:
        case None:
            return None, ""
        case Json(value):
            return dumps(filled(value, symbols)), "application/json"
        case Text(text, binary=True):
            return text.encode("latin-1"), ""
        case Text(text):
            return str(symbols(text)).encode("utf-8", "surrogatepass"), "application/json"
        case Related(value, parts):
            pieces = [b"Content-Type: application/json\r\n\r\n" + dumps(filled(value, symbols))]
            pieces += [b"\r\n" + part.encode("latin-1") for part in parts]
            text = b"".join(b"--" + BOUNDARY.encode() + b"\r\n" + piece + b"\r\n" for piece in pieces)
            return text + f"--{BOUNDARY}--".encode(), f'multipart/related;boundary="{BOUNDARY}"'


def dumps(value: Any) -> bytes:
    """JSON as it is sent."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


LEFT_OUT = object()


def filled(value: Any, symbols: Symbols) -> Any:
    """A JSON value with values in place of its symbols, in names as well. What has no value is left out."""
    found = _filled(value, symbols)
    return None if found is LEFT_OUT else found


def _filled(value: Any, symbols: Symbols) -> Any:
    if isinstance(value, str):
        found = symbols(value) if "${" in value else value
        return LEFT_OUT if found is None else found
    if isinstance(value, list):
        items = [_filled(item, symbols) for item in value]
        return [item for item in items if item is not LEFT_OUT]
    if isinstance(value, dict):
        members = {str(filled(name, symbols)): _filled(item, symbols) for name, item in value.items()}
        return {name: item for name, item in members.items() if item is not LEFT_OUT}
    return value


def _chunked(body: bytes) -> bytes:
    middle = len(body) // 2
    chunks = [chunk for chunk in (body[:middle], body[middle:]) if chunk]
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
