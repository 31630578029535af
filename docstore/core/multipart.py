"""Writing multipart bodies (RFC 2046), such as a document with its attachments.

Owns delimiters and the headers of parts. A part may itself be a multipart body::

    outer = MultipartWriter("mixed", boundary)
    outer.part("application/json") + document
    inner = MultipartWriter("related", another_boundary)
    outer.part(inner.content_type) + inner.part("application/json") + document + inner.part("text/plain") + data
    inner.end() + outer.end()

It must not know HTTP, documents or sockets: every method gives the bytes to send next. The boundary is the caller's to
choose; it must not occur in any part.
"""

from collections.abc import Sequence

CONTROLS = frozenset(map(chr, (*range(32), 127)))


class MultipartWriter:
    """One multipart body while it is written. ``subtype`` is ``mixed``, ``related`` or ``byteranges``."""

    __slots__ = ("_delimiter", "_written", "content_type")

    def __init__(self, subtype: str, boundary: str, *, quoted: bool = True) -> None:
        """``quoted``: whether the boundary stands in quotes in ``content_type``."""
        shown = f'"{boundary}"' if quoted else boundary
        self.content_type = f"multipart/{subtype}; boundary={shown}"
        self._delimiter = b"--" + boundary.encode()
        self._written = False

    def part(self, content_type: str, headers: Sequence[tuple[str, str]] = ()) -> bytes:
        """What comes before the next part's body. The headers' values hold no line ends."""
        lines = "".join(f"\r\n{name}: {value}" for name, value in (*headers, ("Content-Type", content_type)))
        before = b"\r\n" if self._written else b""
        self._written = True
        return b"%b%b%b\r\n\r\n" % (before, self._delimiter, lines.encode())

    def end(self) -> bytes:
        """What comes after the last part. A body without parts is empty, as CouchDB writes it."""
        return b"\r\n%b--" % self._delimiter if self._written else b""


def header_text(text: str) -> str:
    """A type that somebody chose, as it may stand in a header; line ends, which would end it, percent-encoded."""
    return text if text.isprintable() else "".join(f"%{ord(one):02X}" if one in CONTROLS else one for one in text)


def attachment_headers(name: str, length: int | None, encoding: str | None) -> list[tuple[str, str]]:
    """The headers of a part that is a file of this name; quotes in it percent-encoded, as browsers do in forms."""
    filename = header_text(name).replace('"', "%22")
    headers = [("Content-Disposition", f'attachment; filename="{filename}"')]
    if length is not None:
        headers.append(("Content-Length", str(length)))
    return headers if encoding is None else [*headers, ("Content-Encoding", encoding)]
