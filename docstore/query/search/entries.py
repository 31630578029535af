"""What one document has in an index: from its fields to terms, columns, facets and what is stored.

Owns the meaning of a field's options. It must not know where fields come from, nor tantivy. A field that is indexed has
its terms, and one value by which it can be sorted and grouped: the greatest, if there are several. Follows
``ClouseauTypeFactory`` of Clouseau (``toStore``, ``toIndex``, ``isFacet``).
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple, TypedDict

from docstore.core.json_text import JsonValue, encode
from docstore.core.partition import partition_of
from docstore.query.search.analyzers import KEYWORD, Analyzers, analyzer_of
from docstore.query.search.terms import BETWEEN, GAP, MAX_TERM, code_of, number_term, presence

ID: Final = "_id"
PARTITION: Final = "_partition"
MAX_COLUMN: Final = 1_024
"""Characters of a text by which a field is sorted and grouped; longer ones are cut. Facets are never cut, but left out
beyond ``MAX_TERM``."""
MAX_REPEATS: Final = 8
"""A boost beyond counts as this one."""

_KEPT_WHOLE: Final = frozenset({"not_analyzed", "not_analyzed_no_norms"})


class Entry(TypedDict):
    """One document in an index, as it crosses from a worker.

    ``id``, ``terms`` (of all fields, ``terms.py``), ``stored`` (JSON of what replies show)
    ``strings``, ``numbers``  ``[field, value]`` by which it is sorted;  ``facets``  ``[field, value]``
    ``several``  fields that have several numbers
    """

    id: str
    terms: str
    stored: bytes
    strings: list[list[Any]]
    numbers: list[list[Any]]
    facets: list[list[Any]]
    several: list[str]


class Field(NamedTuple):
    """One call of ``index``."""

    name: str
    value: str | float | bool
    options: Mapping[str, JsonValue]


class _Gathered:
    def __init__(self, most_terms: int) -> None:
        self.left = most_terms
        self.terms: dict[str, list[str]] = {}
        self.boosts: dict[str, float] = {}
        self.stored: dict[str, list[JsonValue]] = {}
        self.strings: dict[str, str] = {}
        self.numbers: dict[str, float] = {}
        self.facets: list[list[Any]] = []
        self.several: set[str] = set()

    def take(self, field: Field, analyzers: Analyzers) -> None:
        name, value, options = field
        self.left -= 1
        if self.left < 0:
            return
        if _is_stored(options):
            self._store(name, value)
        if isinstance(value, (bool, str)):
            self._take_text(name, value, options, analyzers)
            return
        number = _double(value)
        self.terms.setdefault(name, []).append(code_of(name) + number_term(number))
        if name in self.numbers:
            self.several.add(name)
        self.numbers[name] = max(number, self.numbers.get(name, number))

    def _take_text(self, name: str, value: str | bool, options: Mapping[str, JsonValue], analyzers: Analyzers) -> None:
        text = value if isinstance(value, str) else "true" if value else "false"
        if isinstance(value, str) and options.get("facet") is True and text and len(text) <= MAX_TERM:
            self.facets.append([name, text])
        how = _how(options)
        if how == "no":
            return
        whole = isinstance(value, bool) or how in _KEPT_WHOLE
        analyzer = analyzer_of(KEYWORD) if whole else analyzers.of(name)
        code = code_of(name)
        terms = analyzer.terms(text.replace(BETWEEN, " "))
        self.left -= len(terms)
        if self.left < 0:
            del terms[self.left :]
        if analyzer.name == KEYWORD:
            terms = [term for term in terms if term is None or len(term) <= MAX_TERM]
        self.terms.setdefault(name, []).extend([GAP if term is None else code + term for term in terms])
        cut = text[:MAX_COLUMN]
        self.strings[name] = max(cut, self.strings.get(name, cut))
        boost = options.get("boost")
        if isinstance(boost, (int, float)) and not isinstance(boost, bool):
            self.boosts[name] = max(boost, self.boosts.get(name, 0))

    def _store(self, name: str, value: str | float | bool) -> None:
        self.stored.setdefault(name, []).append(value)

    def shown(self) -> dict[str, JsonValue]:
        """What replies show; several values of a field with the last one first, as in Clouseau."""
        return {name: values[0] if len(values) == 1 else values[::-1] for name, values in self.stored.items()}

    def text(self) -> str:
        parts: list[str] = []
        for name, terms in self.terms.items():
            parts.append(presence(name))
            parts += terms
            # tantivy knows no boost of a field in a document: there its terms count several times instead.
            for _ in range(min(round(self.boosts.get(name, 1)), MAX_REPEATS) - 1):
                self.left -= len(terms)
                if self.left < 0:
                    break
                parts.append(GAP)
                parts += terms
        return BETWEEN.join(parts)


def entry_of(
    doc_id: str, fields: Iterable[Field], analyzers: Analyzers, most_terms: int, *, partitioned: bool
) -> tuple[Entry | None, bool]:
    """What a document has in an index, None if it has nothing; and whether it has more than ``most_terms``."""
    gathered = _Gathered(most_terms)
    for field in fields:
        gathered.take(field, analyzers)
    left_out = gathered.left < 0
    if not (gathered.terms or gathered.stored or gathered.facets):
        return None, left_out
    own = {ID: doc_id}
    partition = partition_of(doc_id) if partitioned else None
    if partition is not None:
        own[PARTITION] = partition
    for name, text in own.items():
        gathered.terms[name] = [code_of(name) + text[:MAX_TERM].replace(BETWEEN, " ")]
    entry = Entry(
        id=doc_id,
        terms=gathered.text(),
        stored=encode(gathered.shown()) if gathered.stored else b"",
        strings=[[name, text] for name, text in gathered.strings.items()],
        numbers=[[name, number] for name, number in gathered.numbers.items()],
        facets=gathered.facets,
        several=sorted(gathered.several),
    )
    return entry, left_out


def _is_stored(options: Mapping[str, JsonValue]) -> bool:
    store = options.get("store")
    return store is True or (isinstance(store, str) and store.lower() == "yes")


def _how(options: Mapping[str, JsonValue]) -> str:
    """How a field is indexed."""
    how = options.get("index", True)
    if how is False:
        return "no"
    if isinstance(how, str):
        how = how.lower()
        return how if how in _KEPT_WHOLE or how == "no" else "analyzed"
    return "analyzed"


def _double(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")
