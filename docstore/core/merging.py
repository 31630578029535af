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

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, cast

from docstore.core.json_text import JsonValue


class _Missing:
    """The place does not exist on this side."""


MISSING: Final = _Missing()
Place: TypeAlias = "JsonValue | _Missing"


@dataclass(frozen=True, slots=True)
class Merged:
    """A merged body, its attachments by name, and the JSON Pointers of the places that clashed, in document order."""

    body: dict[str, JsonValue]
    attachments: dict[str, str]
    clashes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Version:
    """One side of a merge: the members of a body without underscore fields, and attachment digests by name."""

    body: Mapping[str, JsonValue]
    attachments: Mapping[str, str]


def merge_versions(ancestor: Version | None, leaves: Sequence[Version]) -> Merged:
    """Fold the leaves, given in winner order, into one version.

    Without an ancestor every difference is a clash, so the result is the winner's body and names all that differs.
    Raises ValueError when there is no leaf.
    """
    if not leaves:
        raise ValueError("a merge needs at least one leaf")
    winner, *others = leaves
    clashes: dict[str, None] = {}
    body: JsonValue = dict(winner.body)
    attachments = dict(winner.attachments)
    base: Place = None if ancestor is None else dict(ancestor.body)
    merge = _Merge(clashes, two_way=ancestor is None)
    for other in others or [winner]:
        body = cast("JsonValue", merge.place(base, body, dict(other.body), ""))
        attachments = merge.digests(
            {} if ancestor is None else ancestor.attachments, attachments, other.attachments, "/_attachments"
        )
    return Merged(cast("dict[str, JsonValue]", body), attachments, tuple(clashes))


def changed_places(before: Mapping[str, JsonValue], after: Mapping[str, JsonValue]) -> tuple[str, ...]:
    """The JSON Pointers of the places that differ between two bodies: objects member by member, the rest as atoms."""
    return tuple(_differences(dict(before), dict(after), ""))


def pointer_token(name: str) -> str:
    """One reference token of a JSON Pointer (RFC 6901, section 3)."""
    return name.replace("~", "~0").replace("/", "~1")


def read_pointer(value: JsonValue, pointer: str) -> JsonValue:
    """The value at a JSON Pointer. Raises KeyError when there is none, ValueError for a malformed pointer."""
    if pointer and not pointer.startswith("/"):
        raise ValueError(pointer)
    for token in pointer.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict):
            value = value[name]
        elif isinstance(value, list) and name.isascii() and name.isdigit() and int(name) < len(value):
            value = value[int(name)]
        else:
            raise KeyError(pointer)
    return value


def same_json(left: Place, right: Place) -> bool:
    """Whether two values are the same JSON: kinds of numbers differ, the order of members does not matter."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same_json(value, right[name]) for name, value in left.items())
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same_json, left, right))
    if isinstance(left, float) and isinstance(right, float):
        return left.hex() == right.hex()  # 0.0 and -0.0 make two revisions
    return left == right


class _Merge:
    """One merge in progress: where it clashed, and whether the ancestor is unknown."""

    def __init__(self, clashes: dict[str, None], *, two_way: bool) -> None:
        self._clashes = clashes
        self._two_way = two_way

    def place(self, base: Place, ours: Place, theirs: Place, pointer: str) -> Place:
        """The merged value of one place; ``ours`` is the earlier side in winner order."""
        if isinstance(ours, dict) and isinstance(theirs, dict):
            return self._members(base if isinstance(base, dict) else {}, ours, theirs, pointer)
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
        self._clashes[pointer] = None
        return ours

    def _members(
        self,
        base: Mapping[str, JsonValue],
        ours: Mapping[str, JsonValue],
        theirs: Mapping[str, JsonValue],
        pointer: str,
    ) -> dict[str, JsonValue]:
        merged: dict[str, JsonValue] = {}
        for name in _names_in_order(base, ours, theirs):
            value = self.place(
                base.get(name, MISSING), ours.get(name, MISSING), theirs.get(name, MISSING), _below(pointer, name)
            )
            if not isinstance(value, _Missing):
                merged[name] = value
        return merged

    def digests(
        self, base: Mapping[str, str], ours: Mapping[str, str], theirs: Mapping[str, str], pointer: str
    ) -> dict[str, str]:
        """Attachments by name: the same rule, a digest is an atom."""
        return cast("dict[str, str]", self._members(base, ours, theirs, pointer))


def _below(pointer: str, name: str) -> str:
    return f"{pointer}/{pointer_token(name)}"


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


def _differences(before: Place, after: Place, pointer: str) -> Iterable[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        for name in _names_in_order(before, after):
            yield from _differences(before.get(name, MISSING), after.get(name, MISSING), _below(pointer, name))
    elif not same_json(before, after):
        yield pointer
