"""How two answers to the same request differ, when all that may differ is taken away.

Owns what is compared: the status, the headers that say something, and the body. Revisions, digests, numbers and their
spelling, and the order of a document's members must be the same. Update sequences and ids that a server made up are
compared by what they stand for (``Knowledge``); times, sizes, tokens and a server's own names by their kind.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from tests.conformance.wire import Answer, observe
from tests.differential.knowledge import Knowledge
from tests.differential.levels import levelled

ABSENT = "<absent>"
SEQUENCES = {"seq", "last_seq", "update_seq", "purge_seq", "_local_seq", "committed_update_seq", "since"}
# A server's own affair, wherever it stands; that it is there and of the same kind is compared.
OWN = {
    "instance_start_time", "sizes", "file", "external", "active", "uuid", "uuids", "disk_format_version", "vendor",
    "git_sha", "features", "fragmentation", "seeds", "expires", "started_on", "updated_on", "pid", "changes_since",
    "all_nodes", "cluster_nodes", "feature_flags", "authentication_db", "compact_running", "session_id",
    "replication_id", "execution_time_ms",
    "signature", "collator_versions", "waiting_commit",
    "_local_id", "start_time", "end_time", "start_last_seq", "recorded_seq", "end_last_seq", "through_seq",
}  # fmt: skip
TAGS_OF_CONTENT = re.compile(r'"(?:\d+-.+|[A-Za-z0-9+/]{22}==)"')
NAMES_OF_IDS = {"id", "_id", "key", "reason", "Location"}
MADE_UP_ID = re.compile(r"(?<![0-9a-f-])[0-9a-f]{32}(?![0-9a-f])")
NUMBERED = re.compile(r"\[\d+\]")
NAMED_STUB = re.compile(r"stub in \S.* for \S.*")
ROW = re.compile(r"json\[(\d+)\]\.")
INSIDE_A_DOCUMENT = re.compile(r"\.ok\..*|(?<=multipart\[\])\..*")
BY_ID = {"listing", "view", "find", "function.list"}
"""What puts documents in the order of their ids, now and then."""
BROKEN = (-1, -2)
NO_BOOKMARK = "nil"
STATUSES = {-1: "no answer", -2: "hung up"}
KINDS = ("json", "lines", "events", "multipart", "text", "binary", "empty")


@dataclass(frozen=True)
class Difference:
    """One place of an answer: what the peer says there, and what docstore says.

    ``where``   "status", "header ETag", or a path into the body: "json.rows[2].value.rev"
    ``remark``  what was found out about it afterwards
    """

    kind: str
    method: str
    where: str
    theirs: Any
    ours: Any
    remark: str = ""

    @property
    def signature(self) -> str:
        """What differences of one cause have in common, mostly."""
        where = NUMBERED.sub("[]", self.where)
        if self.where == "status":
            theirs, ours = (NAMED_STUB.sub("stub", str(one)) for one in (self.theirs, self.ours))
            return f"{self.kind} {where}: {theirs} / {ours}"
        if INSIDE_A_DOCUMENT.search(where):  # which member does not matter
            return f"{self.kind} {INSIDE_A_DOCUMENT.split(where)[0]}: another document"
        return f"{self.kind} {where}: {_sort(self.theirs)} / {_sort(self.ours)}"

    def __str__(self) -> str:
        return f"{self.kind} {self.where}\n    theirs: {_shown(self.theirs)}\n    ours:   {_shown(self.ours)}"


def differences(kind: str, theirs: Answer, ours: Answer, known: Knowledge) -> list[Difference]:
    """All differences of two answers. A difference of status is told alone, with the words of the errors."""
    comparison = _Comparison(kind, theirs.method, known)
    known.page = None
    if theirs.status != ours.status:
        return [comparison.difference("status", summary(theirs), summary(ours))]
    if theirs.status in BROKEN:
        return []
    if known.ids and kind in BY_ID:
        return []  # nobody knows where an id that a server made up comes among the others
    left, right = (levelled(kind, observe(answer, [])) for answer in (theirs, ours))
    return [*comparison.headers(left, right, theirs, ours), *comparison.bodies(left, right)]


def summary(answer: Answer) -> str:
    """Status, and of an error its two words."""
    status = STATUSES.get(answer.status, str(answer.status))
    try:
        body = json.loads(answer.body)
        return f"{status} {body['error']}: {body['reason']}"[:300]
    except (ValueError, LookupError, TypeError):
        return status


class _Comparison:
    """Of one pair of answers."""

    def __init__(self, kind: str, method: str, known: Knowledge) -> None:
        self._kind = kind
        self._method = method
        self._known = known

    def difference(self, where: str, theirs: Any, ours: Any) -> Difference:
        return Difference(self._kind, self._method, where, theirs, ours)

    def headers(
        self, left: dict[str, Any], right: dict[str, Any], theirs: Answer, ours: Answer
    ) -> Iterator[Difference]:
        names = [*left["headers"], *(name for name in right["headers"] if name not in left["headers"])]
        for name in names:
            one, other = left["headers"].get(name, ABSENT), right["headers"].get(name, ABSENT)
            if name == "ETag" and not TAGS_OF_CONTENT.fullmatch(one) and ABSENT not in (one, other):
                continue  # of a listing: a server's own affair
            if name == "Location" and ABSENT not in (one, other):
                one, other = (re.sub(r"^https?://[^/]*", "http://HOST", text) for text in (one, other))
            if not self._same_text(name, one, other):
                yield self.difference(f"header {name}", one, other)
        one, other = _cookies(theirs), _cookies(ours)
        if one != other:
            yield self.difference("header Set-Cookie", one, other)

    def bodies(self, left: dict[str, Any], right: dict[str, Any]) -> Iterator[Difference]:
        kind, other = _kind(left), _kind(right)
        if kind != other:
            yield self.difference("kind of body", {kind: left.get(kind)}, {other: right.get(other)})
        elif kind != "empty":
            yield from self._values(kind, "", _plain(kind, left.get(kind)), _plain(kind, right.get(kind)))

    def _values(self, where: str, name: str, one: Any, other: Any) -> Iterator[Difference]:
        if name in OWN and type(one) is type(other):
            return
        if name in SEQUENCES and one is not None and other is not None:
            places = self._known.purges if name == "purge_seq" else self._known.places
            if wrong := places.pair(one, other):
                yield self.difference(f"{where} (sequence)", f"{one!s:.12}: {wrong}", f"{other!s:.12}")
        elif name == "bookmark" and NO_BOOKMARK not in (one, other) and ABSENT not in (one, other):
            self._known.page = str(one), str(other)  # each server has its own words for a place
            self._known.bookmarks.append(self._known.page)
        elif isinstance(one, dict) and isinstance(other, dict):
            yield from self._objects(where, one, other)
        elif isinstance(one, list) and isinstance(other, list):
            yield from self._lists(where, name, one, other)
        elif isinstance(one, str) and isinstance(other, str):
            if not self._same_text(name, one, other):
                yield self.difference(where, one, other)
        elif type(one) is not type(other) or one != other:
            yield self.difference(where, one, other)

    def _objects(self, where: str, one: dict[str, Any], other: dict[str, Any]) -> Iterator[Difference]:
        for name in [*one, *(name for name in other if name not in one)]:
            yield from self._values(f"{where}.{name}", name, one.get(name, ABSENT), other.get(name, ABSENT))
        if "_id" in one and set(one) == set(other) and list(one) != list(other):
            yield self.difference(f"{where} (order)", list(one), list(other))

    def _lists(self, where: str, name: str, one: list[Any], other: list[Any]) -> Iterator[Difference]:
        if len(one) != len(other):
            yield self.difference(where, one, other)
            return
        for number, (left, right) in enumerate(zip_longest(one, other)):
            yield from self._values(f"{where}[{number}]", name if name in OWN else "", left, right)

    def _same_text(self, name: str, one: str, other: str) -> bool:
        """Whether two texts are the same, but for ids that each server made up, always the same for the same."""
        if one == other:
            return True
        if name not in NAMES_OF_IDS or MADE_UP_ID.sub("*", one) != MADE_UP_ID.sub("*", other):
            return False
        pairs = zip(MADE_UP_ID.findall(one), MADE_UP_ID.findall(other), strict=True)
        return all(self._known.is_pair(*pair) for pair in pairs)


def _kind(body: dict[str, Any]) -> str:
    """How a body could be read. An event source without events may still have sent a sign of life."""
    return next(kind for kind in KINDS if kind == "empty" or _plain(kind, body.get(kind, [])) != [])


def _plain(kind: str, body: Any) -> Any:
    """A body; the id of an event, which is an update sequence in quotes, under a name that says so."""
    if kind != "events":
        return body
    body = [event for event in body if event.get("event") != "heartbeat"]  # they are a matter of time
    named = [{"seq" if name == "id" else name: value for name, value in event.items()} for event in body]
    return [{**event, "seq": event["seq"].strip('"')} if "seq" in event else event for event in named]


def _cookies(answer: Answer) -> list[list[str]]:
    """Name and attributes of each cookie, in lower case, without the values that belong to the moment."""
    found = []
    for name, value in answer.headers:
        if name.lower() == "set-cookie":
            first, *attributes = (part.strip() for part in value.split(";"))
            cookie, _, content = first.partition("=")
            found.append(
                [cookie, "set" if content else "empty", *sorted(one.split("=")[0].lower() for one in attributes)]
            )
    return found


def _sort(value: Any) -> str:
    if value == ABSENT or value is None or isinstance(value, bool):
        return str(value).lower()
    return type(value).__name__


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 600 else text[:600] + "..."
