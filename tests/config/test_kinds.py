import pytest
from hypothesis import given
from hypothesis import strategies as st

from docstore.config import kinds
from docstore.settings import Durability


@given(st.integers(0, 10**17))
def test_whole_numbers_are_read_as_they_are_put_into_words(number):
    assert kinds.INTEGER.parse(kinds.INTEGER.word(number)) == number


@given(st.floats(0, 1e12, allow_subnormal=False))
def test_seconds_are_read_as_they_are_put_into_words(seconds):
    assert kinds.SECONDS.parse(kinds.SECONDS.word(seconds)) == seconds


@given(st.integers(0, 10**10))
def test_milliseconds_are_read_as_they_are_put_into_words(number):
    assert kinds.MILLISECONDS.word(kinds.MILLISECONDS.parse(str(number))) == str(number)


@given(st.lists(st.text("abc*:/", min_size=1)))
def test_lists_are_read_as_they_are_put_into_words(members):
    assert kinds.LIST.parse(kinds.LIST.word(members)) == tuple(members)


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        (kinds.INTEGER, "-1"),
        (kinds.INTEGER, "1.5"),
        (kinds.INTEGER, ""),
        (kinds.INTEGER, "٣"),
        (kinds.INTEGER, "1_0"),
        (kinds.INTEGER, "9" * 19),
        (kinds.POSITIVE, "0"),
        (kinds.SECONDS, "inf"),
        (kinds.SECONDS, "nan"),
        (kinds.SECONDS, "-0.5"),
        (kinds.MILLISECONDS, "1.5"),
        (kinds.BOOLEAN, "True"),
        (kinds.BOOLEAN, "yes"),
        (kinds.PORT, "65536"),
        (kinds.PATH, ""),
        (kinds.choice(Durability), "always"),
        (kinds.one_of("a", "b"), "c"),
    ],
)
def test_other_words_are_refused(kind, word):
    with pytest.raises(ValueError, match="|".join(("^$", "is not a valid"))):
        kind.parse(word)


def test_blanks_in_lists_do_not_count():
    assert kinds.LIST.parse(" a ,b,, c") == ("a", "b", "c")
