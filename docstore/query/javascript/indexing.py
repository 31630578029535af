"""The function of a search index, compiled and kept, in a worker process.

Owns the way from documents to what they index. It must not know what becomes of fields. Follows
``share/server/dreyfus.js`` of CouchDB.
"""

from collections.abc import Sequence
from typing import Final

from docstore.errors import DocstoreError
from docstore.query.errors import TooMuchAtOnce
from docstore.query.javascript.changing import may_change
from docstore.query.javascript.sandbox import Sandbox, repaired
from docstore.settings import FunctionSettings

SEARCH: Final = "search.js"


class IndexFunction:
    """One function. Of one thread only. Raises FunctionFailed (``compilation_error``), NotFound for an empty source."""

    def __init__(self, source: str, limits: FunctionSettings) -> None:
        self._limits = limits
        self._sandbox = Sandbox(SEARCH, (source, may_change(source)), limits)

    def fields(self, documents: Sequence[bytes]) -> list[bytes]:
        """Of each document the JSON array of ``[name, value, options]``, nothing if it has none or the function throws.

        Raises FunctionFailed for a function that takes more than it may or throws ``["fatal", word, reason]``,
        TooMuchAtOnce where several documents come to more than ``batch``.
        """
        left = self._limits.batch
        answers: list[bytes] = []
        for answer in self._sandbox.over(documents):
            if isinstance(answer, DocstoreError):
                raise answer
            left -= len(answer)
            if left < 0 and len(documents) > 1:
                raise TooMuchAtOnce
            answers.append(repaired(answer))
        return answers

    def take_log(self) -> list[str]:
        """What the function logged, and what it threw, since this was last asked."""
        return self._sandbox.take_log()
