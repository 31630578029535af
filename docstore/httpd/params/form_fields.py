"""The fields of a form that was sent as ``application/x-www-form-urlencoded``, for functions of design documents.

Owns how they are read: as ``mochiweb_util:parse_qs`` reads them, but in steps, between which others may have the
interpreter, since a form may be megabytes of escapes. It must not know who asks.
"""

from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote_to_bytes

from docstore.errors import TooLarge
from docstore.settings import KIB

STEP: Final = 64 * KIB
"""Characters that are read at once."""

ESCAPE: Final = 3


def form_fields(text: str, most: int) -> dict[str, str]:
    """The fields by their names; of repeated ones the last. Raises TooLarge for more than ``most`` of them."""
    if text.count("&") >= most:
        raise TooLarge(f"A form has at most {most} fields.")
    fields: dict[str, str] = {}
    for field in text.split("&"):
        if field:
            name, _, value = field.partition("=")
            fields[_read(name)] = _read(value)
    return fields


def _read(text: str) -> str:
    return b"".join(map(unquote_to_bytes, _steps(text.replace("+", " ")))).decode("utf-8", "replace")


def _steps(text: str) -> Iterator[str]:
    """The text in pieces that end in the middle of no escape."""
    start = 0
    while start < len(text):
        end = start + STEP
        escape = text.rfind("%", end - ESCAPE + 1, end)
        if escape >= 0 and end < len(text):
            end = escape
        yield text[start:end]
        start = end
