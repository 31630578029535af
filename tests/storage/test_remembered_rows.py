"""The rows of remembered replies come back as they were."""

import pytest

from docstore.storage.remembered_rows import (
    OrderRow,
    ReplyRow,
    ReplyTotals,
    StoredReply,
    decode_order,
    decode_reply,
    decode_totals,
    encode_order,
    encode_reply,
    encode_totals,
)

PLAIN = StoredReply(201, b'{"ok":true}\n')


@pytest.mark.parametrize(
    "reply",
    [
        PLAIN,
        PLAIN._replace(headers=(("Location", "http://h/db/d"), ("Preference-Applied", "handling=strict"))),
        PLAIN._replace(headers=(("Location", "http://\udcff/é"),)),  # a byte that is no UTF-8, as aiohttp has it
        PLAIN._replace(etag="1-a", content_type=None),
        StoredReply(200, b"\x00\xff"),
    ],
)
def test_a_reply(reply: StoredReply) -> None:
    row = ReplyRow(7, 1 << 52, b"f" * 32, "sue", "key", reply)
    assert decode_reply(encode_reply(row)) == row


def test_a_place() -> None:
    row = OrderRow(1 << 52, 300, b"d" * 32)
    assert decode_order(encode_order(row)) == row


def test_totals() -> None:
    totals = ReplyTotals("db/é", 3, 900, 12)
    assert decode_totals(encode_totals(totals)) == totals
