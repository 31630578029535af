"""JSON as CouchDB reads and prints it, case by case."""

import math
import sys
from typing import Any

import pytest

from docstore.core import json_text
from docstore.core.json_text import HUGE_INTEGER, decode, decode_exact, encode, encode_string, spell_float
from docstore.errors import BadRequest, InvalidJson


def exactly(value: Any) -> Any:
    """A form in which 1, 1.0 and True, 0.0 and -0.0, and orders of members differ."""
    if isinstance(value, dict):
        return ["object", *((name, exactly(member)) for name, member in value.items())]
    if isinstance(value, list):
        return ["array", *map(exactly, value)]
    return type(value).__name__, repr(value)


def reads(text: str | bytes) -> Any:
    return exactly(decode(text.encode() if isinstance(text, str) else text))


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1',
        "{a:1}",
        "{'a':1}",
        '{"a":1,}',
        "[1,]",
        "",
        " ",
        '{"a":01}',
        '{"a":+1}',
        '{"a":.5}',
        '{"a":1.}',
        '{"a":1.e5}',
        '{"a":1e}',
        '{"a":-}',
        '{"a":0x1}',
        '{"a":NaN}',
        '{"a":Infinity}',
        '{"a":-Infinity}',
        '{"a":"\t"}',
        '{"a":"\n"}',
        '{"a":"\x00"}',
        '{"a":"\\x"}',
        '{"a":"\\u12"}',
        '{"a":"\\ud800"}',
        '{"a":"\\ud800x"}',
        '{"a":"\\ud800\\ud800"}',
        '{"a":"\\udc00"}',
        '{"\\udc00":1}',
        '{"a":1} x',
        '{"a":1}\x00',
        '{"a":1}{"a":1}',
        '{"a":tru}',
        '{"a":True}',
        '\ufeff{"a":1}',
        '/*c*/{"a":1}',
        '{"a" 1}',
        "{1:1}",
        "[1 2]",
        "]",
        "\x0c1",
        "\xa01",
    ],
)
def test_what_is_not_json_is_refused(text: str):
    with pytest.raises(InvalidJson, match="invalid UTF-8 JSON"):
        decode(text.encode())


@pytest.mark.parametrize(
    "raw",
    [
        b'"\xff"',
        b'"\x80"',
        b'"\xc0\x80"',
        b'"\xe0\x80\x80"',
        b'"\xed\xa0\x80"',
        b'"\xf4\x90\x80\x80"',
        b'"\xf0\x9f\x98"',
        b'{"\xff":1}',
        '"é"'.encode("latin-1"),
        '{"a":1}'.encode("utf-16"),
    ],
)
def test_bytes_that_are_not_utf8_are_refused(raw: bytes):
    with pytest.raises(InvalidJson):
        decode(raw)


def test_every_kind_of_value():
    text = ' { "s" : "x" , "n" : null,"t":true,"f":false,\r\n"i":-12,"d":1.5,"l":[ ],"o":{ },"":[[1]] }\t'
    members = {"s": "x", "n": None, "t": True, "f": False, "i": -12, "d": 1.5, "l": [], "o": {}, "": [[1]]}
    assert reads(text) == exactly(members)


@pytest.mark.parametrize(
    ("text", "string"),
    [
        (r'"\u0041\u00e9\ud83d\ude00\/\b\f\n\r\t\"\\"', 'Aé😀/\b\f\n\r\t"\\'),
        (r'"\u0000\uffff\ufffe\ufdd0"', "\x00\uffff\ufffe\ufdd0"),
        ('"\x7f\x80\u2028\u2029"', "\x7f\x80\u2028\u2029"),
        (r'"\uD834\uDD1E\udbff\udfff"', "\U0001d11e\U0010ffff"),
        ('"e\u0301"', "e\u0301"),
    ],
)
def test_strings(text: str, string: str):
    assert decode(text.encode()) == string


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("-0", 0),
        ("-0.0", -0.0),
        ("0.0", 0.0),
        ("1", 1),
        ("1.0", 1.0),
        ("1e0", 1.0),
        ("10E-1", 1.0),
        ("1E5", 100000.0),
        ("0.1e1", 1.0),
        ("9007199254740993", 9007199254740993),
        ("9007199254740993.0", 9007199254740992.0),
        ("18446744073709551617", 18446744073709551617),
        ("-123456789012345678901234567890", -123456789012345678901234567890),
        ("1.7976931348623157e308", sys.float_info.max),
        ("1e-400", 0.0),
        ("-1e-400", -0.0),
        ("1.0e-400", 0.0),
        ("-0e5", -0.0),
        ("0e999", 0.0),
        ("2.2250738585072014e-308", sys.float_info.min),
    ],
)
def test_numbers(text: str, value: float):
    assert reads(text) == exactly(value)
    assert exactly(decode_exact(text.encode())) == exactly(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5e-324", 0.0),
        ("-5e-324", -0.0),
        ("9e-324", 0.0),
        ("5.0e-324", 5e-324),
        ("7e-320", 7e-320),
        ("1234567890123456789012345678901234567890e-30", 1234567890.123457),
        ("102607166278474225213032837e-20", 1026071.6627847423),  # 31 characters: as any float
        ("3265551313557590067977312510e-20", 32655513.135575898),  # 32: not the nearest float
        ("1234567890123456789012345678901234567890.0e-30", 1234567890.1234567),
        ("0e-99999999999999999999999999999999", 0.0),
        ("-0e-0000000000000000000000000000000", 0.0),
        ("1e-99999999999999999999999999999999999", 0.0),
    ],
)
def test_floats_without_a_point_are_integer_times_power_when_subnormal_or_long(text: str, value: float):
    assert reads(text) == exactly(value)


@pytest.mark.parametrize(
    "text",
    [
        "1e400",
        "-1e400",
        "1.0e400",
        "1.7976931348623159e308",
        "1e99999999999999999999",
        "1e-" + "9" * 400,
        "1" * 310 + "e-300",
        "1" * 400 + "e-400",
        "1" * 5000 + "e1",
        "0e9999999999999999999999999999999999",
        "1" * 400 + ".0",
    ],
)
def test_floats_that_overflow_are_refused(text: str):
    with pytest.raises(InvalidJson):
        decode(text.encode())


@pytest.mark.parametrize("integer", [HUGE_INTEGER - 1, -(HUGE_INTEGER - 1), 10**308])
def test_the_largest_integers(integer: int):
    text = str(integer)
    assert decode(text.encode()) == integer
    assert encode(decode(f'[{text},"{text}"]'.encode())) == f'[{text},"{text}"]'.encode()


@pytest.mark.parametrize("text", [str(HUGE_INTEGER), str(-HUGE_INTEGER), "1" * 310, "-" + "9" * 4301, "1" * 100_000])
@pytest.mark.parametrize("before", ["", '{"a":', "[" + " " * 29])
def test_larger_integers_are_refused_with_a_reason(text: str, before: str):
    after = {"": "", "{": "}", "[": "]"}[before[:1]]
    with pytest.raises(BadRequest, match="integer is too large") as caught:
        decode((before + text + after).encode())
    assert type(caught.value) is BadRequest


def test_python_limit_of_digits_does_not_matter():
    limit = sys.get_int_max_str_digits()
    try:
        for digits in (0, 640):
            sys.set_int_max_str_digits(digits)
            assert decode(str(HUGE_INTEGER - 1).encode()) == HUGE_INTEGER - 1
            for text in (str(HUGE_INTEGER), "1" * 600, "1" * 5000):
                with pytest.raises(BadRequest, match="integer is too large"):
                    decode(text.encode())
    finally:
        sys.set_int_max_str_digits(limit)


def test_digits_in_strings_are_no_integers():
    text = f'{{"a":"{"7" * 400}","b":[1,"{"1" * 5000}"]}}'
    assert encode(decode(text.encode())) == text.encode()


@pytest.mark.parametrize(
    ("text", "members"),
    [
        ('{"a":1,"a":2}', {"a": 2}),
        ('{"a":1,"b":2,"a":3}', {"b": 2, "a": 3}),
        ('{"a":1,"\\u0061":2}', {"a": 2}),
        ('{"a":{"x":1,"y":0,"x":2},"c":1}', {"a": {"y": 0, "x": 2}, "c": 1}),
        ('{"l":[{"a":1,"a":1}],"a":null,"a":null}', {"l": [{"a": 1}], "a": None}),
        ('{"a":":::","a":1}', {"a": 1}),
        ('{"a":1,"a":1,"b":"\\u003a"}', {"a": 1, "b": ":"}),
        ('{"a":1,"b":3,"a":1,"c":"\\u003A"}', {"b": 3, "a": 1, "c": ":"}),
        ('{"a":1,"b":"\\\\u003a","a":2}', {"b": "\\u003a", "a": 2}),
        ('{":":1,":":2}', {":": 2}),
    ],
)
def test_the_last_of_repeated_members_counts_in_its_place(text: str, members: dict[str, Any]):
    assert reads(text) == exactly(members)


def test_plain_documents_are_read_by_the_fast_reader_alone(monkeypatch: pytest.MonkeyPatch):
    def refuse(_raw: bytes) -> None:
        raise AssertionError("the exact reader was asked")

    monkeypatch.setattr(json_text, "decode_exact", refuse)
    text = '{"_id":"a:1","when":"12:30","f":1.5,"l":[{"x":"\\u003c:"},{"x":1e-7}],"n":123456789012345678901}'
    assert decode(text.encode()) == {
        "_id": "a:1",
        "when": "12:30",
        "f": 1.5,
        "l": [{"x": "<:"}, {"x": 1e-7}],
        "n": 123456789012345678901,
    }


def nested(depth: int, opening: str = "[", closing: str = "]", inside: str = "") -> bytes:
    return (opening * depth + inside + closing * depth).encode()


@pytest.mark.parametrize(
    ("opening", "closing", "inside"), [("[", "]", ""), ('{"a":', "}", "1"), ('[{"[":', "}]", '"]}\\"{"')]
)
def test_depth_has_a_limit(opening: str, closing: str, inside: str):
    levels = opening.count("[") + opening.count("{") - opening.count('"[')
    assert decode(nested(500 // levels, opening, closing, inside)) is not None
    with pytest.raises(BadRequest, match="more than 500 levels") as caught:
        decode(nested(500 // levels + 1, opening, closing, inside))
    assert type(caught.value) is BadRequest


@pytest.mark.parametrize("raw", [nested(1_000_000), b"[" * 1_000_000, b'{"a":' * 300_000, b"[{}," * 200_000])
def test_bottomless_texts_are_refused(raw: bytes):
    with pytest.raises(BadRequest):
        decode(raw)


def test_the_limit_of_depth_can_be_chosen():
    assert decode(b"[[{}]]", max_depth=3) == [[{}]]
    for text in (b"[[{}]]", b"[[[]],[[],[]]]", b'[["[[",[]]]'):
        with pytest.raises(BadRequest, match="more than 2 levels"):
            decode(text, max_depth=2)


def test_many_shallow_values_are_not_deep():
    text = b'[{"a":[{}]},"[[[[{{{{",{"b":"\\"[\\\\"}]'
    raw = b"[" + b",".join([text] * 1000) + b"]"
    assert decode(raw, max_depth=5) == [decode(text)] * 1000
    with pytest.raises(BadRequest):
        decode(raw, max_depth=4)


def test_a_caller_deep_in_the_stack_meets_no_recursion_error():
    raw = nested(500)
    value = decode(raw)

    def descend(levels: int) -> None:
        if levels:
            descend(levels - 1)
        else:
            for read in (decode, lambda raw: decode(raw[:-1] + b',{"a":1,"b":2,"a":3}]')):
                with pytest.raises(BadRequest, match="levels deep"):
                    read(raw)
            with pytest.raises(BadRequest, match="levels deep"):
                encode(value)

    frame, depth = sys._getframe(), 0
    while frame is not None:
        frame, depth = frame.f_back, depth + 1
    descend(sys.getrecursionlimit() - depth - 150)


def test_a_value_too_deep_to_print_is_refused():
    value: Any = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(BadRequest, match="levels deep"):
        encode(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.0"),
        (-0.0, "0.0"),
        (1.0, "1.0"),
        (-1.5, "-1.5"),
        (0.1, "0.1"),
        (100000.0, "100000.0"),
        (1e15, "1000000000000000.0"),
        (1e16, "10000000000000000.0"),
        (123456789012345680.0, "123456789012345680.0"),
        (1e20, "100000000000000000000.0"),
        (-1e20, "-100000000000000000000.0"),
        (1e21, "1e+21"),
        (1e22, "1e+22"),
        (1.2345678901234568e29, "1.2345678901234568e+29"),
        (-1.5e300, "-1.5e+300"),
        (1e-4, "0.0001"),
        (1e-5, "0.00001"),
        (1.25e-6, "0.00000125"),
        (1e-6, "0.000001"),
        (-1e-6, "-0.000001"),
        (1e-7, "1e-7"),
        (1.5e-7, "1.5e-7"),
        (5e-324, "5e-324"),
        (-2.2250738585072014e-308, "-2.2250738585072014e-308"),
        (sys.float_info.max, "1.7976931348623157e+308"),
    ],
)
def test_floats_are_printed_as_couchdb_does(value: float, text: str):
    assert spell_float(value) == text.encode()
    assert encode(value) == text.encode()
    assert encode({"a": [value, value], "b": value}) == f'{{"a":[{text},{text}],"b":{text}}}'.encode()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("\x00\x01\x0b\x1f\x7f", '"\\u0000\\u0001\\u000B\\u001F\x7f"'),
        ('\b\f\n\r\t"\\/', '"\\b\\f\\n\\r\\t\\"\\\\/"'),
        ("\\u001f\x1f", '"\\\\u001f\\u001F"'),
        ("\\\x1f", '"\\\\\\u001F"'),
        ("é😀\u2028\uffff", '"é😀\u2028\uffff"'),
        ("-0.0 and :1e22", '"-0.0 and :1e22"'),
    ],
)
def test_strings_are_printed_as_couchdb_does(value: str, text: str):
    assert encode(value) == text.encode()
    assert encode_string(value) == text.encode()
    assert encode({value: [value, -0.0, 1e22]}) == f"{{{text}:[{text},0.0,1e+22]}}".encode()


def test_strings_that_look_like_odd_numbers_are_left_alone():
    value = {"a,1e22": ':1e5,[-0.0,"', "b": '\\",1e7', "877206fdfc192e2a566b6eac4eaa4205": [1, "2e3", 12.5]}
    assert encode(value) == (
        rb'{"a,1e22":":1e5,[-0.0,\"","b":"\\\",1e7","877206fdfc192e2a566b6eac4eaa4205":[1,"2e3",12.5]}'
    )


@pytest.mark.parametrize("value", ["\ud800", ["\udfff"], {"\ud800": 1}])
def test_lone_surrogates_cannot_be_printed(value: Any):
    with pytest.raises(InvalidJson):
        encode(value)


def test_a_lone_surrogate_cannot_be_quoted():
    with pytest.raises(InvalidJson):
        encode_string("\ud800")


def test_printing_is_compact():
    assert encode(decode(b' { "b" : [ 1 , { } , [ ] ] , "a" : null } ')) == b'{"b":[1,{},[]],"a":null}'


def test_zero_keeps_its_sign_until_it_is_printed():
    zero = decode(b"-0.0")
    assert isinstance(zero, float)
    assert math.copysign(1.0, zero) == -1.0
    assert encode(zero) == b"0.0"
