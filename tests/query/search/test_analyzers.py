import pytest
from hypothesis import given
from hypothesis import strategies as st

from docstore.errors import BadRequest
from docstore.query.search.analyzers import Analyzer, analyzer_of, analyzers_of

NAMES = (
    "standard",
    "keyword",
    "simple",
    "whitespace",
    "classic",
    "email",
    "simple_asciifolding",
    "cjk",
    "german",
    "thai",
)


@pytest.mark.parametrize(
    ("name", "text", "terms"),
    [
        ("standard", "The quick-brown fox's 3.14 a.b _x_ __", [None, "quick", "brown", "fox's", "3.14", "a.b", "_x_"]),
        ("standard", "Grüße, 日本 naïve", ["grüße", "日", "本", "naïve"]),
        ("keyword", "The Fox", ["The Fox"]),
        ("simple", "Ab1c d'E", ["ab", "c", "d", "e"]),
        ("whitespace", " The  fox! ", ["The", "fox!"]),
        ("classic", "U.S.A. of John's www.x.org a@b.c x-1", ["usa", None, "john", "www.x.org", "a@b.c", "x-1"]),
        ("email", "ask john@example.com now", ["ask", "john@example.com", "now"]),
        ("simple_asciifolding", "Crème", ["creme"]),
        ("cjk", "日本語 ok", ["日本", "本語", "ok"]),
        ("english", "The dogs' running", [None, "dog", "run"]),
        ("german", "die Häuser", [None, "haus"]),
        ("spanish", "las casas", [None, "cas"]),
        ("polish", "Jakieś domy", ["jakieś", "domy"]),
    ],
)
def test_terms(name: str, text: str, terms: list[str | None]) -> None:
    assert analyzer_of(name).terms(text) == terms


def test_stop_words_of_ones_own() -> None:
    assert analyzer_of({"name": "standard", "stopwords": ["fox"]}).terms("the Fox") == ["the", None]
    assert analyzer_of({"name": "english", "stopwords": []}).terms("the foxes") == ["the", "fox"]


def test_analyzers_of_fields() -> None:
    found = analyzers_of(
        {"name": "perfield", "default": "english", "fields": {"a": "keyword", "b": {"name": "simple"}}}
    )
    assert [found.of(field).name for field in ("a", "b", "c", "_id")] == ["keyword", "simple", "english", "keyword"]


@pytest.mark.parametrize(
    "definition", ["none", 1, {}, {"name": 1}, {"name": "perfield", "fields": {"a": "none"}}, None]
)
def test_what_is_no_analyzer(definition: object) -> None:
    with pytest.raises(BadRequest) as caught:
        analyzers_of(definition)  # type: ignore[arg-type]
    assert caught.value.error == "no_such_analyzer"


@given(st.sampled_from(NAMES), st.text(max_size=60) | st.text("ab' .,:_1A-日本é\u0301", max_size=30))
def test_spans_are_the_terms_in_their_places(name: str, text: str) -> None:
    analyzer: Analyzer = analyzer_of(name)
    spans = list(analyzer.spans(text))
    assert [span.term for span in spans] == [term for term in analyzer.terms(text) if term is not None]
    assert all(0 <= span.start < span.end <= len(text) for span in spans)
    assert [span.start for span in spans] == sorted(span.start for span in spans)
