"""The map and reduce functions of a view group in another language.

Owns the questions of views in CouchDB's protocol (``add_lib``, ``add_fun``, ``map_doc``, ``reduce``, ``rereduce``). It
offers what ``javascript/engine.py`` offers, and must not know indexes or databases either. Follows
``couch_query_servers:start_doc_map``: the functions are added once, and stay until another group's take their place.
"""

from collections.abc import Mapping, Sequence
from typing import cast

from docstore.core.json_text import JsonValue, decode, encode
from docstore.query.errors import FunctionFailed, TooMuchAtOnce
from docstore.query.javascript.engine import OVERFLOW, Row
from docstore.query.servers.asking import expect_true, reset_line
from docstore.query.servers.kept import Kept, kept_server
from docstore.query.servers.process import members_of
from docstore.settings import FunctionSettings

_NO_VIEWS = ""


class ServerEngine:
    """The functions of one definition, as ``javascript.engine.Engine``."""

    def __init__(self, command: Sequence[str], signature: str, definition: str, limits: FunctionSettings) -> None:
        members = cast("Mapping[str, JsonValue]", decode(definition.encode()))
        self._command = command
        self._signature = signature
        self._limits = limits
        self._lib = members.get("lib") or {}
        self._maps = cast("list[str]", members.get("maps") or [])
        self._reduces = cast("list[str | None]", members.get("reduces") or [])
        self._log: list[str] = []

    def map(self, documents: Sequence[bytes]) -> list[list[list[Row]]]:
        """Per document and map function the rows that it emits. Raises what the query server fails with.

        TooMuchAtOnce where the rows of several documents come to more than ``batch``.
        """
        kept = self._loaded()
        rows: list[list[list[Row]]] = []
        left = self._limits.batch
        try:
            for document in documents:
                answer = kept.server.ask(b'["map_doc",%b]' % document)
                found = self._rows_of(answer)
                if found is None:
                    raise kept.server.odd(answer)
                left -= sum(len(key) + len(value) for emitted in found for key, value in emitted)
                if left < 0 and len(documents) > 1:
                    raise TooMuchAtOnce
                rows.append(found)
        finally:
            self._log += kept.server.take_log()
        return rows

    def _rows_of(self, answer: JsonValue) -> list[list[Row]] | None:
        """None for what are no rows."""
        if not isinstance(answer, list) or len(answer) != len(self._maps):
            return None
        found: list[list[Row]] = []
        for emitted in answer:
            if not isinstance(emitted, list):
                return None
            rows: list[Row] = []
            for pair in emitted:
                if not isinstance(pair, list) or len(pair) != 2:
                    return None
                rows.append((encode(pair[0]), encode(pair[1])))
            found.append(rows)
        return found

    def reduce(self, index: int, keys_and_ids: Sequence[bytes], values: Sequence[bytes]) -> bytes:
        """The reduction of some rows, as JSON; an overflow is ``{"reduce_overflow_error": ...}``."""
        pairs = b",".join(b"[%b,%b]" % pair for pair in zip(keys_and_ids, values, strict=True))
        return self._reduced("reduce", index, pairs)

    def rereduce(self, index: int, values: Sequence[bytes]) -> bytes:
        """The reduction of reductions, as JSON; an overflow stays what it is."""
        for value in values:
            if value.startswith(b'{"%b":' % OVERFLOW.encode()):
                return value
        return self._reduced("rereduce", index, b",".join(values))

    def _reduced(self, command: str, index: int, values: bytes) -> bytes:
        kept = self._kept()
        if kept.loaded is None:
            self._reset(kept, _NO_VIEWS)
        source = encode(self._reduces[index])
        try:
            answer = kept.server.ask(b"[%b,[%b],[%b]]" % (encode(command), source, values))
        except FunctionFailed as error:
            if error.error != OVERFLOW:
                raise
            return encode({OVERFLOW: error.reason})
        finally:
            self._log += kept.server.take_log()
        told = members_of(answer, True, 2)
        found = told[0] if told is not None else None
        if not isinstance(found, list) or len(found) != 1:
            raise kept.server.odd(answer)
        return encode(found[0])

    def take_log(self) -> list[str]:
        """What the functions logged since this was last asked."""
        taken, self._log = self._log, []
        return taken

    def _kept(self) -> Kept:
        return kept_server(self._command, "", self._limits)

    def _loaded(self) -> Kept:
        """A query server that has the map functions."""
        kept = self._kept()
        if kept.loaded != self._signature:
            self._reset(kept, None)
            if self._lib:
                expect_true(kept, encode(["add_lib", self._lib]))
            for source in self._maps:
                expect_true(kept, encode(["add_fun", source]))
            kept.loaded = self._signature
        return kept

    def _reset(self, kept: Kept, loaded: str | None) -> None:
        kept.loaded = None
        expect_true(kept, reset_line(self._limits))
        kept.loaded = loaded
