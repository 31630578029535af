"""Lock-out: by address, name and salt, for a while, and never with more memory than was said."""

from hypothesis import given
from hypothesis import strategies as st

from docstore.core.security.lockout import Attempt, Lockout, LockoutRules

RULES = LockoutRules()
SUE = Attempt("10.0.0.1", "sue", "aa")


def test_the_fifth_failure_locks_and_the_first_says_until_when():
    table = Lockout()
    for second in range(5):
        assert not table.is_locked(SUE, second, RULES)
        table.failed(SUE, second, RULES)
    assert table.is_locked(SUE, 5, RULES)
    assert table.is_locked(SUE, 299.9, RULES)
    assert not table.is_locked(SUE, 300, RULES)
    assert table.failed(SUE, 301, RULES) == 1


def test_a_clock_that_is_put_back_unlocks_and_a_second_does_not():
    table = Lockout()
    for _ in range(5):
        table.failed(SUE, 10_000, RULES)
    assert table.is_locked(SUE, 9_999, RULES)
    assert table.is_locked(SUE, 9_701, RULES)
    assert not table.is_locked(SUE, 9_700, RULES)
    assert table.failed(SUE, 5_000, RULES) == 1


def test_others_are_not_locked():
    table = Lockout()
    for _ in range(9):
        table.failed(SUE, 0, RULES)
    for other in (SUE._replace(address="10.0.0.2"), SUE._replace(name="ann"), SUE._replace(salt="bb")):
        assert not table.is_locked(other, 0, RULES)


def test_modes():
    table = Lockout()
    for _ in range(9):
        table.failed(SUE, 0, RULES._replace(mode="off"))
    assert len(table) == 0
    for _ in range(9):
        table.failed(SUE, 0, RULES._replace(mode="warn"))
    assert table.count(SUE, 0, RULES) == 9
    assert not table.is_locked(SUE, 0, RULES._replace(mode="warn"))
    assert table.is_locked(SUE, 0, RULES)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 400)), max_size=60))
def test_it_never_has_more_entries_than_it_may(tries):
    table = Lockout()
    rules = RULES._replace(max_objects=3)
    now = 0.0
    for who, wait in tries:
        now += wait
        before = table.count(SUE._replace(name=str(who)), now, rules)
        assert table.failed(SUE._replace(name=str(who)), now, rules) == before + 1
        assert len(table) <= 3
