"""What is known of two databases after some answers: revisions, places in their feeds, ids that they made up.

Owns the values of symbols:

    ${db}                    the name of the database
    ${rev:D:N}               the N-th newest revision seen of document D (of ``DOCUMENTS``), of all there are; where it
                             stands alone and none was seen, its parameter, member or item is left out
    ${some:D:N}              the same; one that does not exist where none was seen
    ${hash:D:N}              the part of it behind the generation
    ${child:D:N:x,y}         a revision made elsewhere, as many generations below it as there are words
    ${revisions:D:N:x,y}     the ``_revisions`` of that one; a JSON object
    ${root:G:x,y}            the same without anything above; it begins at generation G
    ${roots:G:x,y}
    ${seq:N}                 the N-th newest update sequence seen, in the words of the server that is asked
    ${id:N}                  the N-th newest id that the server made up
    ${bookmark:N}            the N-th newest bookmark seen, in the words of the server that is asked

The hash of a revision made elsewhere is one of its parent's and its word. So no two histories disagree about who a
revision's parent is, which would be nothing that a client can do without forging.

Revisions are the same on both servers, so there is one list; places and ids are kept as pairs, theirs and ours. That a
pair belongs together is what ``places.py`` watches.
"""

import re
from collections import defaultdict
from hashlib import md5
from typing import Any

from tests.differential.places import Places

DOCUMENTS = ("ka", "kb", "kc", "k d", "k/e", "_design/g", "ü", "_local/l", "zz", "_design/v", "_design/w", "_design/f")
PARTED = {"ka": "p:a", "kb": "p:b", "kc": "q:c", "k d": "p d:d", "k/e": "p:k/e", "ü": "ü:u"}
"""What some of them are called in a partitioned database."""
MADE_UP_REV = "1-00000000000000000000000000000bad"
SYMBOL = re.compile(r"\$\{(\w+)((?::[^}]*)?)\}")
REV = re.compile(r"(\d+)-(.+)")
THEIRS, OURS = 0, 1


class Knowledge:
    """Of one run of one sequence."""

    def __init__(self, database: str) -> None:
        self.database = database
        self.places = Places()
        self.purges = Places()
        self.ids: list[tuple[str, str]] = []
        self.bookmarks: list[tuple[str, str]] = []
        self.page: tuple[str, str] | None = None
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

    def rev(self, document: int, number: int) -> str | None:
        """The value of ``${rev:D:N}``."""
        doc_id = DOCUMENTS[document]
        known = self._revs[doc_id] or self._revs[PARTED.get(doc_id, doc_id)]
        return known[-1 - number % len(known)] if known else None


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
        return SYMBOL.sub(self._text, text)

    def _text(self, match: re.Match[str]) -> str:
        value = self._value(match)
        return MADE_UP_REV if value is None else str(value)

    def _value(self, match: re.Match[str]) -> Any:
        name, arguments = match.group(1), match.group(2).split(":")[1:]
        known = self._knowledge
        if name == "db":
            return known.database
        if name == "seq":
            return known.places.newest(int(arguments[0]), self._side)
        if name == "id":
            return known.ids[-1 - int(arguments[0]) % len(known.ids)][self._side] if known.ids else "nobody"
        if name == "page":
            return known.page[self._side] if known.page else None
        if name == "bookmark":
            return (
                known.bookmarks[-1 - int(arguments[0]) % len(known.bookmarks)][self._side] if known.bookmarks else None
            )
        if name in {"root", "roots"}:
            start, path = foreign_path(int(arguments[0]) - 1, "", arguments[1].split(","))
            return {"start": start, "ids": path[:-1]} if name == "roots" else f"{start}-{path[0]}"
        rev = known.rev(int(arguments[0]), int(arguments[1]))
        if name == "rev":
            return rev
        generation, _, hash_ = (rev or MADE_UP_REV).partition("-")
        if name == "some":
            return rev or MADE_UP_REV
        if name == "hash":
            return hash_
        start, path = foreign_path(int(generation), hash_, arguments[2].split(","))
        if name == "child":
            return f"{start}-{path[0]}"
        if name == "revisions":
            return {"start": start, "ids": path}
        raise ValueError(f"no such symbol: {name}")


def foreign_path(generation: int, hash_: str, words: list[str]) -> tuple[int, list[str]]:
    """A revision made elsewhere, below one: its generation, and the hashes from it up to that one."""
    path = [hash_]
    for number, word in enumerate(words, generation + 1):
        digest = md5(f"{number}/{path[0]}/{word}".encode()).hexdigest()
        path.insert(0, digest if len(word) == 1 else f"{word}{digest[:5]}")
    return generation + len(words), path


def _conflicts(members: dict[str, Any]) -> list[Any]:
    found = members.get("_conflicts", [])
    changes = members.get("changes", [])
    return [
        *(found if isinstance(found, list) else []),
        *(change.get("rev") for change in (changes if isinstance(changes, list) else []) if isinstance(change, dict)),
    ]
