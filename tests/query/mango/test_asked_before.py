"""What is remembered of queries: the last ones that were asked for, and no more than so many."""

from docstore.query.mango.asked_before import REMEMBERED, AskedBefore


def test_what_is_asked_again_and_again_stays():
    known: AskedBefore[int, str] = AskedBefore()
    known.keep(0, "first")
    for number in range(1, 3 * REMEMBERED):
        known.keep(number, str(number))
        assert known.get(0) == "first"
    there = [number for number in range(3 * REMEMBERED) if known.get(number) is not None]
    assert there == [0, *range(2 * REMEMBERED + 1, 3 * REMEMBERED)]


def test_what_is_kept_again_is_the_newer():
    known: AskedBefore[int, str] = AskedBefore()
    known.keep(1, "old")
    known.keep(1, "new")
    assert known.get(1) == "new"
    assert known.get(2) is None
