"""The words that steps are made of, drawn from a seed.

Owns the vocabulary that all endpoints share: documents, revisions that mostly exist, values, attachments, booleans and
numbers as people write them. Few documents and few hashes, so that edits meet and trees become deep.
"""

from random import Random
from typing import Any
from urllib.parse import quote

from tests.differential.knowledge import DOCUMENTS, MADE_UP_REV

HOT = (0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 4, 5, 6, 8)
LOCAL = 7
# A word of one letter becomes a hash as edits have them, a longer one a short text.
WORDS = ("a", "b", "c", "d", "x-y", "q.1")
NAMES = ("t.txt", "b.bin", "ü.txt", "s p.json", "e")
# Empty ones are told apart in multipart, on purpose.
CONTENTS = ("aGVsbG8=", "aGVsbG8gaGVsbG8gaGVsbG8gaGVsbG8gaGVsbG8=", "AAECAwQFBgcICQ==", "d29ybGQ=")
RAW_CONTENTS = ("hello", "hello hello hello hello hello", "\x00\x01\x02\xff\xfe0123456789", "world" * 40)
TYPES = ("text/plain", "application/octet-stream", "image/png", "application/json", "text/plain; charset=utf-8")
SCALARS: tuple[Any, ...] = (
    0, 1, -1, 7, 1.0, 0.5, 1e22, 12345678901234567890, 2**31, -(2**31) - 1, True, False, None, "", "x", "ü",
    "\U0001f600", "a/b",
)  # fmt: skip
FIELDS = ("v", "w", "ä", "", "n", "type")
BOOLEANS = ("true", "true", "true", "false", "false", "foo", "", "1")
ODD_NUMBERS = ("-1", "x", "", "1.5", "00", "99999999999999999999", '"1"', "+1", " 1")
BAD_REVS = ("1", "x", "1-", "-a", "0-a", "1-" + "z" * 32, "1-" + "a" * 33, "", "a-1", "-1-a", "1-A" * 3)


class Draw(Random):
    """Random, with a vocabulary."""

    def chance(self, share: float) -> bool:
        return self.random() < share

    def document(self) -> int:
        """The number of a document; local ones are not among them."""
        return self.choice(HOT)

    def path(self, document: int, *, plain: bool = True) -> str:
        """The path of a document within the server."""
        doc_id = DOCUMENTS[document]
        if doc_id.startswith(("_design/", "_local/")) and (plain or self.chance(0.9)):
            head, _, tail = doc_id.partition("/")
            return f"/${{db}}/{head}/{quote(tail, safe='')}"
        return f"/${{db}}/{quote(doc_id, safe='')}"

    def age(self) -> int:
        """Which of the revisions seen: the newest mostly."""
        return self.choices((0, 1, 2, 3, 5, 8), (60, 15, 10, 6, 5, 4))[0]

    def rev(self, document: int) -> str:
        """A revision of the document: nearly always one that exists."""
        if self.chance(0.95):
            return f"${{rev:{document}:{self.age()}}}"
        if self.chance(0.4):
            return f"${{some:{self.document()}:{self.age()}}}"
        if self.chance(0.4):
            return f"${{child:{document}:{self.age()}:{self.choice(WORDS)}}}"
        return self.choice((MADE_UP_REV, "2-a", "1-a", self.choice(BAD_REVS)))

    def sane_rev(self, document: int) -> str:
        """A revision that can be parsed, at least."""
        if self.chance(0.95):
            return f"${{rev:{document}:{self.age()}}}"
        return self.choice((MADE_UP_REV, "1-a", "2-b", "3-" + "c" * 32))

    def hashes(self, most: int = 3) -> str:
        """Words for some new generations, the oldest first, as symbols take them.

        Those in the middle do not come again: CouchDB stores a revision that is no leaf or not, as it happens.
        """
        middle = [f"w{self.randrange(10**6)}" for _ in range(self.randint(0, most - 1))]
        return ",".join([*middle, self.choice(WORDS)])

    def value(self, depth: int = 2) -> Any:
        """Any JSON."""
        kind = self.random()
        if depth == 0 or kind < 0.7:
            return self.choice(SCALARS)
        if kind < 0.85:
            return [self.value(depth - 1) for _ in range(self.randint(0, 3))]
        return {self.choice(FIELDS): self.value(depth - 1) for _ in range(self.randint(0, 3))}

    def content(self) -> dict[str, Any]:
        """The members of a document that are the user's."""
        if self.chance(0.6):
            return {"v": self.randint(0, 3)}
        return {self.choice(FIELDS): self.value() for _ in range(self.randint(0, 3))}

    def attachments(self, *, stubs: bool = True) -> dict[str, Any]:
        """The member ``_attachments``."""
        return {self.choice(NAMES): self._attachment(stubs) for _ in range(self.choice((0, 1, 1, 1, 2, 3)))}

    def _attachment(self, stubs: bool) -> dict[str, Any]:
        if stubs and self.chance(0.4):
            stub: dict[str, Any] = {"stub": True}
            if self.chance(0.15):
                stub["revpos"] = self.choice((1, 2, 3))
            return stub
        one: dict[str, Any] = {"data": self.choice(CONTENTS)}
        if self.chance(0.8):
            one["content_type"] = self.choice(TYPES)
        if self.chance(0.08):
            one["revpos"] = self.choice((1, 2, 9))
        if self.chance(0.02):
            one |= self.choice(
                (
                    {"data": "%%%"}, {"data": 5}, {"stub": False}, {"length": 99},
                    {"digest": "md5-abc"}, {"encoding": "gzip"}, {"follows": True}, {"foo": 1},
                )
            )  # fmt: skip
        return one

    def boolean(self) -> str:
        """A boolean as it stands in a query string, now and then none."""
        return self.choice(BOOLEANS)

    def number(self, most: int = 5) -> str:
        """A number as it stands in a query string, now and then none."""
        return str(self.randint(0, most)) if self.chance(0.93) else self.choice(ODD_NUMBERS)

    def flags(self, names: tuple[str, ...], share: float) -> list[tuple[str, str | None]]:
        """Some of the parameters that are booleans, mostly true."""
        return [(name, "true" if self.chance(0.85) else self.boolean()) for name in names if self.chance(share)]
