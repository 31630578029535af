import pytest

from docstore.httpd.params.selectors import COMPILED_AT_ONCE, compiles_at_once


@pytest.mark.parametrize(
    ("body", "at_once"),
    [
        (b'{"selector":{"a":1}}', True),
        (b" " * COMPILED_AT_ONCE, False),
        (b'{"selector":{"a":{"$regex":"b(?=c)"}}}', False),
        (b'{"selector":{"a":{"$\\u0072egex":"b"}}}', False),
    ],
)
def test_what_may_take_long_is_not_compiled_on_the_loop(body: bytes, at_once: bool) -> None:
    assert compiles_at_once(body) is at_once
