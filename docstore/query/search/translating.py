"""Queries as tantivy's.

Owns the meaning of a query's parts in an index: terms by the field's analyzer, patterns, ranges of numbers and texts,
what must match and what must not. It must not know how a query is written. As in Lucene a part of which nothing is left
by its analyzer (stop words) is no part, and what only says what must not match matches nothing.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from docstore.core.lucene.nodes import Between, Boost, Combined, Everything, Fuzzy, Occur, Pattern, Query, Regex, Text
from docstore.core.lucene.numbers import number_of
from docstore.errors import BadRequest
from docstore.query.search.analyzers import KEYWORD, Analyzers
from docstore.query.search.folder import Folder
from docstore.query.search.library import tantivy
from docstore.query.search.patterns import (
    MAX_BOUND,
    check_wild,
    cut_high,
    cut_low,
    of_range,
    of_regex,
    of_wildcards,
)
from docstore.query.search.terms import BETWEEN, code_of, number_term

if TYPE_CHECKING:
    from tantivy import Query as Made

TERMS: Final = "terms"
INFINITE: Final = float("inf")


class Translator:
    """What makes queries for one index as it is now."""

    def __init__(self, folder: Folder, analyzers: Analyzers) -> None:
        library = tantivy()
        self._make: type[Made] = library.Query
        self._kinds = library.FieldType
        self._folder = folder
        self._schema = folder.schema
        self._analyzers = analyzers
        self._occurs = {
            Occur.MUST: library.Occur.Must,
            Occur.NOT: library.Occur.MustNot,
            Occur.SHOULD: library.Occur.Should,
        }

    def query(self, query: Query) -> "Made":
        """What matches a query. Raises BadRequest for a pattern that cannot be searched for."""
        found = self._query(query)
        return self.nothing() if found is None else found

    # --- Parts

    def everything(self) -> "Made":
        """All documents, but not the one that has the index's state."""
        return self._make.exists_query("place")

    def nothing(self) -> "Made":
        """None."""
        return self._make.empty_query()

    def both(self, *queries: "Made") -> "Made":
        """What matches all of them; the score is the first one's."""
        first, *others = queries
        must = self._occurs[Occur.MUST]
        return self._make.boolean_query(
            [(must, first), *((must, self._make.const_score_query(one, 0.0)) for one in others)]
        )

    def without(self, query: "Made", other: "Made") -> "Made":
        """What matches the one and not the other."""
        return self._make.boolean_query([(self._occurs[Occur.MUST], query), (self._occurs[Occur.NOT], other)])

    def any_of(self, queries: Sequence["Made"]) -> "Made":
        """What matches one of them."""
        return self._make.boolean_query([(self._occurs[Occur.SHOULD], one) for one in queries])

    def has_column(self, column: str | None) -> "Made":
        """Documents that have a value there."""
        return self.nothing() if column is None else self._make.exists_query(column)

    def text_in(self, column: str, text: str) -> "Made":
        """Documents that have this text there."""
        return self._make.term_query(self._schema, column, text)

    def texts_in(self, column: str, low: str | None, high: str | None) -> "Made":
        """Documents that have a text there between two others, neither of them included.

        Of long ones some may be found that are before the one or behind the other.
        """
        first, last = None if low is None else cut_low(low), None if high is None else cut_high(high)
        pattern = of_range(first, last, with_low=first != low or low is None, with_high=last != high or high is None)
        return self.nothing() if pattern is None else self._make.regex_query(self._schema, column, pattern)

    def numbers_in(
        self, column: str, low: float, high: float, *, with_low: bool = True, with_high: bool = True
    ) -> "Made":
        """Documents that have a number there."""
        kind = self._kinds.Unsigned if column == "place" else self._kinds.Float
        return self._make.range_query(
            self._schema, column, kind, low, high, include_lower=with_low, include_upper=with_high
        )

    def places_behind(self, place: int) -> "Made":
        """Documents that came later than one."""
        return self._make.range_query(self._schema, "place", self._kinds.Unsigned, place, None, include_lower=False)

    def places_before(self, place: int) -> "Made":
        """Documents that came earlier than one."""
        return self._make.range_query(self._schema, "place", self._kinds.Unsigned, None, place, include_upper=False)

    def ids(self, ids: Sequence[str]) -> "Made":
        """Documents with these ids."""
        return self._make.term_set_query(self._schema, "id", ids)

    def facet(self, field: str, value: str) -> "Made":
        """Documents that have this value as a facet."""
        return self._make.term_query(self._schema, f"facets.{code_of(field)}", value)

    def term(self, field: str, term: str) -> "Made":
        """Documents that have a term in a field."""
        return self._make.term_query(self._schema, TERMS, code_of(field) + term)

    # --- What was asked

    def _query(self, query: Query) -> "Made | None":
        match query:
            case Everything():
                return self.everything()
            case Text():
                return self._text(query)
            case Pattern(field, text):
                return self._pattern(field, check_wild(of_wildcards(self._lowered(field, text))))
            case Regex(field, pattern):
                return self._pattern(field, check_wild(of_regex(self._lowered(field, pattern))))
            case Fuzzy():
                return self._fuzzy(query)
            case Between():
                return self.between(query)
            case Boost(inner, factor):
                found = self._query(inner)
                return None if found is None else self._make.boost_query(found, factor)
            case Combined():
                return self._combined(query)

    def _combined(self, query: Combined) -> "Made | None":
        parts = [
            (self._occurs[occur], found) for occur, part in query.parts if (found := self._query(part)) is not None
        ]
        return self._make.boolean_query(parts) if parts else None

    def _text(self, query: Text) -> "Made | None":
        if not query.quoted:
            number = number_of(query.text)
            if number is not None:
                return self._make.const_score_query(self.term(query.field, number_term(number)), 1.0)
        terms = self._analyzers.of(query.field).terms(query.text.replace(BETWEEN, " "))
        found = [(place, term) for place, term in enumerate(terms) if term is not None]
        if not found:
            return None
        if len(found) == 1:
            term = self.term(query.field, found[0][1])
            return self._make.const_score_query(term, 1.0) if self._is_whole(query.field) else term
        if not query.quoted:
            return self.any_of([self.term(query.field, term) for _, term in found])
        code, before = code_of(query.field), found[0][0]
        return self._make.phrase_query(
            self._schema, TERMS, [(place - before, code + term) for place, term in found], query.slop
        )

    def _pattern(self, field: str, pattern: str) -> "Made":
        try:  # no file is read for it, so what it fails with is the pattern's fault
            return self._make.regex_query(self._schema, TERMS, f"{code_of(field)}(?:{pattern})")
        except ValueError as error:
            raise BadRequest(f"This pattern cannot be searched for: {error}") from None

    def _fuzzy(self, query: Fuzzy) -> "Made":
        text = self._lowered(query.field, query.text)
        if query.edits == 0:
            return self.term(query.field, text)
        return self._make.fuzzy_term_query(self._schema, TERMS, code_of(query.field) + text, query.edits)

    def between(self, query: Between) -> "Made":
        """What is in a range. If both ends are numbers it is one of numbers, as in Clouseau."""
        low = number_of("-Infinity" if query.low is None else query.low)
        high = number_of("Infinity" if query.high is None else query.high)
        if low is not None and high is not None:
            return self._numbers(query, low, high)
        texts = [None if end is None else self._lowered(query.field, end) for end in (query.low, query.high)]
        if any(text is not None and len(text) > MAX_BOUND for text in texts):
            raise BadRequest(f"A bound of a range of texts has more than {MAX_BOUND} characters.")
        pattern = of_range(*texts, with_low=query.with_low, with_high=query.with_high)
        return self.nothing() if pattern is None else self._pattern(query.field, pattern)

    def _numbers(self, query: Between, low: float, high: float) -> "Made":
        if low != low or high != high:  # NaN: greater than all, to Lucene; no document has it
            return self.nothing()
        column = self._folder.number_column(query.field)
        if column is not None and not self._has_several(query.field):
            return self.numbers_in(column, low, high, with_low=query.with_low, with_high=query.with_high)
        pattern = of_range(number_term(low), number_term(high), with_low=query.with_low, with_high=query.with_high)
        return self.nothing() if pattern is None else self._pattern(query.field, pattern)

    def _has_several(self, field: str) -> bool:
        """Whether a document may have several numbers in a field, of which its column has the greatest alone."""
        return field in self._folder.several

    def _is_whole(self, field: str) -> bool:
        """Whether its values are terms as they are: all of the same length, so that none counts more than another."""
        return self._analyzers.of(field).name == KEYWORD

    def _lowered(self, field: str, text: str) -> str:
        return text.lower() if self._analyzers.of(field).lowers else text


def constant_score(query: Query, analyzers: Analyzers) -> float | None:
    """The score that all documents have that match a query; None where it depends on them."""
    match query:
        case Everything() | Pattern() | Regex() | Between():
            return 1.0
        case Fuzzy():
            return 1.0 if query.edits else None
        case Text(field, text, quoted):
            whole = analyzers.of(field).name == KEYWORD
            return 1.0 if whole or (not quoted and number_of(text) is not None) else None
        case Boost(inner, factor):
            score = constant_score(inner, analyzers)
            return None if score is None else score * factor
        case Combined(parts):
            total = 0.0
            for occur, part in parts:
                if occur is Occur.NOT:
                    continue
                score = constant_score(part, analyzers) if occur is Occur.MUST else None
                if score is None:
                    return None
                total += score
            return total
