"""A question answered from an index.

Owns the answer: hits of a page, what they show, counts of facets and ranges, groups. It must not know HTTP or how an
index is built. It takes its time, which is looked at between the steps of tantivy, and is called in a thread. Follows
``IndexService`` of Clouseau.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from docstore.core.json_text import JsonValue, decode, encode
from docstore.errors import BadRequest
from docstore.query.search.analyzers import Analyzers
from docstore.query.search.asked import NO_ROWS, Grouping, Question, SortField, bookmark_of
from docstore.query.search.bounds import BYTES_OF_A_VALUE, Allowance
from docstore.query.search.entries import ID, PARTITION
from docstore.query.search.folder import Folder, stored_in, told, unusable
from docstore.query.search.highlighting import Highlighter
from docstore.query.search.ordering import BY_PLACE, By, Hit, Key, Order, Ordering
from docstore.query.search.terms import code_of
from docstore.query.search.translating import INFINITE, Translator, constant_score
from docstore.settings import SearchSettings

if TYPE_CHECKING:
    from tantivy import Query

GROUPS_AT_ONCE: Final = 200
"""Hits that are looked at together for groups that are not known yet."""


class Row(NamedTuple):
    """A hit as it is shown. ``fields``: JSON; ``highlights`` is None where nobody asked for them."""

    id: str
    order: list[JsonValue]
    fields: bytes
    highlights: dict[str, JsonValue] | None = None


class Group(NamedTuple):
    """The hits with one value, None for those without."""

    by: str | None
    total: int
    rows: list[Row]


class Answer(NamedTuple):
    """An answer. ``groups`` instead of ``rows`` where groups were asked for."""

    total: int
    rows: list[Row]
    bookmark: str
    counts: dict[str, JsonValue] | None = None
    ranges: dict[str, JsonValue] | None = None
    groups: list[Group] | None = None


def answer(folder: Folder, analyzers: Analyzers, question: Question, limits: SearchSettings) -> Answer:
    """The answer to a question. Raises BadRequest, SearchTimedOut, StorageFailed."""
    with told():
        return _Answering(folder, analyzers, question, limits).answer()


def found_ids(
    folder: Folder, analyzers: Analyzers, question: Question, limits: SearchSettings
) -> list[tuple[str, Order]]:
    """The ids of a question's hits alone, each with what it is in order by. Raises as ``answer``."""
    with told():
        return _Answering(folder, analyzers, question, limits).ids()


class _Answering:
    def __init__(self, folder: Folder, analyzers: Analyzers, question: Question, limits: SearchSettings) -> None:
        self._folder = folder
        self._analyzers = analyzers
        self._question = question
        self._most_facets = limits.max_facet_values
        self._allowance = Allowance(limits.max_time, limits.max_answer)
        self._searcher = folder.searcher()
        self._t = Translator(folder, analyzers)
        self._ordering = Ordering(self._searcher, self._t, self._allowance)
        self._query = self._narrowed(self._t.query(question.query))
        how = question.highlighting
        self._highlighter = None if how is None else Highlighter(question.query, analyzers, how, self._allowance)

    def answer(self) -> Answer:
        question = self._question
        counts, ranges = self._counts(), self._ranges()
        total = self._ordering.count(self._query)
        if question.grouping is not None:
            return Answer(total, [], "", counts, ranges, self._groups(question.grouping))
        hits: list[Hit] = []
        if question.limit:
            hits = self._ordering.hits(self._query, self._keys(question.sort), question.after, question.limit)
        bookmark = bookmark_of(hits[-1].order, question.sort) if hits else (question.bookmark or NO_ROWS)
        return Answer(total, [self._row(hit) for hit in hits], bookmark, counts, ranges)

    def ids(self) -> list[tuple[str, Order]]:
        """The ids of its hits."""
        question = self._question
        hits = self._ordering.hits(self._query, self._keys(question.sort), question.after, question.limit)
        return [(self._stored(hit)[0], hit.order) for hit in hits]

    def _narrowed(self, query: "Query") -> "Query":
        """Within the partition, and with the facets that were chosen."""
        question = self._question
        others: list[Query] = []
        if question.partition is not None:
            others.append(self._t.term(PARTITION, question.partition))
        for field, *values in question.drilldown:
            others.append(self._t.any_of([self._t.facet(field, value) for value in values]))
        return self._t.both(query, *others) if others else query

    # --- Orders

    def _keys(self, sort: Sequence[SortField]) -> tuple[Key, ...]:
        keys: list[Key] = []
        for by, field, descending in sort:
            if by is By.SCORE:
                if len(sort) > 1:
                    raise BadRequest("Scores cannot be sorted by together with fields.")
                keys.append(Key(by, None, descending, constant_score(self._question.query, self._analyzers)))
            elif by is By.PLACE:
                keys.append(Key(by, None, descending))
            else:
                keys.append(Key(by, self._column(by, field), descending))
            if by is By.PLACE:
                return tuple(keys)
        return (*keys, BY_PLACE)

    def _column(self, by: By, field: str) -> str | None:
        if field == ID and by is By.TEXT:
            return "id"
        if by is By.TEXT:
            return self._folder.string_column(field)
        return self._folder.number_column(field)

    # --- Rows

    def _row(self, hit: Hit) -> Row:
        self._allowance.check()
        doc_id, body = self._stored(hit)
        shown = self._question.fields
        highlights: dict[str, JsonValue] | None = None
        if shown is not None or self._highlighter is not None:
            fields = _fields_of(body)
            if self._highlighter is not None and self._question.highlighting is not None:
                names = self._question.highlighting.fields
                highlights = {name: self._fragments(name, fields.get(name)) for name in names}
            if shown is not None:
                body = encode({name: value for name, value in fields.items() if name in shown})
        self._allowance.take(BYTES_OF_A_VALUE + len(doc_id) + len(body))
        return Row(doc_id, list(map(_shown, hit.order)), body, highlights)

    def _stored(self, hit: Hit) -> tuple[str, bytes]:
        """The id of a hit, and its fields as JSON. Raises Unusable."""
        doc_id, body = stored_in(self._searcher.doc(hit.address))
        if not doc_id:
            raise unusable("A document has no id.")
        return doc_id, body or b"{}"

    def _fragments(self, name: str, stored: JsonValue) -> list[JsonValue]:
        assert self._highlighter is not None
        texts: Iterable[JsonValue] = stored if isinstance(stored, list) else [stored]
        return [one for text in texts if isinstance(text, str) for one in self._highlighter.fragments(name, text)]

    # --- Facets

    def _counts(self) -> dict[str, JsonValue] | None:
        wanted = self._question.counts
        if wanted is None or not self._folder.state.facets:  # as Clouseau, which says nothing then
            return None
        counts: dict[str, JsonValue] = {}
        for field in wanted:
            if not self._folder.has_facet(field):
                raise BadRequest(f'dimension "{field}" was not indexed')
            self._allowance.check()
            terms = {"field": f"facets.{code_of(field)}", "size": self._most_facets}
            found = self._searcher.aggregate(self._query, {"counts": {"terms": terms}})
            buckets = {str(one["key"]): int(one["doc_count"]) for one in found["counts"]["buckets"]}
            self._allowance.take(sum(map(len, buckets)) + BYTES_OF_A_VALUE * len(buckets))
            counts[field] = {value: buckets[value] for value in sorted(buckets)}
        return counts

    def _ranges(self) -> dict[str, JsonValue] | None:
        wanted = self._question.ranges
        if wanted is None:
            return None
        ranges: dict[str, JsonValue] = {}
        for field, labels in wanted.items():
            ranges[field] = {
                label: self._ordering.count(self._t.both(self._query, self._t.between(replace(asked, field=field))))
                for label, asked in sorted(labels.items())
            }
        return ranges

    # --- Groups

    def _groups(self, grouping: Grouping) -> list[Group]:
        column = self._folder.string_column(grouping.field)
        keys, rows = self._keys(grouping.sort), self._keys(self._question.sort)
        groups: list[Group] = []
        for value in self._group_values(grouping, column, keys):
            within = self._t.both(self._query, self._of_group(column, value))
            hits = self._ordering.hits(within, rows, None, self._question.limit)
            groups.append(Group(value, self._ordering.count(within), [self._row(hit) for hit in hits]))
        return groups

    def _group_values(self, grouping: Grouping, column: str | None, keys: Sequence[Key]) -> list[str | None]:
        """The values of the groups, in the order of each one's first hit."""
        values: dict[str | None, None] = {}
        query = self._query
        while len(values) < grouping.limit:
            hits = self._ordering.hits(query, keys, None, GROUPS_AT_ONCE)
            values |= dict.fromkeys(self._values(column, hits))
            if len(hits) < GROUPS_AT_ONCE:
                break
            query = self._t.without(self._query, self._t.any_of([self._of_group(column, value) for value in values]))
        return list(values)[: grouping.limit]

    def _of_group(self, column: str | None, value: str | None) -> "Query":
        if value is None or column is None:
            return self._t.without(self._t.everything(), self._t.has_column(column))
        return self._t.text_in(column, value)

    def _values(self, column: str | None, hits: Sequence[Hit]) -> list[str | None]:
        """The group of each hit. tantivy tells texts of a column only as what it has ordered by."""
        if column is None or not hits:
            return [None] * len(hits)
        ids = [self._stored(hit)[0] for hit in hits]
        self._allowance.check()
        found = self._searcher.search(self._t.ids(ids), len(ids), count=False, order_by_field=column).hits
        by_address: dict[tuple[int, int], Any] = {(at.segment_ord, at.doc): value for value, at in found}
        return [by_address.get((hit.address.segment_ord, hit.address.doc)) for hit in hits]


def _fields_of(body: bytes) -> dict[str, JsonValue]:
    """What was stored of a document. Raises Unusable."""
    try:
        fields = decode(body)
    except BadRequest:
        fields = None
    if not isinstance(fields, dict):
        raise unusable("The fields of a document are not what was written.")
    return fields


def _shown(value: str | float | int | None) -> JsonValue:
    if value in (INFINITE, -INFINITE):
        return "Infinity" if value == INFINITE else "-Infinity"
    return value
