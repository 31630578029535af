"""Hits in an order, from the first on or behind one that was shown.

Owns the order: by scores, texts, numbers, and always by place in the end, so that no two hits are equal and a page goes
on where the last one ended. It must not know what was asked. As in Lucene a document without a text comes before all
that have one, and one without a number counts as 0. tantivy orders by one column; hits that are equal there are asked
for again by the next one, so the cost is that of the hits that are shown and not of all that match.
"""

from collections.abc import Iterator, Sequence
from enum import Enum
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias, cast

from docstore.query.search.bounds import Allowance
from docstore.query.search.library import tantivy
from docstore.query.search.translating import INFINITE, Translator

if TYPE_CHECKING:
    from tantivy import DocAddress, Query, Searcher

FASTER: Final = 4
"""How many times more hits are looked at, if those with the least score do not show where they end."""


class By(Enum):
    """What an order goes by."""

    SCORE = "score"
    PLACE = "place"
    TEXT = "string"
    NUMBER = "number"


class Key(NamedTuple):
    """One part of an order. ``column`` is None where no document has the field; ``constant`` the score of all."""

    by: By
    column: str | None = None
    descending: bool = False
    constant: float | None = None


Value: TypeAlias = str | float | int | None
Order: TypeAlias = list[Value]


class Hit(NamedTuple):
    """A document that matches: where it is, and a value for each key, with its place at the end."""

    address: "DocAddress"
    order: Order


BY_PLACE: Final = Key(By.PLACE)


class Ordering:
    """Hits of one searcher."""

    def __init__(self, searcher: "Searcher", translator: Translator, allowance: Allowance) -> None:
        self._searcher = searcher
        self._t = translator
        self._allowance = allowance
        order = tantivy().Order
        self._ascending, self._descending = order.Asc, order.Desc

    def count(self, query: "Query") -> int:
        """How many documents match. As all here it raises SearchTimedOut when the time is over."""
        self._allowance.check()
        return int(cast("Any", self._searcher.search(query, 1)).count)  # which its types do not tell

    def hits(self, query: "Query", keys: Sequence[Key], after: Order | None, want: int) -> list[Hit]:
        """The first hits behind ``after``, which has a value for each key; the last key is a place."""
        return list(islice(self._walk(query, keys, after, max(want, 1)), want))

    def _walk(self, query: "Query", keys: Sequence[Key], after: Order | None, want: int) -> Iterator[Hit]:
        key, rest = keys[0], keys[1:]
        if key.by is By.PLACE:
            yield from self._by_place(query, after, want, descending=key.descending)
        elif key.by is By.SCORE and key.constant is None:
            yield from self._by_score(query, after, want, descending=key.descending)
        elif key.by is By.SCORE:
            yield from self._with(key.constant, self._walk(query, rest, after[1:] if after else None, want))
        else:
            parts = _TEXTS if key.by is By.TEXT else _NUMBERS
            if key.descending:
                parts = parts[::-1]
            first = 0 if after is None else next(at for at, part in enumerate(parts) if part.has(after[0]))
            for at, part in enumerate(parts[first:]):
                behind = after if at == 0 else None
                if part.constant:
                    equal = self._t.both(query, self._without_value(key))
                    inner = self._walk(equal, rest, behind[1:] if behind else None, want)
                    yield from self._with(part.value, inner)
                elif key.column is not None:
                    yield from self._by_column(query, keys, part, behind, want)

    def _with(self, value: Value, hits: Iterator[Hit]) -> Iterator[Hit]:
        return (Hit(hit.address, [value, *hit.order]) for hit in hits)

    # --- By one key

    def _by_place(self, query: "Query", after: Order | None, want: int, *, descending: bool) -> Iterator[Hit]:
        behind = None if after is None else int(after[0] or 0)
        while True:
            beyond = self._t.places_before if descending else self._t.places_behind
            part = query if behind is None else self._t.both(query, beyond(behind))
            found = self._ordered(part, "place", want, descending=descending)
            for place, address in found:
                yield Hit(address, [place])
            if len(found) < want:
                return
            behind = found[-1][0]

    def _by_score(self, query: "Query", after: Order | None, want: int, *, descending: bool) -> Iterator[Hit]:
        total = self.count(query)
        limit = want + 1 if descending else total
        while total:
            self._allowance.check()
            found = self._searcher.search(query, max(limit, 1), count=False).hits
            whole = len(found) >= total or not found
            end = -INFINITE if whole else found[-1][0]
            behind = INFINITE if after is None or not descending else float(after[0] or 0)
            scored = [(score, one) for score, one in found if end < score <= behind]
            hits = self._placed(scored, descending=descending)
            if after is not None:
                key = _score_key(after, descending=descending)
                hits = [hit for hit in hits if _score_key(hit.order, descending=descending) > key]
            if whole or len(hits) >= want:
                yield from hits
                return
            limit = min(limit * FASTER, total)

    def _placed(self, scored: Sequence[tuple[Any, Any]], *, descending: bool) -> list[Hit]:
        places = self._places([address for _, address in scored])
        hits = [Hit(address, [score, place]) for (score, address), place in zip(scored, places, strict=True)]
        return sorted(hits, key=lambda hit: _score_key(hit.order, descending=descending))

    def _by_column(
        self, query: "Query", keys: Sequence[Key], part: "_Part", after: Order | None, want: int
    ) -> Iterator[Hit]:
        key, rest = keys[0], keys[1:]
        column = key.column
        assert column is not None
        position = None if after is None else after[0]
        if after is not None:
            yield from self._equal(query, key, position, rest, after[1:], want)
        limit = want + 1
        while True:
            beyond = self._t.both(query, self._beyond(key, part, position))
            found = self._ordered(beyond, column, limit, descending=key.descending)
            full = len(found) == limit
            if isinstance(position, str):  # of a long text the index finds some more
                found = [one for one in found if (one[0] < position if key.descending else one[0] > position)]
            if full and not found:
                limit *= FASTER
                continue
            limit = want + 1
            runs = [(value, [address for _, address in run]) for value, run in groupby(found, lambda one: one[0])]
            for at, (value, addresses) in enumerate(runs):
                open_ended = full and at == len(runs) - 1
                if len(addresses) == 1 and not open_ended and rest == (BY_PLACE,):
                    yield Hit(addresses[0], [value, *self._places(addresses)])
                else:
                    yield from self._equal(query, key, value, rest, None, want)
            if not full:
                return
            position = runs[-1][0]

    def _equal(
        self,
        query: "Query",
        key: Key,
        value: Value,
        rest: Sequence[Key],
        after: Order | None,
        want: int,
    ) -> Iterator[Hit]:
        """The hits with one value, by the other keys."""
        assert key.column is not None
        same = (
            self._t.text_in(key.column, value)
            if isinstance(value, str)
            else self._t.numbers_in(key.column, float(value or 0), float(value or 0))
        )
        return self._with(value, self._walk(self._t.both(query, same), rest, after, want))

    def _beyond(self, key: Key, part: "_Part", position: Value) -> "Query":
        """Documents of a part whose value comes behind one; all of the part, if there is none."""
        assert key.column is not None
        if key.by is By.TEXT:
            if position is None:
                return self._t.has_column(key.column)
            text = str(position)
            return self._t.texts_in(key.column, *((None, text) if key.descending else (text, None)))
        low, high = part.low, part.high
        if position is not None:
            low, high = (low, float(position)) if key.descending else (float(position), high)
        with_low, with_high = low == -INFINITE and position != low, high == INFINITE and position != high
        return self._t.numbers_in(key.column, low, high, with_low=with_low, with_high=with_high)

    def _without_value(self, key: Key) -> "Query":
        """Documents that have no text there, or no number but 0."""
        lacks = self._t.without(self._t.everything(), self._t.has_column(key.column))
        if key.by is By.TEXT or key.column is None:
            return lacks
        return self._t.any_of([lacks, self._t.numbers_in(key.column, 0.0, 0.0)])

    def _ordered(self, query: "Query", column: str, limit: int, *, descending: bool) -> list[tuple[Any, "DocAddress"]]:
        self._allowance.check()
        order = self._descending if descending else self._ascending
        return self._searcher.search(query, limit, count=False, order_by_field=column, order=order).hits

    def _places(self, addresses: list["DocAddress"]) -> list[int]:
        return [int(place or 0) for place in self._searcher.fast_field_values("place", addresses)]


class _Part(NamedTuple):
    """A part of an order in which all have the same value, or all have one between two others."""

    constant: bool
    value: Value
    low: float = 0.0
    high: float = 0.0

    def has(self, value: Value) -> bool:
        """Whether a value is of this part."""
        if isinstance(value, str) or value is None:
            return self.constant == (value is None)
        if self.constant:
            return value == 0
        return self.low < value <= self.high if self.high > 0 else self.low <= value < self.high


_TEXTS: Final = (_Part(constant=True, value=None), _Part(constant=False, value=None))
_NUMBERS: Final = (
    _Part(constant=False, value=None, low=-INFINITE),
    _Part(constant=True, value=0.0),
    _Part(constant=False, value=None, high=INFINITE),
)


def _score_key(order: Order, *, descending: bool) -> tuple[float, int]:
    score, place = order
    score = float(score or 0)
    return -score if descending else score, int(place or 0)
