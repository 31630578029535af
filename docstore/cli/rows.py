"""The rows of a file: JSON array, JSON lines or CSV, one at a time however large the file.

Owns the formats and the ids of rows that come without one. It must not know where the rows go.
"""

import codecs
import csv
import hashlib
import io
import json
import re
from collections.abc import Collection, Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from docstore.core.json_text import JsonValue, decode, encode
from docstore.errors import DocstoreError

if TYPE_CHECKING:
    BinaryFile = io.BufferedReader[Any]

Members = dict[str, JsonValue]

CHUNK = 1 << 20
PEEK = 4_096
ID_DIGITS = 32
LONGEST_CELL = 1 << 30
NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
# What ends an unfinished text may look like a fault; this near to the end it is no proof of one.
LONGEST_TOKEN = 16


class Format(StrEnum):
    """How a file holds its rows."""

    AUTO = "auto"
    JSON = "json"
    LINES = "jsonl"
    CSV = "csv"


class Row(NamedTuple):
    """One row: the file's name, the row's number in it (from 1), and the document."""

    source: str
    number: int
    members: Members


class BadRow(NamedTuple):
    """A row that is no document, and why."""

    source: str
    number: int
    reason: str


class UnreadableFile(Exception):
    """A file whose rows cannot be told apart any more. The text says which, where and why."""


def detect_format(name: str, start: bytes) -> Format:
    """The format by the file's name, or by its first bytes when the name does not tell."""
    suffix = Path(name).suffix.lower()
    if suffix == ".csv":
        return Format.CSV
    if suffix in {".jsonl", ".ndjson"}:
        return Format.LINES
    text = start.removeprefix(codecs.BOM_UTF8).lstrip()
    if text.startswith(b"["):
        return Format.JSON
    if text.startswith(b"{"):
        return Format.LINES
    return Format.JSON if suffix == ".json" else Format.CSV


def read_rows(
    file: "BinaryFile",
    name: str,
    how: Format = Format.AUTO,
    *,
    text: Collection[str] = (),
    id_field: str | None = None,
) -> Iterator[Row | BadRow]:
    """The rows of an open file. Raises UnreadableFile.

    In CSV the cells of the columns ``text`` stay text; so does what is no integer in ``id_field``, for the ids' sake.
    """
    if how is Format.AUTO:
        how = detect_format(name, file.peek(PEEK)[:PEEK])
    if how is Format.CSV:
        return _csv_rows(file, name, text, id_field)
    return _array_rows(file, name) if how is Format.JSON else _line_rows(file, name)


def with_id(row: Row, id_field: str | None) -> Row | BadRow:
    """The row with an ``_id``: its own, that of ``id_field``, or one made from its content.

    The made id is the same whenever the content is, so that loading a file twice meets the same documents; rows that
    are equal in all their members become one document.
    """
    members = row.members
    if "_id" in members:
        return row
    if id_field is None:
        doc_id = hashlib.sha256(encode(members)).hexdigest()[:ID_DIGITS]
        return row._replace(members={"_id": doc_id, **members})
    value = members.get(id_field)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value:
        return BadRow(row.source, row.number, f"the member {id_field!r} is no text to make an id of")
    return row._replace(members={"_id": value, **members})


def _document(source: str, number: int, raw: bytes) -> Row | BadRow:
    try:
        members = decode(raw)
    except DocstoreError as error:
        return BadRow(source, number, error.reason)
    if not isinstance(members, dict):
        return BadRow(source, number, "not a JSON object")
    return Row(source, number, members)


def _line_rows(file: "BinaryFile", name: str) -> Iterator[Row | BadRow]:
    for number, line in enumerate(file, 1):
        raw = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
        if raw.strip():
            yield _document(name, number, raw)


def _array_rows(file: "BinaryFile", name: str) -> Iterator[Row | BadRow]:
    text = _GrowingText(file, name)
    text.expect("[")
    if text.take("]"):
        text.expect_end()
        return
    number = 0
    while True:
        number += 1
        yield _document(name, number, text.take_value().encode())
        if text.take("]"):
            text.expect_end()
            return
        text.expect(",")


class _GrowingText:
    """The text of a file, read as far as needed, with the part already used thrown away."""

    def __init__(self, file: "BinaryFile", name: str) -> None:
        self._file = file
        self._name = name
        self._decode = codecs.getincrementaldecoder("utf-8-sig")().decode
        self._text = ""
        self._position = 0
        self._used = 0
        self._ended = False
        # Only the end of a value is wanted here, so numbers need not be read.
        self._scan = json.JSONDecoder(parse_int=len, parse_float=len, parse_constant=len).raw_decode

    def take(self, character: str) -> bool:
        """Whether the next character that is no blank is this one; then it is used up."""
        found = self._next_is(character)
        if found:
            self._position += 1
        return found

    def expect(self, character: str) -> None:
        if not self.take(character):
            raise self._fault(f"expected {character!r}")

    def expect_end(self) -> None:
        self._next_is("")
        if self._position < len(self._text):
            raise self._fault("there is text after the array")

    def take_value(self) -> str:
        """The text of the next JSON value."""
        self._next_is("")
        while True:
            try:
                _, end = self._scan(self._text, self._position)
            except json.JSONDecodeError as error:
                unfinished = error.msg.startswith("Unterminated") or error.pos + LONGEST_TOKEN >= len(self._text)
                fault = self._fault(error.msg.removesuffix(" at"), error.pos)
                if not unfinished or not self._grow():
                    raise fault from None
            except RecursionError:
                raise self._fault("nested too deep") from None
            else:
                # A number at the very end may go on in what is not read yet.
                length = end - self._position
                if end < len(self._text) or not self._grow():
                    start, self._position = self._position, self._position + length
                    return self._text[start : self._position]

    def _next_is(self, character: str) -> bool:
        while True:
            while self._position < len(self._text) and self._text[self._position] in " \t\r\n":
                self._position += 1
            if self._position < len(self._text):
                return self._text[self._position] == character
            if not self._grow():
                return False

    def _grow(self) -> bool:
        """Read more; False at the end. The chunks grow with what is unread, so that a long value costs no square."""
        if self._ended:
            return False
        rest = self._text[self._position :]
        raw = self._file.read(max(CHUNK, len(rest)))
        self._ended = not raw
        try:
            more = self._decode(raw, final=self._ended)
        except UnicodeDecodeError:
            raise self._fault("not UTF-8") from None
        self._used += self._position
        self._text, self._position = rest + more, 0
        return bool(raw)

    def _fault(self, reason: str, position: int | None = None) -> UnreadableFile:
        at = self._used + (self._position if position is None else position)
        return UnreadableFile(f"{self._name}: {reason} at character {at}")


def _csv_rows(
    file: "BinaryFile", name: str, text_columns: Collection[str], id_field: str | None
) -> Iterator[Row | BadRow]:
    csv.field_size_limit(LONGEST_CELL)
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    try:
        reader = csv.reader(text, strict=True)
        header = next(reader, [])
        if len(set(header)) < len(header):
            raise UnreadableFile(f"{name}: two columns have the same name")
        if absent := [column for column in text_columns if column not in header]:
            raise UnreadableFile(f"{name}: there is no column {absent[0]!r} that could be text")
        read = dict.fromkeys(header, _cell)
        read |= dict.fromkeys(text_columns, _text_cell)
        read |= {column: _text_cell for column in header if column.startswith("_")}
        if id_field in header and id_field not in text_columns:
            read[id_field] = _id_cell
        for number, cells in enumerate(reader, 1):
            if len(cells) > len(header):
                yield BadRow(name, number, f"has {len(cells)} cells for {len(header)} columns")
            elif cells:
                members = {column: read[column](cell) for column, cell in zip(header, cells, strict=False) if cell}
                yield Row(name, number, members)
    except (csv.Error, UnicodeDecodeError) as error:
        raise UnreadableFile(f"{name}: line {reader.line_num}: {error}") from None
    finally:
        text.detach()


def _cell(cell: str) -> JsonValue:
    """A cell that is a number by JSON's grammar is that number: "125.50" and "1e5" are, "007", "+4" and "1e999" not."""
    if not NUMBER.fullmatch(cell):
        return cell
    try:
        return decode(cell.encode())
    except DocstoreError:  # beyond what a number can be
        return cell


def _id_cell(cell: str) -> JsonValue:
    """A number only if the id that is made of it is spelled as the cell is."""
    number = _cell(cell)
    return number if str(number) == cell and isinstance(number, int) else cell


def _text_cell(cell: str) -> JsonValue:
    return cell
