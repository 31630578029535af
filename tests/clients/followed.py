"""What IBM's followers of changes meet, in Python and in Node: one table of modes, faults and tolerances.

The faults are those of the SDK's own tests; each comes between batches that are good.
"""

from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from docstore.double.actions import Action, Answer, BrokenJson, Reset
from docstore.testing import TestNode

BATCH: Final = 10
IDS: Final = [f"{number:03}" for number in range(3 * BATCH)]
FAULTS: Final[dict[str, Action]] = {
    "429": Answer(429),
    "500": Answer(500),
    "502": Answer(502),
    "504": Answer(504),
    "broken JSON": BrokenJson(),
    "reset": Reset(),
}
MODES: Final = ("one-off", "listens")
MINUTE: Final = 60_000
TOLERANCES: Final = {"forever": None, "a minute": MINUTE}
"""Milliseconds since the last success; None is the default, which is for ever."""
BETWEEN: Final = (2, 4)
"""Requests that fail: the second, whose repetition is the third, and the one after that."""
LATER: Final = "later"


@dataclass(frozen=True, slots=True)
class Case:
    """What a follower meets, and what becomes of it.

    ``match``      of the rule, besides the endpoint
    ``options``    of the follower, in the words of a query string
    ``later``      whether a document is written once all others were told
    ``ends``       None if everything is told; else it ends with an error: ``status`` is the answer's, or None
    ``hits``       of the rule; ``at_least`` so many where time decides
    """

    action: Action
    match: dict[str, Any]
    mode: str = "one-off"
    database: str = "films"
    tolerance: int | None = None
    options: dict[str, Any] = field(default_factory=dict)
    later: bool = False
    ends: bool = False
    status: int | None = None
    hits: int = 2
    at_least: bool = False

    @property
    def rule(self) -> dict[str, Any]:
        """As it is said over HTTP."""
        match = {"endpoint": "_changes", "database": self.database, **self.match}
        return {"action": msgspec.to_builtins(self.action), "match": match}

    def plain(self) -> dict[str, Any]:
        """What a follower in another language has to know."""
        names = ("rule", "mode", "database", "tolerance", "options", "later")
        return {name: getattr(self, name) for name in names}


def _cases() -> dict[str, Case]:
    listening = {"since": "0", "limit": len(IDS)}
    between = {"nth": BETWEEN}
    cases = {
        "with documents": Case(Answer(500), between, database="books", options={"include_docs": True}),
        "written later": Case(Reset(), between, "listens", "growing", options={"since": "0"}, later=True),
        "a tolerance that is over": Case(
            Answer(503), {"after": 1}, tolerance=20, ends=True, status=503, hits=1, at_least=True
        ),
    }
    for name, action in FAULTS.items():
        status = action.status if isinstance(action, Answer) else None
        for mode in MODES:
            options = listening if mode == "listens" else {}
            for word, tolerance in TOLERANCES.items():
                cases[f"{mode}, {name}, {word}"] = Case(action, between, mode, tolerance=tolerance, options=options)
            cases[f"{mode}, {name}, without tolerance"] = Case(
                action, {"nth": 2}, mode, tolerance=0, options={"since": "0"}, ends=True, status=status, hits=1
            )
    for status in (401, 403, 404):
        for word, tolerance in TOLERANCES.items():
            cases[f"{status} does not pass, {word}"] = Case(
                Answer(status), {"nth": 2}, tolerance=tolerance, ends=True, status=status, hits=1
            )
    return cases


CASES: Final = _cases()


def load(server: TestNode) -> None:
    """The databases that are followed. Batches of ``books`` are as large as its documents let them be: ten of these."""
    for name in ("films", "growing"):
        server.load([{"_id": doc_id} for doc_id in IDS], name)
    server.load([{"_id": doc_id, "text": "x" * 500_000} for doc_id in IDS], "books")
