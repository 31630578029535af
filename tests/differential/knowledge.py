"""What is known of two databases after some answers: revisions, places in their feeds, ids that they made up.

Owns the values of symbols:

    ${db}                    the name of the database
    ${rev:D:N}               the N-th newest revision seen of document D (of ``DOCUMENTS``), of all that there are
    ${hash:D:N}              the part of it behind the generation
    ${child:D:N:x,y}         a revision as many generations below it as there are hashes, with the last of them
    ${revisions:D:N:x,y}     the ``_revisions`` of that one; a JSON object
    ${seq:N}                 the N-th newest update sequence seen, in the words of the server that is asked
    ${id:N}                  the N-th newest id that the server made up

Revisions are the same on both servers, so there is one list; places and ids are kept as pairs, theirs and ours. That a
pair belongs together is what ``places.py`` watches.
"""

import re
from collections import defaultdict
from typing import Any

from tests.differential.places import Places

DOCUMENTS = ("ka", "kb", "kc", "k d", "k/e", "_design/g", "ü", "_local/l", "zz")
MADE_UP_REV = "1-00000000000000000000000000000bad"
SYMBOL = re.compile(r"\$\{(\w+)((?::[^}]*)?)\}")
REV = re.compile(r"(\d+)-(.+)")
THEIRS, OURS = 0, 1


class Knowledge:
    """Of one run of one sequence."""

    def __init__(self, database: str) -> None:
        self.database = database
        self.places = Places()
        self.ids: list[tuple[str, str]] = []
        self._revs: dict[str, list[str]] = defaultdict(list)

    def symbols(self, side: int) -> "Symbols":
        """The values of symbols, as one side is told them."""
        return Symbols(self, side)

    def revs(self, doc_id: str) -> list[str]:
        """The revisions seen of a document, the newest last."""
        return self._revs[doc_id]

    def is_pair(self, theirs: str, ours: str) -> bool:
        """Whether two ids, each made up by its server, stand for the same; new ones do from now on."""
        if any(theirs == pair[THEIRS] or ours == pair[OURS] for pair in self.ids):
            return (theirs, ours) in self.ids
        if theirs != ours:
            self.ids.append((theirs, ours))
        return True

    def learn(self, sent: Any, answered: Any) -> None:
        """Take the revisions from a request's JSON and from the answer's."""
        for value in (sent, answered):
            self._walk(value)

    def _walk(self, value: Any) -> None:
        if isinstance(value, list):
            for item in value:
                self._walk(item)
        elif isinstance(value, dict):
            self._take(value)
            for item in value.values():
                if isinstance(item, dict | list):
                    self._walk(item)

    def _take(self, members: dict[str, Any]) -> None:
        doc_id = members.get("_id", members.get("id"))
        if not isinstance(doc_id, str):
            return
        for rev in (members.get("_rev", members.get("rev")), *_conflicts(members)):
            if isinstance(rev, str) and REV.fullmatch(rev) and rev not in self._revs[doc_id]:
                self._revs[doc_id].append(rev)

    def rev(self, document: int, number: int) -> str:
        """The value of ``${rev:D:N}``."""
        known = self._revs[DOCUMENTS[document]]
        return known[-1 - number % len(known)] if known else MADE_UP_REV


class Symbols:
    """Puts values in place of symbols, for one side."""

    def __init__(self, knowledge: Knowledge, side: int) -> None:
        self._knowledge = knowledge
        self._side = side

    def __call__(self, text: str) -> Any:
        if "${" not in text:
            return text
        whole = SYMBOL.fullmatch(text)
        if whole:
            return self._value(whole)
        return SYMBOL.sub(lambda match: str(self._value(match)), text)

    def _value(self, match: re.Match[str]) -> Any:
        name, arguments = match.group(1), match.group(2).split(":")[1:]
        known = self._knowledge
        if name == "db":
            return known.database
        if name == "seq":
            return known.places.newest(int(arguments[0]), self._side)
        if name == "id":
            return known.ids[-1 - int(arguments[0]) % len(known.ids)][self._side] if known.ids else "nobody"
        rev = known.rev(int(arguments[0]), int(arguments[1]))
        generation, _, hash_ = rev.partition("-")
        if name == "rev":
            return rev
        if name == "hash":
            return hash_
        new = arguments[2].split(",")
        start = int(generation) + len(new)
        if name == "child":
            return f"{start}-{new[-1]}"
        if name == "revisions":
            return {"start": start, "ids": [*reversed(new), hash_]}
        raise ValueError(f"no such symbol: {name}")


def _conflicts(members: dict[str, Any]) -> list[Any]:
    found = members.get("_conflicts", [])
    changes = members.get("changes", [])
    return [
        *(found if isinstance(found, list) else []),
        *(change.get("rev") for change in (changes if isinstance(changes, list) else []) if isinstance(change, dict)),
    ]
