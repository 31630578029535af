"""Reading a large text in slices gives what reading it at once gives."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from docstore.core import json_slices
from docstore.core.json_slices import decode_in_slices, encode_in_slices
from docstore.core.json_text import decode
from docstore.errors import BadRequest, DocstoreError, InvalidJson


def outcome(read: Callable[..., Any], raw: bytes, **options: int) -> str:
    try:
        return repr(read(raw, **options))
    except DocstoreError as error:
        return f"{type(error).__name__}: {error.reason}"


@pytest.fixture(params=["as it is", "tiny slices"])
def _slices(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "tiny slices":
        monkeypatch.setattr(json_slices, "_SLICE", 60)
        monkeypatch.setattr(json_slices, "_PROBE", 8)
        monkeypatch.setattr(json_slices, "_REACH", 40)


ROWS = [
    {
        "_id": f"row {number}",
        "n": number,
        "nested": [{"_id": "x"}, {"_id": "},{"}],
        "s": 'a"b\\',
        "deep": [[[[[[{}]]]]]],
    }
    for number in range(300)
]
TEXTS = [
    json.dumps({"docs": ROWS, "new_edits": False}),
    json.dumps({"new_edits": False, "docs": ROWS}, indent=1),
    json.dumps({"docs": ROWS}, separators=(",", ":")),
    json.dumps({"keys": [f"k{number}" for number in range(500)]}),
    json.dumps({"docs": [1, 2.5, None, True, "x", [], {}, [[]], "},{", {"a": "]"}] * 50}),
    json.dumps({f"id{number}": ["1-a", "2-b"] for number in range(300)}),
    json.dumps(ROWS),
    json.dumps([[1] * 1000, {"a": "x" * 1000}, "y" * 1000]),
    json.dumps([{"a": [{"b": 1}, {"b": 2}]}] * 100, separators=(",", ":")),
    json.dumps([{"a": 1}] * 20 + [{"a": '},{"a":1'}] * 20 + [{"b": [{"a": 1}] * 30}], separators=(",", ":")),
    '{"a":1,"docs":[1],"b":2,"docs":[3,4],"a":5}',
    '{"docs":[1],"docs":5}',
    '{"docs":5,"docs":[1]}',
    ' { "docs" : [ ] , "o" : { } } \n',
    "{}",
    "[]",
    " [ ] ",
    "5",
    '"docs"',
    " null",
]


@pytest.mark.usefixtures("_slices")
@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_the_value_is_the_same(text: str):
    raw = text.encode()
    assert repr(decode_in_slices(raw)) == repr(decode(raw))


@pytest.mark.usefixtures("_slices")
@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_a_text_cut_short_is_refused(text: str):
    raw = text.strip().encode()
    for end in {len(raw) * part // 16 for part in range(16)} | {len(raw) - 1}:
        assert outcome(decode_in_slices, raw[:end]) == outcome(decode, raw[:end])


@pytest.mark.usefixtures("_slices")
@pytest.mark.parametrize("text", [b'{"a":' + b"[" * 400_000, b'{"":' * 100_000])
def test_what_nests_too_deep_is_not_looked_through_once_a_level(text, monkeypatch):
    looked = 0
    marks = json_slices._marks

    def counted(*arguments):
        nonlocal looked
        for mark in marks(*arguments):
            looked += 1
            yield mark

    monkeypatch.setattr(json_slices, "_marks", counted)
    with pytest.raises(BadRequest, match="nested more than 500"):
        json_slices.decode_in_slices(text)
    assert looked < 1_000_000


def test_what_cannot_be_written_is_refused_in_slices_too() -> None:
    with pytest.raises(InvalidJson):
        encode_in_slices({"a": "x" * 70_000 + "\ud800"})
