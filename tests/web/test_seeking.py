"""The search for a key that stands at a place of a long list."""

from tests.web.running import needs_node, run_module

MOST_GUESSES = 6
"""On average; each is a request."""


@needs_node
def test_every_place_is_found_in_a_few_guesses() -> None:
    kinds = dict(line.split() for line in run_module("seeking_cases.mjs", "20000", "40").splitlines())
    assert set(kinds) == {"hex", "counted", "uncounted", "prefixed", "skewed", "words"}
    assert {kind for kind, guesses in kinds.items() if float(guesses) > MOST_GUESSES} == set()
