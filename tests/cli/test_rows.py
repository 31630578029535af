"""The rows of files: the three formats, their faults, and ids that are the same each time."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docstore.cli import rows as rows_module
from docstore.cli.rows import BadRow, Format, Row, UnreadableFile, detect_format, read_rows, with_id

Read = Callable[..., list[Row | BadRow]]


def read(raw: bytes, name: str = "f", how: Format = Format.AUTO) -> list[Row | BadRow]:
    return list(read_rows(io.BufferedReader(io.BytesIO(raw)), name, how))


def documents(raw: bytes, name: str = "f", how: Format = Format.AUTO) -> list[object]:
    return [row.members if isinstance(row, Row) else row.reason for row in read(raw, name, how)]


@pytest.mark.parametrize(
    ("name", "start", "how"),
    [
        ("a.csv", b"{", Format.CSV),
        ("a.CSV", b"", Format.CSV),
        ("a.jsonl", b"[", Format.LINES),
        ("a.ndjson", b"", Format.LINES),
        ("a.json", b' \n[{"a":1}]', Format.JSON),
        ("a.json", b'{"a":1}\n{"a":2}', Format.LINES),
        ("a.json", b"", Format.JSON),
        ("-", b"\xef\xbb\xbf[", Format.JSON),
        ("-", b"{", Format.LINES),
        ("a.txt", b"name,age\n", Format.CSV),
    ],
)
def test_the_format_is_told_by_name_then_by_content(name: str, start: bytes, how: Format) -> None:
    assert detect_format(name, start) is how


def test_array() -> None:
    assert documents(b' [ {"a":1} , {"b":[1,{"c":"]}"}]}\n]\n') == [{"a": 1}, {"b": [1, {"c": "]}"}]}]
    assert documents(b"[]") == []
    assert documents(b"\xef\xbb\xbf[ ]\n") == []


def test_numbers_are_those_of_the_text() -> None:
    row = documents(b'[{"big":123456789012345678901234567890,"float":1.0,"zero":-0.0}]')[0]
    assert json.dumps(row) == '{"big": 123456789012345678901234567890, "float": 1.0, "zero": -0.0}'


def test_elements_that_are_no_documents_are_told_one_by_one() -> None:
    found = read(b'[{"a":1},7,"x",{"b":NaN},{"c":2}]', "f.json")
    assert [row.number for row in found] == [1, 2, 3, 4, 5]
    assert [isinstance(row, Row) for row in found] == [True, False, False, False, True]
    assert found[1] == BadRow("f.json", 2, "not a JSON object")


@pytest.mark.parametrize(
    ("raw", "where"),
    [
        (b'[{"a":1}', "expected ',' at character 8"),
        (b'[{"a":1},', "at character 9"),
        (b'[{"a":1} {"b":2}]', "expected ',' at character 9"),
        (b'[{"a":1}]x', "text after the array at character 9"),
        (b'[{"a":}]', "at character 6"),
        (b'[{"a":"x', "at character 6"),
        (b"[\xff]", "not UTF-8"),
        (b'"x"', "expected '['"),
        (b"[" * 100_000, "nested too deep"),
    ],
)
def test_a_broken_array_is_told_with_its_place(raw: bytes, where: str) -> None:
    with pytest.raises(UnreadableFile, match=r"^f\.json: ") as fault:
        read(raw, "f.json", Format.JSON)
    assert where in str(fault.value)


def test_what_stands_before_the_fault_is_read() -> None:
    reader = read_rows(io.BufferedReader(io.BytesIO(b'[{"a":1}, oops')), "f.json")
    assert next(reader) == Row("f.json", 1, {"a": 1})
    with pytest.raises(UnreadableFile):
        next(reader)


def test_an_early_fault_does_not_read_the_whole_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows_module, "CHUNK", 64)
    raw = io.BytesIO(b'[{"a":x}' + b" " * 1_000_000)
    file = io.BufferedReader(raw, buffer_size=64)
    with pytest.raises(UnreadableFile):
        list(read_rows(file, "f.json"))
    assert raw.tell() < 10_000


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text('ab"\\é:{}[],', max_size=4), children),
    max_leaves=8,
)
DOCUMENTS = st.lists(st.dictionaries(st.text("xyz", min_size=1, max_size=3), JSON_VALUES, max_size=3), max_size=5)


@given(documents=DOCUMENTS, chunk=st.integers(1, 40), indent=st.none() | st.integers(0, 2))
def test_arrays_are_read_alike_wherever_the_chunks_end(documents: list[object], chunk: int, indent: int | None) -> None:
    raw = json.dumps(documents, indent=indent, ensure_ascii=False).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows_module, "CHUNK", chunk)
        found = read(raw, "f.json")
    assert [row.members for row in found if isinstance(row, Row)] == documents


def test_lines() -> None:
    found = read(b'\xef\xbb\xbf{"a":1}\r\n\n{"a":\n[1]\n{"a":2}', "f.jsonl")
    assert found[0] == Row("f.jsonl", 1, {"a": 1})
    assert [row.number for row in found] == [1, 3, 4, 5]
    assert [isinstance(row, Row) for row in found] == [True, False, False, True]


def test_csv() -> None:
    raw = '\ufeffname,age,note\r\n"Sue, ""S""",41,"two\nlines"\r\nBob,,x\r\n\r\nAda,1.50,007\r\n'.encode()
    assert documents(raw, "f.csv") == [
        {"name": 'Sue, "S"', "age": 41, "note": "two\nlines"},
        {"name": "Bob", "note": "x"},
        {"name": "Ada", "age": 1.5, "note": "007"},
    ]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("0", 0),
        ("-12", -12),
        ("1.5", 1.5),
        ("-0.25", -0.25),
        ("1.0", 1.0),
        ("9007199254740991", 9007199254740991),
        ("9007199254740993", 9007199254740993),
        ("123456789012345678901234567890", 123456789012345678901234567890),
        ("125.50", 125.5),
        ("1E-2", 0.01),
        ("1e999", "1e999"),
        ("1" * 5000, "1" * 5000),
        ("1.", "1."),
        (".5", ".5"),
        ("-007", "-007"),
        ("\u0661", "\u0661"),
        ("007", "007"),
        ("+4", "+4"),
        ("1e5", 1e5),
        ("-0.0", -0.0),
        ("true", "true"),
        (" 1", " 1"),
        ("0.1000000000000000055", 0.1),
    ],
)
def test_cells(cell: str, value: object) -> None:
    (row,) = documents(f'a\n"{cell}"\n'.encode(), "f.csv")
    assert isinstance(row, dict)
    assert repr(row["a"]) == repr(value)


def test_ids_in_csv_stay_text() -> None:
    assert documents(b"_id,n\n1,1\n", "f.csv") == [{"_id": "1", "n": 1}]


def test_columns_that_are_to_be_text_stay_text() -> None:
    def rows(**options: object) -> list[dict[str, object]]:
        file = io.BufferedReader(io.BytesIO(b"zip,price,sku\n12345,1.50,1e5\n12346,2,7\n"))
        return [row.members for row in read_rows(file, "f.csv", **options)]

    assert rows(text={"zip", "price"}) == [
        {"zip": "12345", "price": "1.50", "sku": 1e5},
        {"zip": "12346", "price": "2", "sku": 7},
    ]
    assert [row["sku"] for row in rows(id_field="sku")] == ["1e5", 7]  # an id is spelled as its cell
    assert [row["sku"] for row in rows(id_field="sku", text={"sku"})] == ["1e5", "7"]
    with pytest.raises(UnreadableFile, match=r"f\.csv: there is no column 'zipp'"):
        rows(text={"zipp"})


def test_csv_faults() -> None:
    assert documents(b"a,b\n1,2,3\n1\n", "f.csv") == ["has 3 cells for 2 columns", {"a": 1}]
    assert documents(b"", "f.csv") == []
    with pytest.raises(UnreadableFile, match="same name"):
        read(b"a,a\n1,2\n", "f.csv")
    with pytest.raises(UnreadableFile, match="line 2"):
        read(b'a\n"x"y\n', "f.csv")
    with pytest.raises(UnreadableFile, match="utf-8"):
        read(b"a\n\xff\n", "f.csv")


def test_ids() -> None:
    row = Row("f", 1, {"n": 1, "code": "x"})
    made = with_id(row, None)
    assert isinstance(made, Row)
    assert made.members == {"_id": made.members["_id"], "n": 1, "code": "x"}
    assert with_id(Row("g", 9, {"n": 1, "code": "x"}), None).members["_id"] == made.members["_id"]  # type: ignore[union-attr]
    other = with_id(Row("g", 9, {"n": 1.0, "code": "x"}), None)
    assert isinstance(other, Row)
    assert other.members["_id"] != made.members["_id"]


def test_the_id_field() -> None:
    assert with_id(Row("f", 1, {"code": "x"}), "code") == Row("f", 1, {"_id": "x", "code": "x"})
    assert with_id(Row("f", 1, {"code": 7}), "code") == Row("f", 1, {"_id": "7", "code": 7})
    assert with_id(Row("f", 1, {"_id": "own", "code": 7}), "code") == Row("f", 1, {"_id": "own", "code": 7})
    for members in ({}, {"code": ""}, {"code": None}, {"code": True}, {"code": 1.5}):
        assert isinstance(with_id(Row("f", 3, members), "code"), BadRow)


def test_the_data_of_the_quick_start_is_a_file_of_documents() -> None:
    path = Path(__file__).parents[2] / "docs" / "quickstart" / "elements.json"
    found = read(path.read_bytes(), path.name)
    assert len(found) == 118
    assert all(isinstance(row, Row) and isinstance(row.members["_id"], str) for row in found)
