"""What workers do for searches: documents into entries of an index.

Owns the function that a worker process is asked for; plain data in and out. All that costs time for each word is done
here. It must not know databases or tantivy's index.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, TypedDict, cast

from docstore.core.json_text import JsonValue, decode, encode
from docstore.query.javascript.indexing import IndexFunction
from docstore.query.search.analyzers import Analyzers, analyzers_of
from docstore.query.search.entries import Entry, Field, entry_of
from docstore.query.search.selected import TextFields, text_fields_of
from docstore.settings import FunctionSettings

MAX_FUNCTIONS: Final = 16


class Entries(TypedDict):
    """The entries of some documents, the ids of those that have none, and what the function logged."""

    entries: list[Entry]
    none: list[str]
    log: list[str]


def index_documents(
    definition: str,
    limits: Mapping[str, Any],
    partitioned: bool,
    most_terms: int,
    ids: Sequence[str],
    documents: Sequence[bytes],
) -> Entries:
    """The entries of some documents. ``definition``: ``SearchPlan.definition``; ``limits``: of FunctionSettings.

    ``most_terms``: that a document has; what comes behind them is not in the index, and the log says so.
    Raises what the function fails with.
    """
    found = Entries(entries=[], none=[], log=[])
    analyzers, declared = _declared(definition)
    if declared is not None:
        bodies = (cast("dict[str, JsonValue]", decode(text)) for text in documents)
        fields: Iterable[Iterable[Field]] = map(declared.of, bodies)
    else:
        function = _function(definition, FunctionSettings(**limits))
        fields = map(_read, function.fields(documents))
        found["log"] = function.take_log()
    for doc_id, some in zip(ids, fields, strict=True):
        entry, left_out = entry_of(doc_id, some, analyzers, most_terms, partitioned=partitioned)
        if left_out:
            found["log"].append(f"{doc_id} has more than {most_terms} terms; the others are not searched for")
        if entry is None:
            found["none"].append(doc_id)
        else:
            found["entries"].append(entry)
    return found


def joined(first: Entries, second: Entries) -> Entries:
    """The entries of different documents, together."""
    return Entries(
        entries=first["entries"] + second["entries"],
        none=first["none"] + second["none"],
        log=first["log"] + second["log"],
    )


def analyze(analyzer: JsonValue, text: str) -> bytes:
    """The terms of a text, as JSON: of a long one they are a million. Raises BadRequest for no analyzer."""
    analyzers = analyzers_of(analyzer)
    return encode([term for term in analyzers.default.terms(text) if term is not None])


def _read(text: bytes) -> Iterator[Field]:
    for name, value, options in cast("list[list[Any]]", decode(text)) if text else ():
        if isinstance(name, str) and isinstance(value, (str, int, float)):  # NaN has become null
            yield Field(name, value, options if isinstance(options, dict) else {})


@lru_cache(MAX_FUNCTIONS)
def _function(definition: str, limits: FunctionSettings) -> IndexFunction:
    members = cast("dict[str, JsonValue]", decode(definition.encode()))
    return IndexFunction(cast("str", members["index"]), limits)


@lru_cache(MAX_FUNCTIONS)
def _declared(definition: str) -> tuple[Analyzers, TextFields | None]:
    """The analyzers of an index, and which fields it has if these are declared."""
    members = cast("dict[str, JsonValue]", decode(definition.encode()))
    source = members["index"]
    return analyzers_of(members["analyzer"]), text_fields_of(source) if isinstance(source, dict) else None
