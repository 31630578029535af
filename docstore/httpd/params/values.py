"""Typed values out of query strings and JSON options, with CouchDB's words for what cannot be read.

Owns the readings that several endpoint families share; each family keeps its own frozen dataclass beside its handlers.
Follows ``couch_mrview_http:parse_param``. A value from a query string is a ``str``; one from a JSON body may be any
JSON value, and those that have the right type already are taken as they are.
"""

import re

from docstore.core.json_text import JsonValue, decode, encode
from docstore.errors import InvalidJson, QueryParseError

_INTEGER = re.compile(r"[+-]?[0-9]{1,308}")
"""No longer than an integer in JSON may be: beyond that, reading it would cost more than any use of it is worth."""


def parse_boolean(value: JsonValue) -> bool:
    """``true``/``false`` in any case, or a JSON boolean. Raises QueryParseError ``Invalid boolean parameter: "x"``."""
    if isinstance(value, bool):
        return value
    word = value.lower() if isinstance(value, str) else ""
    if word not in ("true", "false"):
        raise QueryParseError(f"Invalid boolean parameter: {erlang_text(value)}")
    return word == "true"


def parse_integer(value: JsonValue) -> int:
    """Digits with an optional sign, or a JSON integer. Raises QueryParseError ``Invalid value for integer: "x"``."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if not isinstance(value, str) or not _INTEGER.fullmatch(value):
        raise QueryParseError(f"Invalid value for integer: {erlang_text(value)}")
    return int(value)


def parse_positive_integer(value: JsonValue) -> int:
    """Zero or more. Raises QueryParseError ``Invalid value for positive integer: "x"``."""
    number = parse_integer(value)
    if number < 0:
        raise QueryParseError(f"Invalid value for positive integer: {erlang_text(value)}")
    return number


def parse_json(value: str) -> JsonValue:
    """A query parameter that holds JSON. Raises InvalidJson."""
    try:
        raw = value.encode()
    except UnicodeEncodeError:
        raise InvalidJson from None
    return decode(raw)


def erlang_text(value: JsonValue) -> str:
    """A value as CouchDB quotes it in its messages (Erlang's ``~p``): text in quotes, the rest as JSON."""
    if value == "":
        return "[]"  # text is a list of characters to Erlang, and this is the empty one
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'"{escaped}"'
    return encode(value).decode()
