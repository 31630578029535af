"""Windows of a second, and what requests cost."""

from hypothesis import given
from hypothesis import strategies as st

from docstore.core.cloudant.throughput import Cost, RequestClass, Windows, cost_of, partition_reads, refusal

READ = RequestClass.READ


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_the_window_slides():
    clock = Clock()
    windows = Windows({READ: 2}, clock)
    assert [windows.take(Cost(READ)) for _ in range(3)] == [True, True, False]
    clock.now = 0.5
    assert not windows.take(Cost(READ))
    clock.now = 1.0
    assert windows.used(READ) == 0
    assert windows.take(Cost(READ))


def test_a_clock_that_is_set_back_locks_nobody_out():
    clock = Clock()
    clock.now = 1_000.0
    windows = Windows({READ: 1}, clock)
    assert windows.take(Cost(READ))
    clock.now = 500.0
    assert windows.take(Cost(READ))
    assert not windows.take(Cost(READ))


def test_what_could_never_be_is_let_in_alone():
    clock = Clock()
    windows = Windows({READ: 2}, clock)
    assert windows.take(Cost(READ, 10))
    assert not windows.take(Cost(READ))


@given(st.lists(st.tuples(st.floats(0, 0.7), st.integers(1, 3)), max_size=60))
def test_no_second_has_more_than_its_limit(steps):
    clock = Clock()
    windows = Windows({READ: 5}, clock)
    taken = []
    for wait, units in steps:
        clock.now += wait
        if windows.take(Cost(READ, units)):
            taken.append((clock.now, units))
        assert windows.used(READ) == sum(units for when, units in taken if when > clock.now - 1)
        assert windows.used(READ) <= 5


def test_classes_do_not_count_for_each_other():
    windows = Windows({READ: 1, RequestClass.WRITE: 1}, Clock())
    assert windows.take(Cost(READ))
    assert windows.take(Cost(RequestClass.WRITE))
    assert windows.take(Cost(RequestClass.UNLIMITED, 0))


def test_documents_count_each():
    assert cost_of("POST", "_bulk_docs", documents=7) == Cost(RequestClass.WRITE, 7)
    assert cost_of("POST", "_bulk_get", documents=7) == Cost(READ, 7)
    assert cost_of("POST", "_all_docs", documents=3) == Cost(RequestClass.QUERY, 3)
    assert cost_of("POST", "_find", partitioned=True) == Cost(READ)
    assert [partition_reads(rows) for rows in (0, 1, 100, 101)] == [1, 1, 1, 2]


def test_the_words_of_a_refusal():
    assert refusal(RequestClass.QUERY, 5) == {
        "error": "too_many_requests",
        "reason": "You've exceeded your current limit of 5 requests per second for query class. Please try later.",
        "class": "query",
        "rate": 5,
    }
