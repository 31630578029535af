"""The layout of the values of ``replies``, ``reply_order`` and ``reply_totals``.

Owns the bytes of these rows. It must not know tables or transactions, nor what a reply says.
"""

from struct import Struct
from typing import Final, NamedTuple

import msgspec

DIGEST_BYTES: Final = 32


class StoredReply(NamedTuple):
    """A reply as it goes out, but for what belongs to one connection or one moment (Date, Server, ids, cookies).

    ``etag`` is without quotes. ``headers`` are further ones, in their order.
    """

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    etag: str | None = None
    content_type: str | None = "application/json"


class ReplyRow(NamedTuple):
    """What is remembered of one request.

    ``number``       its place among those of its database
    ``expires``      microseconds since 1970
    ``fingerprint``  of the request
    ``user``, ``key``  whose request, and the key that it was sent with
    """

    number: int
    expires: int
    fingerprint: bytes
    user: str
    key: str
    reply: StoredReply


class OrderRow(NamedTuple):
    """The same request, by its place: ``digest`` ends its key in ``replies``, ``size`` is the length of the value."""

    expires: int
    size: int
    digest: bytes


class ReplyTotals(NamedTuple):
    """All that is remembered of one database name. ``size`` is that of all values, ``following`` the next number."""

    name: str
    replies: int = 0
    size: int = 0
    following: int = 1


class _PlainReply(NamedTuple):
    """``StoredReply`` as it is written: header values may hold any bytes."""

    status: int
    body: bytes
    headers: tuple[tuple[str, bytes], ...]
    etag: str | None
    content_type: str | None


class _PlainRow(NamedTuple):
    number: int
    expires: int
    fingerprint: bytes
    user: str
    key: str
    reply: _PlainReply


_ORDER = Struct(">QI32s")
_read_row = msgspec.msgpack.Decoder(_PlainRow).decode
_read_totals = msgspec.msgpack.Decoder(ReplyTotals).decode


def encode_reply(row: ReplyRow) -> bytes:
    """The value in ``replies``: msgpack of arrays."""
    status, body, headers, etag, content_type = row.reply
    plain = tuple((name, text.encode("utf-8", "surrogateescape")) for name, text in headers)
    return msgspec.msgpack.encode(_PlainRow(*row[:5], _PlainReply(status, body, plain, etag, content_type)))


def decode_reply(value: bytes) -> ReplyRow:
    """The row of a value in ``replies``."""
    row = _read_row(value)
    status, body, plain, etag, content_type = row.reply
    headers = tuple((name, text.decode("utf-8", "surrogateescape")) for name, text in plain)
    return ReplyRow(*row[:5], StoredReply(status, body, headers, etag, content_type))


def encode_order(row: OrderRow) -> bytes:
    """The value in ``reply_order``."""
    return _ORDER.pack(*row)


def decode_order(value: bytes) -> OrderRow:
    """The row of a value in ``reply_order``."""
    return OrderRow(*_ORDER.unpack(value))


def encode_totals(totals: ReplyTotals) -> bytes:
    """The value in ``reply_totals``: msgpack of an array."""
    return msgspec.msgpack.encode(totals)


def decode_totals(value: bytes) -> ReplyTotals:
    """The totals of a value in ``reply_totals``."""
    return _read_totals(value)
