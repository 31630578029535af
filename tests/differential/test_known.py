"""The list of deliberate differences: each is explained to users, and none is dead."""

from collections import Counter

import pytest

from tests.differential.comparing import Difference
from tests.differential.known import COMPATIBILITY, Known, entry_of
from tests.differential.known_differences import KNOWN
from tests.differential.levels import LEVELS
from tests.differential.steps import Rendered


def example_of(entry):
    """The example as a difference and the request that led to it."""
    asked, kind, where, theirs, ours = entry.example
    line, _, rest = asked.partition("\n")
    method, _, target = line.partition(" ")
    return Difference(kind, method, where, theirs, ours, entry.remark), Rendered(
        method, target, [], rest.encode() or None
    )


@pytest.mark.parametrize("entry", [*KNOWN, *LEVELS], ids=lambda entry: entry.line)
def test_each_entry_names_a_line_of_the_compatibility_page(entry):
    lines = COMPATIBILITY.read_text().splitlines()
    assert sum(entry.line in line for line in lines) == 1


@pytest.mark.parametrize("entry", KNOWN, ids=lambda entry: entry.name)
def test_no_entry_is_dead(entry):
    """It knows its example, and no entry before it does."""
    assert entry_of(*example_of(entry), KNOWN) is entry


def test_names_are_told_apart():
    assert max(Counter(entry.name for entry in KNOWN).values(), default=1) == 1


def test_an_entry_knows_what_it_says_and_nothing_else():
    entry = Known(
        "a",
        "line",
        "document.put",
        "status",
        ("PUT /x", "document.put", "status", "500 x", "400 y"),
        "500.*",
        "4.*",
        "x",
    )
    request = Rendered("PUT", "/x", [], None)
    difference = Difference("document.put", "PUT", "status", "500 x", "400 y")
    assert entry.knows(difference, request)
    assert not entry.knows(difference, Rendered("PUT", "/y", [], None))
    for other in (
        Difference("document.get", "PUT", "status", "500 x", "400 y"),
        Difference("document.put", "PUT", "json", "500 x", "400 y"),
        Difference("document.put", "PUT", "status", "200", "400 y"),
        Difference("document.put", "PUT", "status", "500 x", "201"),
    ):
        assert not entry.knows(other, request)
