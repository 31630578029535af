"""Forms are read as the standard library reads them, whatever their size, and have so many fields."""

from unittest.mock import patch
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docstore.errors import TooLarge
from docstore.httpd.params import form_fields as module
from docstore.httpd.params.form_fields import form_fields

PARTS = st.sampled_from(["&", "=", "%", "%41", "%C3", "%BC", "%c3%bc", "%zz", "+", "a", "ü", "\U0001f600", " ", "%25"])


@given(st.lists(PARTS, max_size=40).map("".join), st.integers(3, 9))
def test_as_the_standard_library_whatever_a_step_is(text, step):
    with patch.object(module, "STEP", step):
        assert form_fields(text, 100) == dict(parse_qsl(text, keep_blank_values=True, errors="replace"))


def test_as_many_fields_as_it_may_have():
    assert form_fields("a=1&b=2", 2) == {"a": "1", "b": "2"}
    with pytest.raises(TooLarge, match="at most 2 fields"):
        form_fields("a&b&c", 2)
