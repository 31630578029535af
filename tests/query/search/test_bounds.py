"""What a question may take."""

import pytest

from docstore.core.lucene.parser import parse
from docstore.errors import BadRequest
from docstore.query.search.bounds import Allowance, SearchTimedOut, Weight, weight_of


@pytest.mark.parametrize(
    ("query", "weight"),
    [
        ("*:*", Weight(1)),
        ("a:b", Weight(1)),
        ('a:"b c d"', Weight(3)),
        ("a:[1 TO 2] OR n:{* TO 3}", Weight(2)),
        ("a:b* AND c:d~", Weight(0, 2)),
        ("a:b?c*", Weight(0, 1)),
        ("a:b*c*d*", Weight(0, 1, intricate=True)),
        ("a:/b/ -c", Weight(1, 1, intricate=True)),
        ("(a:[b TO c])^2", Weight(0, 1)),
        ("a:[bbbbbbbbb TO cccccccccc]", Weight(0, 1, intricate=True)),
    ],
)
def test_weights(query: str, weight: Weight) -> None:
    assert weight_of(parse(query)) == weight


def test_patterns_of_a_small_field_are_words() -> None:
    assert weight_of(parse("a:b* c:d*"), "a") == Weight(1, 1)


def test_an_allowance_ends() -> None:
    allowance = Allowance(60, 10)
    allowance.check()
    allowance.take(10)
    with pytest.raises(BadRequest, match="more than 10 bytes"):
        allowance.take(1)
    with pytest.raises(SearchTimedOut):
        Allowance(-1, 10).check()
