"""A multipart reply that is in memory, taken apart.

Owns the grammar (RFC 2046), as far as servers use it in replies: parts of which each has headers, an empty line, and a
body in which the delimiter does not occur. It reads nothing from anywhere, and is for replies of bounded size.
"""

from email.message import Message
from typing import Final, NamedTuple

from docstore.replication.errors import PeerBroken

LINE_END: Final = b"\r\n"
HEAD_END: Final = b"\r\n\r\n"
CLOSED: Final = b"--"


class Part(NamedTuple):
    """One part. Names of headers are in lower case."""

    headers: dict[str, str]
    body: bytes

    @property
    def content_type(self) -> str:
        """Its type, with parameters."""
        return self.headers.get("content-type", "")

    @property
    def is_multipart(self) -> bool:
        """Whether its body is of parts again."""
        return self.content_type.lower().startswith("multipart/")


def parts_of(content_type: str, body: bytes) -> list[Part]:
    """The parts of a multipart body. Raises PeerBroken for what is none, or not complete."""
    boundary = _boundary(content_type)
    if boundary is None:
        raise PeerBroken("A multipart reply without a boundary.")
    if not body.strip():
        return []
    _, *pieces = (LINE_END + body).split(LINE_END + b"--" + boundary.encode())
    if not pieces or not pieces[-1].startswith(CLOSED):
        raise PeerBroken("A multipart reply that is not complete.")
    return [_part(piece) for piece in pieces[:-1]]


def _part(piece: bytes) -> Part:
    """What is between two delimiters: the rest of the delimiter's line, headers, body."""
    padding, line_end, rest = piece.partition(LINE_END)
    if not line_end or padding.strip(b" \t"):
        raise PeerBroken("A multipart reply that is malformed.")
    if rest.startswith(LINE_END):
        return Part({}, rest[len(LINE_END) :])
    head, head_end, body = rest.partition(HEAD_END)
    if not head_end:
        raise PeerBroken("A multipart reply that is malformed.")
    lines = [line.partition(":") for line in head.decode("utf-8", "surrogateescape").split("\r\n")]
    return Part({name.strip().lower(): value.strip() for name, _, value in lines}, body)


def _boundary(content_type: str) -> str | None:
    message = Message()
    message["Content-Type"] = content_type
    boundary = message.get_param("boundary")
    return boundary if isinstance(boundary, str) and boundary else None
