"""The words of what functions throw, and the errors that they stand for.

Owns the table. It must not know the engine: the server reads errors by it that a worker process told in words.
Follows ``couch_os_process`` and ``chttpd:error_info`` of CouchDB.
"""

from typing import Final

from docstore.core.json_text import JsonValue, encode
from docstore.errors import (
    BadRequest,
    Conflict,
    DocstoreError,
    DocValidation,
    Forbidden,
    NotAcceptable,
    NotFound,
    QueryParseError,
    Unauthorized,
)
from docstore.query.errors import FunctionFailed, MethodRefused

OS_PROCESS: Final = "os_process_error"
TIMED_OUT: Final = "OS process timed out."

_KINDS: Final[dict[str, type[DocstoreError]]] = {
    kind.error: kind
    for kind in (
        BadRequest,
        Conflict,
        DocValidation,
        Forbidden,
        MethodRefused,
        NotAcceptable,
        NotFound,
        QueryParseError,
        Unauthorized,
    )
}
"""Words of a function's errors that have their own status, as in CouchDB."""


def error_of(word: JsonValue, reason: JsonValue) -> DocstoreError:
    """The error of this word. One that stands for a status of its own has its class."""
    word = word if isinstance(word, str) else encode(word).decode()
    text = reason if isinstance(reason, str) else encode(reason).decode()
    kind = _KINDS.get(word)
    return FunctionFailed(text, error=word) if kind is None else kind(text)
