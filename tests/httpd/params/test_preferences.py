"""Who gets problem details, and who is judged leniently."""

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from docstore.httpd.params.preferences import LENIENT, STRICT, handling, wants_problems


def headers(name: str, *values: str) -> CIMultiDictProxy[str]:
    return CIMultiDictProxy(CIMultiDict((name, value) for value in values))


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ([], False),
        (["*/*"], False),
        (["application/*"], False),
        (["application/json"], False),
        (["application/problem+xml"], False),
        (["x-application/problem+json"], False),
        (["application/problem+jsonx"], False),
        (["application/problem+json"], True),
        (["Application/Problem+JSON"], True),
        (["application/problem+json;charset=utf-8"], True),
        (["application/json, application/problem+json"], True),
        (["application/json,application/problem+json;q=0.1, */*;q=0.01"], True),
        (["application/json", "text/html, application/problem+json"], True),
        (["application/problem+json;q=0"], False),
        (["application/problem+json; q=0.000"], False),
        (["application/problem+json;charset=utf-8;q=0"], False),
        (["application/problem+json;q=nonsense"], False),
        (["application/problem+json;q=nan"], False),
        (["application/problem+json;q=-1"], False),
        (['text/plain;title="a, application/problem+json, b"'], False),
        (["application/problem+json", "application/problem+json;q=0"], False),
        ([""], False),
        ([",,;;q=,"], False),
    ],
)
def test_accept(accept, wanted):
    assert wants_problems(headers("Accept", *accept)) is wanted


@pytest.mark.parametrize(
    ("prefer", "expected"),
    [
        ([], None),
        ([""], None),
        (["handling=lenient"], LENIENT),
        (["handling=strict"], STRICT),
        (["Handling = Lenient"], LENIENT),
        (['handling="lenient"'], LENIENT),
        (["respond-async, handling=lenient; why=not, wait=10"], LENIENT),
        (["respond-async", "handling=lenient"], LENIENT),
        (["handling=strict, handling=lenient"], STRICT),
        (["handling=lenient", "handling=strict"], LENIENT),
        (["handling=other"], None),
        (["handling"], None),
        (["xhandling=lenient"], None),
        (['note="handling=lenient"'], None),
        (['note="a, handling=lenient"'], None),
        (['note="a \\" b", handling=lenient'], LENIENT),
        (['note="never closed, handling=lenient'], None),
    ],
)
def test_prefer(prefer, expected):
    assert handling(headers("Prefer", *prefer)) == expected
