"""Laws of the JSON reader and writer, against models written without any of their shortcuts."""

import json
import math
import re
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from docstore.core import json_slices, json_text
from docstore.core.json_slices import decode_in_slices, encode_in_slices
from docstore.core.json_text import (
    HUGE_INTEGER,
    decode,
    decode_exact,
    decode_unordered,
    encode,
    encode_string,
    in_order,
)
from docstore.errors import BadRequest, InvalidJson

# --- Models -----------------------------------------------------------------------------------------------------------


def exactly(value: Any) -> Any:
    """A form in which 1, 1.0 and True, 0.0 and -0.0, and orders of members differ."""
    if isinstance(value, dict):
        return ["object", *((name, exactly(member)) for name, member in value.items())]
    if isinstance(value, list):
        return ["array", *map(exactly, value)]
    return type(value).__name__, repr(value)


def model_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        members.pop(name, None)
        members[name] = value
    return members


def model_float(text: str) -> float:
    value = float(text)
    plain = len(text) < 32 and (value == 0 or 2.0**-1022 <= abs(value) < math.inf)
    if "." not in text and not plain:
        mantissa, exponent = re.split("[eE]", text)
        digits, rest = [], abs(int(mantissa))
        while rest:
            rest, digit = divmod(rest, 2**64)
            digits.append(digit)
        value = 0.0
        for digit in reversed(digits):
            value = value * 18446744073709551616.0 + digit
        try:
            value *= math.pow(10, int(exponent))
        except OverflowError:
            value = math.inf
        value = math.copysign(value, int(mantissa))
    if not math.isfinite(value):
        raise InvalidJson
    return value


def model_integer(text: str) -> int:
    if len(text) > 310 or abs(int(text)) >= HUGE_INTEGER:
        raise BadRequest("huge")
    return int(text)


def model_constant(text: str) -> float:
    raise InvalidJson(text)


MODEL = json.JSONDecoder(
    object_pairs_hook=model_members, parse_float=model_float, parse_int=model_integer, parse_constant=model_constant
)
EVERYTHING = json.JSONDecoder(object_pairs_hook=list, parse_float=str, parse_int=str, parse_constant=model_constant)


def model_decode(raw: bytes) -> Any:
    """The reader by its definition. Raises BadRequest or InvalidJson."""
    try:
        text = raw.decode()
        json.dumps(EVERYTHING.decode(text), ensure_ascii=False).encode()  # no lone surrogate anywhere
        return MODEL.decode(text)
    except ValueError:
        raise InvalidJson from None


def model_spelling(value: float) -> str:
    """A float by ECMAScript's rule for printing numbers, from its digits, with the ``.0`` of integral ones."""
    if value == 0:
        return "0.0"
    parts = Decimal(repr(value)).normalize().as_tuple()
    assert isinstance(parts.exponent, int)
    digits, point = "".join(map(str, parts.digits)), len(parts.digits) + parts.exponent
    if len(digits) <= point <= 21:
        text = f"{digits}{'0' * (point - len(digits))}.0"
    elif 0 < point <= 21:
        text = f"{digits[:point]}.{digits[point:]}"
    elif -6 < point <= 0:
        text = f"0.{'0' * -point}{digits}"
    elif len(digits) == 1:
        text = f"{digits}e{point - 1:+d}"
    else:
        text = f"{digits[0]}.{digits[1:]}e{point - 1:+d}"
    return "-" * parts.sign + text


SHORT_ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def model_string(text: str) -> str:
    letters = (SHORT_ESCAPES.get(c) or (f"\\u{ord(c):04X}" if c < " " else c) for c in text)
    return f'"{"".join(letters)}"'


def model_encode(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return model_spelling(value)
        case str():
            return model_string(value)
        case list():
            return f"[{','.join(map(model_encode, value))}]"
        case _:
            members = (f"{model_string(name)}:{model_encode(member)}" for name, member in value.items())
            return f"{{{','.join(members)}}}"


def model_depth(text: str) -> int:
    depth = deepest = 0
    quoted = escaped = False
    for letter in text:
        if escaped:
            escaped = False
        elif quoted:
            escaped, quoted = letter == "\\", letter != '"'
        elif letter == '"':
            quoted = True
        elif letter in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif letter in "]}":
            depth -= 1
    return deepest


def outcome(read: Any, raw: bytes) -> Any:
    """What reading gives, or that it refuses: of two faults in one text either may be the reason."""
    try:
        return exactly(read(raw))
    except BadRequest:
        return "refused"


# --- What texts and values there are ----------------------------------------------------------------------------------

SPACES = st.sampled_from(["", "", "", " ", "\n\t", " \r\n "])
NUMBERS = st.one_of(
    st.from_regex(r"-?(0|[1-9][0-9]{0,3})(\.[0-9]{1,3})?([eE][+-]?[0-9]{1,2})?", fullmatch=True),
    st.from_regex(r"-?(0|[1-9][0-9]{0,45})(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?", fullmatch=True),
    st.from_regex(r"-?[1-9][0-9]{0,25}[eE]-3[0-9]{2}", fullmatch=True),
    st.integers(-(2**70), 2**70).map(str),
    st.integers(HUGE_INTEGER - 2, HUGE_INTEGER + 1).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.sampled_from(["-0", "-0.0", "-0e1", "1e400", "1" * 308, "9" * 309, "9" * 5000, "5e-324", "1" * 40 + "e-300"]),
)
PIECES = st.one_of(
    st.text(max_size=3).map(lambda text: json.dumps(text, ensure_ascii=False)[1:-1]),
    st.text(max_size=3).map(lambda text: json.dumps(text)[1:-1]),
    st.sampled_from([":", "::", "\\u003a", "\\u003A", "\\u003", "\\\\u003a", "\\u0061", "a", "[{", "}],", "\\\\"]),
    st.sampled_from(["1e22", ":1e5", "-0.0", "7" * 320, '\\"', "\\/", "\\u001f", "\\ud83d\\ude00", "\\ud800"]),
)
STRINGS = st.lists(PIECES, max_size=4).map(lambda pieces: f'"{"".join(pieces)}"')
NAMES = st.one_of(st.sampled_from(['"a"', '"b"', '"\\u0061"', '":"', '"\\u003a"', '""']), STRINGS)


def array_texts(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    items = st.lists(st.tuples(SPACES, values, SPACES).map("".join), max_size=5)
    return items.map(lambda texts: f"[{','.join(texts)}]")


def object_texts(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    members = st.lists(st.tuples(SPACES, NAMES, SPACES, st.just(":"), SPACES, values, SPACES).map("".join), max_size=5)
    return members.map(lambda texts: f"{{{','.join(texts)}}}")


TEXTS = st.tuples(
    SPACES,
    st.recursive(
        st.one_of(NUMBERS, STRINGS, st.sampled_from(["true", "false", "null", "[]", "{}"])),
        lambda values: st.one_of(array_texts(values), object_texts(values)),
        max_leaves=20,
    ),
    SPACES,
).map("".join)

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1000, 1000),
    st.integers(-(HUGE_INTEGER - 1), HUGE_INTEGER - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
    st.text('\x00\x0b\x1f\\u"e1:,[.0-', max_size=8),
)
VALUES = st.recursive(
    SCALARS,
    lambda values: st.one_of(st.lists(values, max_size=5), st.dictionaries(st.text(max_size=5), values, max_size=5)),
    max_leaves=20,
)


# --- Laws -------------------------------------------------------------------------------------------------------------


@given(TEXTS)
@example('{"a":1,"\\u0061":"\\u003a"}')
@example('{"a":"::","a":1,"b":"\\u003a\\u003A"}')
def test_reading_follows_the_model(text: str):
    assert outcome(decode, text.encode()) == outcome(model_decode, text.encode())


@given(TEXTS)
@example('{"b":{"a":1,"c":2,"a":3},"_rev":"1-a","b":1,"_rev":"1-b"}')
def test_without_order_members_and_refusals_are_the_same(text: str):
    raw = text.encode()
    assert outcome(unordered, raw) == outcome(sorted_model, raw)


def unordered(raw: bytes) -> Any:
    return by_name(decode_unordered(raw))


def sorted_model(raw: bytes) -> Any:
    return by_name(model_decode(raw))


def by_name(value: Any) -> Any:
    """The value with the members of every object sorted."""
    if isinstance(value, dict):
        return {name: by_name(value[name]) for name in sorted(value)}
    return [by_name(one) for one in value] if isinstance(value, list) else value


@given(TEXTS)
def test_what_is_proved_to_be_in_order_is(text: str):
    raw = text.encode()
    try:
        value = decode_unordered(raw)
    except (InvalidJson, BadRequest):
        return
    assert exactly(in_order(raw, value)) == exactly(decode_exact(raw))


@given(TEXTS, st.data())
def test_damaged_texts_are_refused_as_by_the_model(text: str, data: st.DataObject):
    raw = bytearray(text.encode())
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(raw)))
        raw[place : place + data.draw(st.integers(0, 2))] = data.draw(
            st.sampled_from([b"", b'"', b"\\", b",", b":", b"]", b"}", b"[", b"{", b"\xff", b"\xc3", b"\t", b"0", b"e"])
        )
    assert outcome(decode, bytes(raw)) == outcome(model_decode, bytes(raw))


@given(st.binary(max_size=20))
def test_any_bytes_are_read_or_refused(raw: bytes):
    assert outcome(decode, raw) == outcome(model_decode, raw)


@given(TEXTS, st.integers(1, 40), st.integers(1, 20))
def test_slices_read_the_same(text: str, length: int, probe: int):
    raw = text.encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_slices, "_SLICE", length)
        patch.setattr(json_slices, "_PROBE", probe)
        patch.setattr(json_slices, "_REACH", length)
        assert outcome(decode_in_slices, raw) == outcome(decode, raw)


@given(st.lists(TEXTS, max_size=8), st.integers(0, 60), st.sampled_from([b"]", b"}", b"[", b'"', b",", b"\\", b"1"]))
def test_slices_refuse_the_same(texts: list[str], place: int, damage: bytes):
    raw = f"[{','.join(texts * 3)}]".encode()
    raw = raw[:place] + damage + raw[place + 1 :]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_slices, "_SLICE", 30)
        patch.setattr(json_slices, "_PROBE", 5)
        assert outcome(decode_in_slices, raw) == outcome(decode, raw)


@given(VALUES)
def test_writing_follows_the_model(value: Any):
    assert encode(value).decode() == model_encode(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_are_written_by_the_model(value: float):
    text = model_spelling(value)
    assert encode([value, {"": value}]).decode() == f'[{text},{{"":{text}}}]'
    assert float(text) == value


@given(st.text())
def test_strings_are_quoted_as_they_are_encoded(text: str):
    assert encode_string(text) == encode(text) == model_string(text).encode()


@given(VALUES)
def test_reading_undoes_writing(value: Any):
    """Up to what the text of a float cannot tell: the sign of zero, and subnormals, which are read with a rounding."""
    text = encode(value)
    assert exactly(decode(text)) == exactly(model_decode(text))
    if not any(isinstance(leaf, float) and abs(leaf) < 2.0**-1022 for leaf in leaves(value)):
        assert exactly(decode(text)) == exactly(value)


def leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for member in value.values() for leaf in leaves(member)]
    if isinstance(value, list):
        return [leaf for item in value for leaf in leaves(item)]
    return [value]


@given(TEXTS, st.integers(0, 8))
def test_depth_follows_the_model(text: str, limit: int):
    raw = text.encode()
    for wrapped in (raw, b'[[[{"a":[{"b":%b}]}],"]"]]' % raw):
        assert json_text._nests_deeper(wrapped, limit) == (model_depth(wrapped.decode()) > limit)


@given(VALUES)
def test_writing_in_slices_gives_what_writing_at_once_gives(value: Any) -> None:
    with patch.multiple(json_slices, WRITTEN_AT_ONCE=3, MEMBERS_AT_ONCE=2):
        assert encode_in_slices(value) == encode(value)
    assert encode_in_slices(value) == encode(value)
