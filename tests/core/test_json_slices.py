"""Reading a large text in slices gives what reading it at once gives."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from docstore.core import json_slices
from docstore.core.json_slices import decode_in_slices
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
@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "{",
        "[",
        "}",
        "[1 2]",
        "[1,]",
        "[,1]",
        "[1,,2]",
        '{"a":1,}',
        '{,"a":1}',
        '{"a" 1}',
        '{"a":}',
        '{"a":1 "b":2}',
        "{a:1}",
        "{1:1}",
        '{"a":1}}',
        "[]]",
        "[] x",
        '{"a":[1}]',
        '[{"a":1]}]',
        '[{"a":1}{"a":1}]',
        '[{"a":"x}]',
        '[{"a":1},{"a":1},{"a":"\\"\\"\\"\\"}]',
        '["\\ud800"]',
        '{"\\ud800":1}',
        '{"a\tb":1}',
        "[NaN]",
        "[1e400]",
        "{\x0c}",
        "[1:2]",
        "[tru]",
        "\ufeff[]",
        '[{"a":1},{"a":1},{"a":1},{"a":01},{"a":1},{"a":1},{"a":1},{"a":1},{"a":1}]',
    ],
)
def test_what_is_not_json_is_refused(text: str):
    with pytest.raises(InvalidJson):
        decode_in_slices(text.encode())


@pytest.mark.usefixtures("_slices")
def test_a_bad_byte_anywhere_is_found():
    raw = bytearray(TEXTS[2].encode())
    for position in range(0, len(raw), 997):
        kept, raw[position] = raw[position], 0xFF
        with pytest.raises(InvalidJson):
            decode_in_slices(bytes(raw))
        raw[position] = kept


@pytest.mark.usefixtures("_slices")
@pytest.mark.parametrize("text", ["[[[1]]]", '{"a":{"b":{}}}', '{"a":[{}]}', '[{"a":[]}]', "[[[]],[[1]],[[2]]]"])
def test_depth_counts_from_the_top(text: str):
    for max_depth in (2, 3, 4):
        expected = outcome(decode, text.encode(), max_depth=max_depth).startswith("BadRequest")
        assert outcome(decode_in_slices, text.encode(), max_depth=max_depth).startswith("BadRequest") == expected


@pytest.mark.usefixtures("_slices")
def test_bottomless_and_endless_texts_are_refused():
    for raw in (b"[" * 100_000, b'{"a":' * 100_000, b'["' + b'\\"' * 200_000, b'[{"":"' + b'\\"' * 200_000):
        with pytest.raises(BadRequest):
            decode_in_slices(raw)


@pytest.mark.usefixtures("_slices")
def test_huge_integers_are_refused_with_a_reason():
    with pytest.raises(BadRequest, match="integer is too large"):
        decode_in_slices(b'{"docs":[{"a":1},{"a":' + b"1" * 400 + b"}]}")


def test_a_large_array_takes_many_short_steps(monkeypatch: pytest.MonkeyPatch):
    longest, steps = 0, 0

    def watched(raw: bytes, *, max_depth: int = 500) -> Any:
        nonlocal longest, steps
        longest, steps = max(longest, len(raw)), steps + 1
        return decode(raw, max_depth=max_depth)

    raw = json.dumps({"docs": [{"_id": f"d{number}", "text": "x" * 300} for number in range(5_000)]}).encode()
    expected = decode(raw)
    monkeypatch.setattr(json_slices, "decode", watched)
    assert decode_in_slices(raw) == expected
    assert longest < 70_000
    assert steps < 40
