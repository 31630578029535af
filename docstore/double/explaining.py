"""Questions to the journal, and why one was not answered as a test expected.

Owns the near misses: of the requests that do not match, those that differ in the least, and in what. It must not know
who asks.
"""

from collections.abc import Sequence
from typing import Any, Final

from docstore.double.entries import Entry
from docstore.double.matching import Matcher, pattern
from docstore.double.rules import InvalidRule, match_of

MOST_TOLD: Final = 5
OWN: Final = ("status", "rule", "outcome")
NOT_ASKED: Final = ("nth", "after", "every", "probability")
"""Members of a rule's match that choose among requests as they come, and say nothing of one."""


class Question:
    """What a request has to be like: members of a rule's match, ``status`` (one or several), ``rule``, ``outcome``."""

    def __init__(self, asked: dict[str, Any]) -> None:
        for name in NOT_ASKED:
            if name in asked:
                raise InvalidRule(f"the journal is not asked by {name}")
        self.asked = asked
        status = asked.get("status")
        self._statuses = status if status is None or isinstance(status, tuple | list) else (status,)
        self._rule = asked.get("rule")
        self._outcome = asked.get("outcome")
        self._matcher = Matcher(match_of({name: value for name, value in asked.items() if name not in OWN}))

    def holds(self, entry: Entry) -> bool:
        """Whether a request is like that."""
        return not self.misses(entry)

    def misses(self, entry: Entry) -> list[str]:
        """In what it is not, in words."""
        misses = self._matcher.misses(entry)
        if self._statuses is not None and entry.status not in self._statuses:
            misses.append(f"status is {entry.status}, not {_told(self.asked['status'])}")
        if self._rule is not None and not any(pattern(self._rule).fullmatch(each) for each in entry.rules):
            misses.append(f"rule is {_told(entry.rules)}, not {_told(self._rule)}")
        if self._outcome is not None and entry.outcome != self._outcome:
            misses.append(f"outcome is {entry.outcome}, not {self._outcome}")
        return misses

    def __str__(self) -> str:
        return ", ".join(f"{name}={value!r}" for name, value in self.asked.items()) or "any request"


def explain(question: Question, entries: Sequence[Entry], found: Sequence[Entry], wanted: str) -> str:
    """Why an assertion fails: what was wanted, what there is, and the nearest that there is."""
    lines = [f"requests with {question}: {wanted} expected, {len(found)} came, of {len(entries)} in the journal"]
    if found:
        lines.append("these came:")
        lines += _listed([str(entry) for entry in found])
    missed = [(question.misses(entry), entry) for entry in entries]
    near = sorted(((len(why), why, entry) for why, entry in missed if why), key=lambda each: each[0])
    if near:
        lines.append("nearest to these were:" if found else "the nearest were:")
        lines += _listed([f"{entry}\n      {'; '.join(why)}" for _, why, entry in near])
    return "\n".join(lines)


def _listed(lines: Sequence[str]) -> list[str]:
    shown = [f"  {line}" for line in lines[:MOST_TOLD]]
    more = len(lines) - MOST_TOLD
    return [*shown, f"  and {more} more"] if more > 0 else shown


def _told(value: object) -> str:
    return " or ".join(map(str, value)) or "none" if isinstance(value, tuple | list) else str(value)
