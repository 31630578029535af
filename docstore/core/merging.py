"""Three-way merge of conflicting document bodies.

Owns the rule by which the live leaves of a document become one body, given the body of their common ancestor:

    ancestor   {"name": "Ann", "age": 30, "tags": ["a"]}
    winner     {"name": "Ann", "age": 31, "tags": ["a", "b"]}     changed /age, added to /tags
    loser      {"name": "Eve", "age": 30, "tags": ["c"]}          changed /name, replaced within /tags
    merged     {"name": "Eve", "age": 31, "tags": ["b", "c"]}     no clash

A place that one side changed takes that side's value. Objects are merged member by member; arrays of unique scalars
as sets that keep their order, unless a side put the surviving items in another order; everything else is an atom. A
place that both sides changed differently is a clash: the earlier side in winner order keeps its value there, and the
place is named by its JSON Pointer (RFC 6901). Leaves fold in winner order, so every node that merges the same leaves
against the same ancestor gets the same bytes and therefore the same revision.

It must know nothing of trees, revisions or storage. Values are JSON values; ``1``, ``1.0`` and ``true`` are three.
"""

import re
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias, cast

from docstore.core.json_text import JsonValue


class _Missing:
    """The place does not exist on this side."""


MISSING: Final = _Missing()
Place: TypeAlias = "JsonValue | _Missing"
Members: TypeAlias = Mapping[str, JsonValue]

POINTERS_AT_MOST: Final = 64 * 1024
"""Characters of JSON Pointers after which no further place is named. The first one is always named."""

ATTACHMENTS: Final = "_attachments"
"""The member below which clashes of attachments are named."""

_INDEX = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)


class _Path(NamedTuple):
    """A place, by the names that lead to it. Its pointer is made only when needed: places are many, names are long."""

    outer: "_Path | None"
    name: str


@dataclass(frozen=True, slots=True)
class Merged:
    """A merged body, its attachments by name, and the JSON Pointers of the places that clashed.

    Pointers stand in document order, those of a later leaf behind those of an earlier one.
    """

    body: dict[str, JsonValue]
    attachments: dict[str, str]
    clashes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Version:
    """One side of a merge: the members of a body without underscore fields, and attachments by name.

    What stands for an attachment is a text that is equal for equal ones, such as its digest.
    """

    body: Mapping[str, JsonValue]
    attachments: Mapping[str, str]


def merge_versions(ancestor: Version | None, leaves: Iterable[Version]) -> Merged:
    """Fold the leaves, given in winner order, into one version; one leaf is taken at a time.

    Without an ancestor every difference is a clash, so the result is the winner's body and names all that differs.
    Raises ValueError when there is no leaf.
    """
    remaining = iter(leaves)
    winner = next(remaining, None)
    if winner is None:
        raise ValueError("a merge needs at least one leaf")
    merge = _Merge(two_way=ancestor is None)
    base = Version({}, {}) if ancestor is None else ancestor
    body: Members = winner.body
    attachments: Mapping[str, JsonValue] = dict(winner.attachments)
    for other in remaining:
        body = merge.members(base.body, body, other.body)
        attachments = merge.members(
            dict(base.attachments), attachments, dict(other.attachments), _Path(None, ATTACHMENTS)
        )
    return Merged(dict(body), cast("dict[str, str]", attachments), merge.clashes.named())


def changed_places(before: Mapping[str, JsonValue], after: Mapping[str, JsonValue]) -> tuple[str, ...]:
    """The JSON Pointers of the places that differ between two bodies: objects member by member, the rest as atoms.

    As of clashes, no more are named than ``POINTERS_AT_MOST`` allows.
    """
    places = _Places()
    pending: list[tuple[Place, Place, _Path | None]] = [(dict(before), dict(after), None)]  # first things last
    while pending:
        old, new, path = pending.pop()
        if isinstance(old, dict) and isinstance(new, dict):
            pending += [
                (old.get(name, MISSING), new.get(name, MISSING), _Path(path, name))
                for name in reversed(_names_in_order(old, new))
            ]
        elif not same_json(old, new):
            places.add(path)
    return places.named()


def pointer_token(name: str) -> str:
    """One reference token of a JSON Pointer (RFC 6901, section 3)."""
    return name.replace("~", "~0").replace("/", "~1")


def is_pointer(text: str) -> bool:
    """Whether a text is a JSON Pointer."""
    return not text or text.startswith("/")


def read_pointer(value: JsonValue, pointer: str) -> JsonValue:
    """The value at a JSON Pointer. Raises KeyError when there is none, ValueError for a malformed pointer."""
    if not is_pointer(pointer):
        raise ValueError(pointer)
    for token in pointer.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict):
            value = value[name]
        elif isinstance(value, list) and _INDEX.fullmatch(name) and int(name) < len(value):
            value = value[int(name)]
        else:
            raise KeyError(pointer)
    return value


def same_json(left: Place, right: Place) -> bool:
    """Whether two values are the same JSON: kinds of numbers differ, the order of members does not matter."""
    if left is right:
        return True
    pending = [(left, right)]
    while pending:
        left, right = pending.pop()
        if type(left) is not type(right):
            return False
        if isinstance(left, dict) and isinstance(right, dict):
            if left.keys() != right.keys():
                return False
            pending += [(value, right[name]) for name, value in left.items()]
        elif isinstance(left, list) and isinstance(right, list):
            if len(left) != len(right):
                return False
            pending += zip(left, right, strict=True)
        elif isinstance(left, float) and isinstance(right, float):
            if left.hex() != right.hex():  # 0.0 and -0.0 make two revisions
                return False
        elif left != right:
            return False
    return True


class _Merge:
    """One merge in progress: where it clashed, and whether the ancestor is unknown."""

    def __init__(self, *, two_way: bool) -> None:
        self.clashes = _Places()
        self._two_way = two_way

    def place(self, base: Place, ours: Place, theirs: Place, path: _Path | None) -> Place:
        """The merged value of a place that is no object on one side; ``ours`` is the earlier side in winner order."""
        if same_json(ours, theirs):
            return ours
        if not self._two_way:
            if same_json(base, ours):
                return theirs
            if same_json(base, theirs):
                return ours
            items = _merge_sets(base, ours, theirs)
            if items is not None:
                return items
        self.clashes.add(path)
        return ours

    def members(self, base: Members, ours: Members, theirs: Members, path: _Path | None = None) -> dict[str, JsonValue]:
        """Two objects, member by member. Enclosing ones wait in a list, so that nesting does not use up the stack."""
        root = _Level(base, ours, theirs, path)
        levels = [root]
        while levels:
            level = levels[-1]
            base, ours, theirs = level.base, level.ours, level.theirs
            for name in level.names:
                before, mine, other = base.get(name, MISSING), ours.get(name, MISSING), theirs.get(name, MISSING)
                if isinstance(mine, dict) and isinstance(other, dict):
                    inner = _Level(before if isinstance(before, dict) else {}, mine, other, _Path(level.path, name))
                    level.merged[name] = inner.merged
                    levels.append(inner)
                    break
                value = self.place(before, mine, other, _Path(level.path, name))
                if not isinstance(value, _Missing):
                    level.merged[name] = value
            else:
                levels.pop()
        return root.merged


class _Level:
    """Two objects that are being merged; ``names`` are the members to come."""

    __slots__ = ("base", "merged", "names", "ours", "path", "theirs")

    def __init__(self, base: Members, ours: Members, theirs: Members, path: _Path | None) -> None:
        self.base, self.ours, self.theirs, self.path = base, ours, theirs, path
        self.names = iter(_names_in_order(base, ours, theirs))
        self.merged: dict[str, JsonValue] = {}


class _Places:
    """JSON Pointers in the order in which they are added, each once; bounded, since a name may be as long as a body."""

    def __init__(self) -> None:
        self._pointers: dict[str, None] = {}
        self._room = POINTERS_AT_MOST

    def add(self, path: _Path | None) -> None:
        """Name a place; the first one for certain."""
        if self._room <= 0:
            return
        pointer = _pointer(path)
        if pointer not in self._pointers:
            self._pointers[pointer] = None
            self._room -= len(pointer) + 1

    def named(self) -> tuple[str, ...]:
        """The pointers."""
        return tuple(self._pointers)


def _pointer(path: _Path | None) -> str:
    tokens: list[str] = []
    while path is not None:
        path, name = path
        tokens.append(pointer_token(name))
    return "".join(f"/{token}" for token in reversed(tokens))


def _names_in_order(*sides: Iterable[str]) -> dict[str, None]:
    return {name: None for side in sides for name in side}


def _merge_sets(base: Place, ours: Place, theirs: Place) -> list[JsonValue] | None:
    """Arrays of unique scalars as ordered sets; None where that does not fit and the place clashes."""
    before = _unique_scalars([] if isinstance(base, _Missing) else base)
    left, right = _unique_scalars(ours), _unique_scalars(theirs)
    if before is None or left is None or right is None:
        return None
    if _reordered(before, left) or _reordered(before, right):
        return None
    kept = [value for key, value in before.items() if key in left and key in right]
    added = {key: value for side in (left, right) for key, value in side.items() if key not in before}
    return [*kept, *added.values()]


def _unique_scalars(value: Place) -> dict[Hashable, JsonValue] | None:
    if not isinstance(value, list):
        return None
    items: dict[Hashable, JsonValue] = {}
    for item in value:
        if isinstance(item, dict | list):
            return None
        items[type(item), item.hex() if isinstance(item, float) else item] = item
    return items if len(items) == len(value) else None


def _reordered(before: dict[Hashable, JsonValue], after: dict[Hashable, JsonValue]) -> bool:
    return [key for key in before if key in after] != [key for key in after if key in before]
