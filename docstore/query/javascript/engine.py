"""The map and reduce functions of a view group, compiled and kept, in a worker process.

Owns the way from documents to rows and from values to reductions. It must not know indexes, processes or databases.
Follows ``share/server/views.js`` of CouchDB. Each function has an engine of its own and so globals of its own; they are
made when they are first needed. What the functions log is kept until somebody takes it.
"""

from collections.abc import Mapping, Sequence
from typing import Final, cast

from docstore.core.json_text import JsonValue, decode, encode, encode_string
from docstore.errors import DocstoreError
from docstore.query.errors import TooMuchAtOnce
from docstore.query.javascript.changing import may_change
from docstore.query.javascript.sandbox import ITEM, Sandbox, repaired
from docstore.settings import KIB, FunctionSettings

VIEWS: Final = "views.js"

REDUCE_SMALL: Final = 4 * KIB
"""A reduction of no more characters need not be smaller than what it was made of."""

DEFAULT_LIMITS: Final = FunctionSettings()
OVERFLOW: Final = "reduce_overflow_error"

Row = tuple[bytes, bytes]
"""Key and value of an emitted row, as JSON."""


class Engine:
    """The functions of one definition. Of one thread only.

    ``definition``  ``Design.definition``: JSON with ``lib``, ``maps`` and ``reduces``
    """

    def __init__(self, definition: str, limits: FunctionSettings) -> None:
        members = cast("Mapping[str, JsonValue]", decode(definition.encode()))
        self._limits = limits
        self._left = 0
        self._lib = encode(members.get("lib") or {}).decode()
        self._map_sources = cast("list[str]", members.get("maps") or [])
        self._reduce_sources = cast("list[str | None]", members.get("reduces") or [])
        self._maps: dict[int, Sandbox] = {}
        self._reduces: dict[int, Sandbox] = {}

    def map(self, documents: Sequence[bytes]) -> list[list[list[Row]]]:
        """Per document and map function the rows that it emits; of a function that throws there are none.

        Raises FunctionFailed for a function that does not compile, that takes more than it
        may, emits what is no JSON, or throws ``["fatal", word, reason]``. Then the documents have no rows at all.
        TooMuchAtOnce where the rows of several documents come to more than ``batch``.
        """
        self._left = self._limits.batch
        columns = [self._map_one(index, documents) for index in range(len(self._map_sources))]
        return [list(rows) for rows in zip(*columns, strict=True)] if columns else [[] for _ in documents]

    def _map_one(self, index: int, documents: Sequence[bytes]) -> list[list[Row]]:
        answers: list[str] = []
        for answer in self._map_sandbox(index).over(documents):
            if isinstance(answer, DocstoreError):
                raise answer
            self._left -= len(answer)
            if self._left < 0 and len(documents) > 1:
                raise TooMuchAtOnce
            answers.append(answer)
        return _rows_of(answers)

    def reduce(self, index: int, keys_and_ids: Sequence[bytes], values: Sequence[bytes]) -> bytes:
        """The reduction of some rows, as JSON; ``keys_and_ids`` are JSON arrays of a key and a document's id.

        null where the function throws; ``{"reduce_overflow_error": ...}`` where it does not shrink what it is given.
        Raises FunctionFailed as ``map``.
        """
        return self._reduced(index, f"[{b','.join(keys_and_ids).decode()}]", values)

    def rereduce(self, index: int, values: Sequence[bytes]) -> bytes:
        """The reduction of reductions, as JSON; one that did not shrink stays that. Raises as ``reduce``."""
        for value in values:
            if value.startswith(b'{"reduce_overflow_error":'):
                return value
        return self._reduced(index, None, values)

    def _reduced(self, index: int, keys: str | None, values: Sequence[bytes]) -> bytes:
        source = self._reduce_sources[index]
        if source is None:
            raise ValueError("there is no such function")
        sandbox = self._reduces.get(index)
        if sandbox is None:
            sandbox = self._reduces[index] = Sandbox(VIEWS, (source, None, False), self._limits)
        texts = f"[{b','.join(values).decode()}]"
        answer = sandbox.ask("reduce", keys, texts, keys is None)
        if self._limits.reduce_limit:
            size_in = _line_length(keys, texts, len(values), source)
            size_out = len(answer) + len("[]")
            if size_out > REDUCE_SMALL and 2 * size_out > size_in:
                message = f"Reduce output must shrink more rapidly: input size: {size_in} output size: {size_out}"
                return encode({OVERFLOW: message})
        return repaired(answer)

    def _map_sandbox(self, index: int) -> Sandbox:
        sandbox = self._maps.get(index)
        if sandbox is None:
            source = self._map_sources[index]
            sandbox = self._maps[index] = Sandbox(VIEWS, (source, self._lib, may_change(source)), self._limits)
        return sandbox

    def take_log(self) -> list[str]:
        """What the functions logged, and what they threw, since this was last asked."""
        return [line for sandbox in (*self._maps.values(), *self._reduces.values()) for line in sandbox.take_log()]


def _rows_of(answers: Sequence[str]) -> list[list[Row]]:
    """The rows in each answer; neither of the marks between rows, keys and values can stand in JSON text."""
    if not answers:
        return []
    texts = repaired(ITEM.join(answers)).split(ITEM.encode())
    return [[_row_of(line) for line in text.split(b"\n")] if text else [] for text in texts]


def _row_of(line: bytes) -> Row:
    key, _, value = line.partition(b"\t")
    return key, value


def _line_length(keys: str | None, values: str, count: int, source: str) -> int:
    """How long CouchDB's line to its query server would be, less the function: that is what it compares with."""
    escapes = len(encode_string(source).decode()) - len('""') - len(source)
    if keys is None:
        return len('["rereduce",[""],]') + len(values) + escapes
    return len('["reduce",[""],]') + len(keys) + len(values) + 2 * count - 1 + escapes
