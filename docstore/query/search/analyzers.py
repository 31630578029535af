"""Analyzers: what makes terms of a text.

Owns their names and rules. It must not know indexes. Words are found by rules of its own, Unicode's word breaks (by ICU
where a text is more than ASCII), and stemmed by tantivy, as Snowball does it; Lucene's stemmers of some languages are
others, and for Basque, Czech and the like there are none. Follows ``SupportedAnalyzers`` of Clouseau and the analyzers
of Lucene that it names.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from itertools import pairwise
from typing import Final, NamedTuple

import icu

from docstore.core.json_text import JsonValue
from docstore.errors import BadRequest
from docstore.query.search.library import tantivy
from docstore.query.search.stop_words import ENGLISH

STANDARD: Final = "standard"
KEYWORD: Final = "keyword"
PER_FIELD: Final = "perfield"
MAX_WORD: Final = 255
"""Characters of a word, but for keywords; longer ones are cut."""
MAX_REMEMBERED: Final = 20_000

_ASCII: Final = re.compile(r"(?:[A-Za-z0-9_]|(?<=[A-Za-z])[.':](?=[A-Za-z])|(?<=[0-9])[.',;](?=[0-9]))+")
_ALNUM: Final = re.compile(r"[^\W_]")
_LETTERS: Final = re.compile(r"(?:[^\W\d_]|(?<=[^\W\d_])[\u0300-\u036f])+")
_BLACK: Final = re.compile(r"\S+")
_WHOLE: Final = re.compile(r".+", re.DOTALL)
_CLASSIC: Final = re.compile(
    r"[\w.-]+@\w+(?:[.-]\w+)+|(?:[^\W\d_]\.){2,}(?!\w)|\w+(?:\.\w+)+|[^\W\d_]+(?:'[^\W\d_]+)+|\w+(?:[-/.,]\w*\d\w*)+|\w+"
)
_EMAIL: Final = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"
    r"|(?:https?|ftp)://[^\s<>\"]*[^\s<>\".,;:!?)]"
)
_SINGLE: Final = re.compile(r"[\u3040-\u309f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_ACRONYM: Final = re.compile(r"(?:[^\W\d_]\.){2,}")

# Analyzer -> what tantivy calls its language, and whether it has a list of words to leave out.
_LANGUAGES: Final[dict[str, tuple[str | None, bool]]] = {
    "arabic": ("arabic", False), "armenian": (None, False), "basque": (None, False), "brazilian": ("portuguese", True),
    "bulgarian": (None, False), "catalan": (None, False), "chinese": (None, False), "czech": (None, False),
    "danish": ("danish", True), "dutch": ("dutch", True), "finnish": ("finnish", True), "french": ("french", True),
    "galician": (None, False), "german": ("german", True), "greek": ("greek", False), "hindi": (None, False),
    "hungarian": ("hungarian", True), "indonesian": (None, False), "irish": (None, False), "italian": ("italian", True),
    "japanese": (None, False), "latvian": (None, False), "norwegian": ("norwegian", True), "persian": (None, False),
    "polish": (None, False), "portuguese": ("portuguese", True), "romanian": ("romanian", False),
    "russian": ("russian", True), "spanish": ("spanish", True), "swedish": ("swedish", True), "thai": (None, False),
    "turkish": ("turkish", False), "english": ("english", False), "cjk": (None, False),
}  # fmt: skip


class Span(NamedTuple):
    """A word of a text that is a term: where it stands, and the term."""

    start: int
    end: int
    term: str


Spans = Callable[[str], Iterator[tuple[int, int]]]


class Analyzer:
    """One analyzer. ``lowers``: whether patterns are put in lower case, as all are but for keywords."""

    def __init__(self, name: str, spans: Spans, term_of: Callable[[str], str | None], *, lowers: bool = True) -> None:
        self.name = name
        self.lowers = lowers
        self._spans = spans
        self._term_of = term_of
        self._known: dict[str, str | None] = {}

    def terms(self, text: str) -> list[str | None]:
        """The terms of a text in their order; None for a word that is none."""
        known = self._known
        return [known[word] if word in known else self._learn(word) for word in self._words(text)]

    def _words(self, text: str) -> list[str]:
        if self._spans is _words and text.isascii() and "_" not in text:  # the same, and three times as fast
            return _ASCII.findall(text)
        return [text[start:end] for start, end in self._spans(text)]

    def spans(self, text: str) -> Iterator[Span]:
        """The same with their places."""
        for start, end in self._spans(text):
            term = self._learn(text[start:end])
            if term is not None:
                yield Span(start, end, term)

    def _learn(self, word: str) -> str | None:
        term = self._term_of(word)
        if len(self._known) >= MAX_REMEMBERED:
            self._known.clear()
        if len(word) <= MAX_WORD:
            self._known[word] = term
        return term


class Analyzers:
    """Those of an index: one for most fields, others for some; some fields are keywords always."""

    def __init__(self, default: Analyzer, fields: Mapping[str, Analyzer]) -> None:
        self.default = default
        keyword = analyzer_of(KEYWORD)
        self._fields = {**fields, "_id": keyword, "_partition": keyword, "$fieldnames": keyword}

    def of(self, field: str) -> Analyzer:
        """That of a field."""
        return self._fields.get(field, self.default)


def analyzers_of(definition: JsonValue) -> Analyzers:
    """What an index says of its analyzers: a name, or an object with ``name``. Raises BadRequest."""
    if not isinstance(definition, dict) or definition.get("name") != PER_FIELD:
        return Analyzers(analyzer_of(definition), {})
    fields = definition.get("fields", {})
    if not isinstance(fields, dict):
        raise _unknown(fields)
    default = analyzer_of(definition.get("default", STANDARD))
    return Analyzers(default, {field: analyzer_of(one) for field, one in fields.items()})


def analyzer_of(definition: JsonValue) -> Analyzer:
    """One analyzer by its name, or an object with ``name`` and perhaps ``stopwords``. Raises BadRequest."""
    name: JsonValue = definition
    stop_words: JsonValue = None
    if isinstance(definition, dict):
        name, stop_words = definition.get("name"), definition.get("stopwords")
    if not isinstance(name, str):
        raise _unknown(definition)
    words = None
    if isinstance(stop_words, list):
        words = tuple(sorted({word for word in stop_words if isinstance(word, str)}))
    return _made(name, words)


def _unknown(definition: JsonValue) -> BadRequest:
    told = definition if isinstance(definition, str) else "This"
    return BadRequest(f"{told} is no analyzer.", error="no_such_analyzer")


@lru_cache(256)
def _made(name: str, stop_words: tuple[str, ...] | None) -> Analyzer:
    left_out = None if stop_words is None else frozenset(stop_words)
    if name == KEYWORD:
        return Analyzer(name, _by(_WHOLE), lambda word: word, lowers=False)
    if name == "whitespace":
        return Analyzer(name, _by(_BLACK), lambda word: word[:MAX_WORD])
    if name == "simple":
        return Analyzer(name, _by(_LETTERS), lambda word: word.lower()[:MAX_WORD])
    if name == "simple_asciifolding":
        return Analyzer(name, _by(_LETTERS), lambda word: folded(word.lower())[:MAX_WORD])
    if name == STANDARD:
        return Analyzer(name, _words, _lower_but(ENGLISH if left_out is None else left_out))
    if name == "email":
        return Analyzer(name, _words_and_addresses, _lower_but(ENGLISH if left_out is None else left_out))
    if name == "classic":
        return Analyzer(name, _by(_CLASSIC), _classic_but(ENGLISH if left_out is None else left_out))
    if name in _LANGUAGES:
        return Analyzer(name, _pairs if name == "cjk" else _words, _of_language(name, left_out))
    raise _unknown(name)


# --- Words ------------------------------------------------------------------------------------------------------------


def _by(pattern: re.Pattern[str]) -> Spans:
    return lambda text: (found.span() for found in pattern.finditer(text))


def _words(text: str) -> Iterator[tuple[int, int]]:
    """Words by the rules of Unicode (UAX 29)."""
    if text.isascii():
        for found in _ASCII.finditer(text):
            if found[0].strip("_"):
                yield found.span()
        return
    yield from _broken(text)


def _broken(text: str) -> Iterator[tuple[int, int]]:
    words = icu.BreakIterator.createWordInstance(icu.Locale.getRoot())
    units = text.encode("utf-16-le", "surrogatepass")
    words.setText(text)
    at = before = 0
    for end in words:
        piece = units[2 * before : 2 * end].decode("utf-16-le", "replace")
        before, start = end, at
        at += len(piece)
        if words.getRuleStatus() == 0 and not _ALNUM.search(piece):
            continue
        if _SINGLE.search(piece):
            yield from ((start + place, start + place + 1) for place in range(len(piece)))
        else:
            yield start, at


def _words_and_addresses(text: str) -> Iterator[tuple[int, int]]:
    at = 0
    for found in _EMAIL.finditer(text):
        yield from ((at + start, at + end) for start, end in _words(text[at : found.start()]))
        yield found.span()
        at = found.end()
    yield from ((at + start, at + end) for start, end in _words(text[at:]))


def _pairs(text: str) -> Iterator[tuple[int, int]]:
    """Words, and of Chinese, Japanese and Korean each two characters beside each other."""
    run: list[tuple[int, int]] = []
    for start, end in _words(text):
        single = end == start + 1 and _SINGLE.match(text, start) is not None
        if run and (not single or run[-1][1] != start):
            yield from _joined(run)
            run = []
        if single:
            run.append((start, end))
        else:
            yield start, end
    yield from _joined(run)


def _joined(run: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    if len(run) == 1:
        yield run[0]
    for (start, _), (_, end) in pairwise(run):
        yield start, end


# --- Terms ------------------------------------------------------------------------------------------------------------


def folded(text: str) -> str:
    """Without accents."""
    if text.isascii():
        return text
    return "".join(one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one))


def _lower_but(left_out: frozenset[str]) -> Callable[[str], str | None]:
    def term_of(word: str) -> str | None:
        term = word.lower()
        return None if term in left_out else term[:MAX_WORD]

    return term_of


def _classic_but(left_out: frozenset[str]) -> Callable[[str], str | None]:
    def term_of(word: str) -> str | None:
        term = word.lower().removesuffix("'s")
        if _ACRONYM.fullmatch(term):
            term = term.replace(".", "")
        return None if term in left_out else term[:MAX_WORD]

    return term_of


def _of_language(name: str, left_out: frozenset[str] | None) -> Callable[[str], str | None]:
    language, has_words = _LANGUAGES[name]
    if name in ("english", "cjk") and left_out is None:
        left_out = ENGLISH
    if language is None:
        return _lower_but(left_out or frozenset())
    stem = _stemming(language, with_words=has_words and left_out is None)
    words = left_out or frozenset()

    def term_of(word: str) -> str | None:
        term = word.lower()
        if name == "english":
            term = term.replace("\u2019", "'").removesuffix("'s")
        if term in words:
            return None
        found = stem(term)
        return found[0][:MAX_WORD] if found else None

    return term_of


def _stemming(language: str, *, with_words: bool) -> Callable[[str], list[str]]:
    library = tantivy()
    builder = library.TextAnalyzerBuilder(library.Tokenizer.raw())
    if with_words:
        builder = builder.filter(library.Filter.stopword(language))
    analyze: Callable[[str], list[str]] = builder.filter(library.Filter.stemmer(language)).build().analyze
    return analyze
