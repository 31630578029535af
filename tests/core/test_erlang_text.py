import pytest

from docstore.core.erlang_text import erlang_text
from docstore.core.json_text import JsonValue


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": [True, None, 1.5, {}]}, "{[{<<97>>,[true,null,1.5,{[]}]}]}"),
        ([], "[]"),
        ([[], "", False], "[[],<<>>,false]"),
        ({"a": 1, "é": {"b": 2}}, "{[{<<97>>,1},{<<195,169>>,{[{<<98>>,2}]}}]}"),
        (10**25, "1" + "0" * 25),
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (-1.5, "-1.5"),
        (100.0, "100.0"),
        (100000.0, "1.0e5"),
        (123456.0, "123456.0"),
        (1e22, "1.0e22"),
        (9007199254740992.0, "9.007199254740992e15"),
        (0.1, "0.1"),
        (0.001, "0.001"),
        (0.00015, "1.5e-4"),
        (1e-7, "1.0e-7"),
        (1.25e-300, "1.25e-300"),
    ],
)
def test_values_in_error_texts(value: JsonValue, text: str) -> None:
    assert erlang_text(value) == text


def test_depth_uses_up_no_stack() -> None:
    value: JsonValue = 1
    for _ in range(10_000):
        value = [{"a": value}]
    assert erlang_text(value).startswith("[{[{<<97>>,[{[{")
