"""The JSON text of what an edit is answered with."""

import pytest

from docstore.core.answers import refused_json, rev_json, written_json
from docstore.core.rev import Rev, parse_rev
from docstore.errors import Conflict, DocstoreError

HASHED = parse_rev("1-" + "0f" * 16)


@pytest.mark.parametrize(
    ("rev", "text"),
    [(HASHED, f'"{HASHED}"'), (Rev(2, b"abc"), '"2-abc"'), (Rev(1, 'a"é'.encode()), '"1-a\\"é"')],
)
def test_a_revision(rev: Rev, text: str) -> None:
    assert rev_json(rev) == text.encode()


def test_an_edit_that_went_through() -> None:
    assert written_json('a"b', Rev(2, b"abc")) == b'{"ok":true,"id":"a\\"b","rev":"2-abc"}'


def test_an_edit_that_was_refused() -> None:
    expected = b'{"id":"d","error":"conflict","reason":"Document update conflict."}'
    assert refused_json("d", Conflict()) == expected
    assert refused_json("d", DocstoreError("why", error="what")) == b'{"id":"d","error":"what","reason":"why"}'
