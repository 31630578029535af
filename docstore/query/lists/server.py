"""A list function of a query server at work.

Owns the part of CouchDB's protocol that is about lists: ``start``, ``list_row``, ``list_end``, ``chunks``, ``end``. The
query server is told its rows one by one. Runs in worker processes. Follows ``couch_mrview_show:list_cb``.
"""

import time
from collections.abc import Sequence
from typing import Final

from docstore.core.json_text import JsonValue
from docstore.query.lists.step import END, PORTION, ROWS, TURN, Step
from docstore.query.servers.asking import Asked, call_line, ready_for
from docstore.query.servers.kept import Kept
from docstore.settings import FunctionSettings

TURN_SECONDS: Final = 0.2


class ServerList:
    """One call. ``path`` is the function's in the design document."""

    def __init__(self, command: Sequence[str], asked: Asked, path: Sequence[str], limits: FunctionSettings) -> None:
        self._kept: Kept
        self._kept, self._doc_id = ready_for(command, asked, limits)
        self._path = path
        self._rows: list[bytes] = []
        self._last = False

    def begin(self, head: str, request: bytes, rows: Sequence[bytes], *, last: bool) -> Step:
        """See ``ListCall``."""
        line = call_line(self._doc_id, self._path, b"[%b,%b]" % (head.encode(), request))
        _, start, text = self._ask(line, "start")
        step = self.go_on(rows, last=last)
        return Step(step.wants, start if step.start is None else step.start, text + step.text)

    def go_on(self, rows: Sequence[bytes], *, last: bool) -> Step:
        """See ``ListCall``."""
        self._rows = [*self._rows, *rows]
        self._last = last
        texts: list[str] = []
        start: JsonValue = None
        size, since = 0, time.monotonic()
        for place, row in enumerate(self._rows):
            if size > PORTION or time.monotonic() - since > TURN_SECONDS:
                del self._rows[:place]
                return Step(TURN, start, "".join(texts))
            word, newer, text = self._ask(b'["list_row",%b]' % row, "chunks", "end")
            start = start if newer is None else newer
            texts.append(text)
            size += len(text)
            if word == "end":
                return Step(END, start, "".join(texts))
        self._rows = []
        if not last:
            return Step(ROWS, start, "".join(texts))
        _, newer, text = self._ask(b'["list_end"]', "end")
        return Step(END, start if newer is None else newer, "".join([*texts, text]))

    def _ask(self, line: bytes, *words: str) -> tuple[str, JsonValue, str]:
        """``[word, chunks]`` or ``[word, chunks, start]``."""
        answer = self._kept.server.ask(line)
        if not (isinstance(answer, list) and len(answer) in (2, 3) and answer[0] in words):
            raise self._kept.server.odd(answer)
        word, chunks, *start = answer
        if not isinstance(chunks, list) or not isinstance(word, str):
            raise self._kept.server.odd(answer)
        text = "".join([chunk for chunk in chunks if isinstance(chunk, str)])
        return word, start[0] if start else None, text

    def take_log(self) -> list[str]:
        """See ``ListCall``."""
        return self._kept.server.take_log()
