"""How long to wait before the next attempt."""

from itertools import islice
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from docstore.replication.retry import backoff


@given(st.integers(), st.integers(0, 30), st.floats(0.01, 10), st.floats(0.01, 1000))
def test_each_wait_is_between_half_and_all_of_twice_the_one_before(seed, retries, first, longest) -> None:
    waits = list(backoff(Random(seed), retries, first=first, longest=longest))
    assert len(waits) == retries
    for place, wait in enumerate(waits):
        whole = min(first * 2**place, longest)
        assert whole / 2 <= wait <= whole * (1 + 1e-9)


def test_without_a_number_of_retries_it_goes_on() -> None:
    assert len(list(islice(backoff(Random(1)), 100))) == 100


def test_the_same_chance_gives_the_same_waits_and_another_one_others() -> None:
    same = [list(backoff(Random(3), 5)) for _ in range(2)]
    assert same[0] == same[1]
    assert same[0] != list(backoff(Random(4), 5))
