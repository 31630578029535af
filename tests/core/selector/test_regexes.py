"""The expectations are those of CouchDB 3.5's ``$regex``, which takes texts for bytes."""

import pytest

from docstore.core.selector.pcre import read_pattern
from docstore.core.selector.regexes import MAX_BACKTRACKING, Regex
from docstore.core.steps import OutOfSteps, Steps

HANGS = r"^(?=a)(a|a)*$"
"""With the look-ahead it is not for RE2, and on many letters followed by another it tries for ever."""


def matches(pattern: str, text: str) -> bool:
    return Regex(pattern, 5).matches(text, Steps())


@pytest.mark.parametrize(
    ("pattern", "text", "holds"),
    [
        ("b", "abc", True),
        ("^b", "abc", False),
        ("(?i)ABC", "xabcx", True),
        ("a.c", "a\nc", False),
        ("(?s)a.c", "a\nc", True),
        ("(?m)^b$", "a\nb\nc", True),
        ("^b$", "a\nb\nc", False),
        # bytes
        ("^.$", "é", False),
        ("^..$", "é", True),
        ("é", "café", True),
        ("^[é]$", "é", False),
        ("(*UTF8)^.$", "é", True),
        ("(*UTF)^[é]$", "é", True),
        (r"^\xc3\xa9$", "é", True),
        # classes of Latin-1
        (r"^\w.$", "é", True),
        (r"^\w+$", "abc_1", True),
        (r"^[\w-]+$", "a-b", True),
        (r"^[^\W]+$", "a1", True),
        (r"^\W$", "-", True),
        (r"^\s$", "\x0b", True),
        (r"^\S+$", "a b", False),
        (r"^.\S$", "\u00a0", True),
        (r"^\d+$", "12", True),
        (r"^\D$", "1", False),
        (r"^a\hb$", "a\tb", True),
        (r"^a\vb$", "a\x0cb", True),
        (r"^a\Rb$", "a\r\nb", True),
        (r"^\N+$", "ab", True),
        (r"\bfoo\b", "a foo b", True),
        (r"\bfoo\b", "afoo", False),
        (r"\bfoo\b", "é foo", True),
        ("^[[:alpha:]]+$", "ab", True),
        ("^[[:digit:]x]+$", "1x", True),
        # ends
        ("a$", "a\n", True),
        ("a$", "a\n\n", False),
        ("(a$)", "a\n", True),
        ("a$\n", "a\n", True),
        (r"a\z", "a\n", False),
        (r"a\Z", "a\n", True),
        ("a$|b", "a\n", True),
        # spellings
        (r"^\Qa.b\E$", "a.b", True),
        (r"^\Qa.b\E$", "axb", False),
        (r"^[\Q]\E]$", "]", True),
        (r"^\e$", "\x1b", True),
        (r"^\cA$", "\x01", True),
        (r"^\x9$", "\t", True),
        (r"^\x{41}$", "A", True),
        (r"^[\b]$", "\x08", True),
        (r"^\y$", "y", True),
        (r"^a{,2}$", "a{,2}", True),
        (r"^a{2}$", "aa", True),
        (r"^\p{Lu}$", "A", True),
        (r"^\p{^Lu}$", "a", True),
        ("^a(?#comment)b$", "ab", True),
        ("^(?<x>a)b$", "ab", True),
        ("^(?'x'a)b$", "ab", True),
        ("^(?x) a b # c$", "ab", True),
        (r"foo\Kbar", "foobar", True),
        ("[]a]", "]", True),
        ("^[^]a]$", "b", True),
        ("^[a[]$", "[", True),
        ("^[a&&b]+$", "a&b", True),
        # what RE2 refuses
        ("a(?=b)", "ab", True),
        ("a(?!b)", "ab", False),
        ("(?<=a)b", "ab", True),
        (r"^(a|b)\1$", "aa", True),
        (r"^(a|b)\g{1}$", "ab", False),
        (r"^(?<n>a|b)\k<n>$", "bb", True),
        ("^a{1001}$", "a" * 1001, True),
        ("^a++b$", "aab", True),
        ("^(?>a+)b$", "aab", True),
    ],
)
def test_a_pattern(pattern: str, text: str, holds: bool) -> None:
    assert matches(pattern, text) is holds


@pytest.mark.parametrize(
    "pattern", ["(", "[", "a**", "*", "(?P<n", "\\", r"(?<=a+)b(", "(?z)", r"\x{100}", r"\u0041", "a{65536}", "[[.a.]]"]
)
def test_no_pattern(pattern: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        Regex(pattern, 1)


def test_a_long_pattern_is_for_the_engine_of_linear_time_alone() -> None:
    assert not Regex("a" * 2_000, 1).timed
    with pytest.raises(ValueError):  # noqa: PT011
        Regex("(?=a)" + "a" * MAX_BACKTRACKING, 1)


def test_the_engine_of_linear_time_is_not_slow_where_others_are() -> None:
    compiled = Regex("^(a|a)*$", 0)
    assert not compiled.timed
    assert not compiled.matches("a" * 10_000 + "b", Steps())


def test_past_the_time_a_string_does_not_match() -> None:
    compiled = Regex(HANGS, 0.01)
    assert compiled.timed
    steps = Steps()
    assert not compiled.matches("a" * 64 + "b", steps)
    assert compiled.matches("aaa", Steps())


def test_giving_up_takes_many_steps() -> None:
    with pytest.raises(OutOfSteps):
        Regex(HANGS, 0.01).matches("a" * 64 + "b", Steps(100_000))


def test_a_clock_decides_only_where_it_must() -> None:
    assert [Regex(each, 1).timed for each in ("^a.*b$", r"\w+", r"\bfoo", "(a$)b", "a(?=b)")] == [
        False,
        False,
        True,
        True,
        True,
    ]


def test_a_text_with_half_a_character() -> None:
    assert matches("^a.{3}$", "a\ud800")


def test_both_spellings_mean_the_same() -> None:
    pattern = read_pattern(r"^\w\d[\s\W]\Q[\E$")
    assert pattern.re2 is not None
    assert pattern.re2.removesuffix(r"\n?\z") == pattern.backtracking.removesuffix("$")


def test_a_pattern_that_grows_large_is_not_made_a_program_of() -> None:
    """RE2 would take a second for it and hold the interpreter."""
    compiled = Regex("^(?i)" + "[a-z]{1,900}" * 20 + "$", 5)
    assert compiled.timed
    assert compiled.matches("a" * 30, Steps())
