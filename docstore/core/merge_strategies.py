"""How the one content is found that shall be left of a conflict.

    Keep       a leaf stays as it is, the winner or another one
    Replace    somebody says what the content is
    ThreeWay   the leaves are merged against their common ancestor (``merging.py``)
    Latest     the leaf with the greatest value at one place

Owns these strategies, and the step from the contents of leaves to the content of the result, attachments included. It
must not know where contents come from: a store here and a CouchDB elsewhere, asked for the same leaves and ancestor,
come to the same result, and therefore to the same revision. Sequence numbers and the order of arrival have no part in
it. What is done to the tree is the business of ``resolution.py``.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeAlias

from docstore.core.attachment import Attachment
from docstore.core.collation import compare
from docstore.core.document import Document
from docstore.core.json_text import JsonValue
from docstore.core.merging import Version, merge_versions, read_pointer
from docstore.core.rev import Rev
from docstore.errors import AncestorUnavailable, MergeClash

OnConflict: TypeAlias = Literal["fail", "winner"]
Ancestor: TypeAlias = Literal["required", "if-available"]

NAMED_IN_REASON: Final = 5
NAMED_LENGTH: Final = 100
"""Clashes that stand in an error's sentence, and how much of each; its details have the rest."""


@dataclass(frozen=True, slots=True)
class Keep:
    """``rev`` stays; None is the winner."""

    rev: Rev | None = None


@dataclass(frozen=True, slots=True)
class Replace:
    """Somebody's content. ``document.rev`` counts for nothing: it becomes an edit of the winner."""

    document: Document


@dataclass(frozen=True, slots=True)
class ThreeWay:
    """Merge. ``on_conflict``: what a clash does, ``ancestor``: whether there can be a merge without its body."""

    on_conflict: OnConflict = "fail"
    ancestor: Ancestor = "required"


@dataclass(frozen=True, slots=True)
class Latest:
    """The leaf with the greatest value at this JSON Pointer, in the order of views; ties by winner order."""

    by: str


Merge: TypeAlias = ThreeWay | Latest
Strategy: TypeAlias = Keep | Replace | Merge


class Content(NamedTuple):
    """What a revision holds: the members of its body, and its attachments in the document's order."""

    rev: Rev
    body: Mapping[str, JsonValue]
    attachments: tuple[Attachment, ...] = ()


class Origin(NamedTuple):
    """An attachment of a result, and the leaf that it is taken from."""

    attachment: Attachment
    leaf: Rev


@dataclass(frozen=True, slots=True)
class MergeResult:
    """The content of the result. ``clashes`` are JSON Pointers; where there are some, the winner prevailed."""

    body: Mapping[str, JsonValue]
    attachments: tuple[Origin, ...]
    clashes: tuple[str, ...] = ()


def merge_leaves(how: Merge, leaves: Iterable[Content], ancestor: Content | None) -> MergeResult:
    """The result of merging live leaves, given in winner order and looked at one by one.

    ``ancestor`` is the content of their common ancestor, None where it is not at hand; ``Latest`` asks for none.
    Raises AncestorUnavailable; MergeClash if the strategy leaves a clash open.
    """
    if isinstance(how, Latest):
        return _latest(how.by, leaves)
    if ancestor is None and how.ancestor == "required":
        raise AncestorUnavailable
    found: dict[tuple[str, str], Origin] = {}
    base = None if ancestor is None else _version(ancestor)
    merged = merge_versions(base, _versions(leaves, found))
    if merged.clashes and how.on_conflict == "fail":
        raise _clash(merged.clashes)
    attachments = tuple(found[name, token] for name, token in merged.attachments.items())
    return MergeResult(merged.body, attachments, merged.clashes)


def _latest(by: str, leaves: Iterable[Content]) -> MergeResult:
    best: tuple[JsonValue, Content] | None = None
    for leaf in leaves:
        try:
            value = read_pointer(dict(leaf.body), by)
        except KeyError:
            continue
        if best is None or compare(value, best[0]) > 0:
            best = value, leaf
    if best is None:
        error = MergeClash(f"No leaf has a value at '{by[:NAMED_LENGTH]}'.")
        error.details = {"clashes": [by]}
        raise error
    leaf = best[1]
    return MergeResult(leaf.body, tuple(Origin(each, leaf.rev) for each in leaf.attachments))


def _versions(leaves: Iterable[Content], found: dict[tuple[str, str], Origin]) -> Iterator[Version]:
    """The leaves as sides of a merge; notes in ``found`` what each attachment stands for."""
    for leaf in leaves:
        for each in leaf.attachments:
            found.setdefault((each.name, _token(each)), Origin(each, leaf.rev))
        yield _version(leaf)


def _version(content: Content) -> Version:
    return Version(content.body, {each.name: _token(each) for each in content.attachments})


def _token(attachment: Attachment) -> str:
    """Equal for attachments that are the same to a revision, which their type and digest make."""
    return f"{attachment.digest} {attachment.content_type}"


def _clash(places: tuple[str, ...]) -> MergeClash:
    named = ", ".join(f"'{place[:NAMED_LENGTH]}'" for place in places[:NAMED_IN_REASON])
    more = f" and {len(places) - NAMED_IN_REASON} more" if len(places) > NAMED_IN_REASON else ""
    error = MergeClash(f"The leaves differ at {named}{more}.")
    error.details = {"clashes": list(places)}
    return error
