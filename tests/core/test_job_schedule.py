"""Whose turn it is; most cases are those of CouchDB's own scheduler tests."""

import pytest

from docstore.core.job_schedule import Plan, Standing, plan_turn


def jobs(text: str) -> list[Standing]:
    """``c1 C2 o3 O4``: continuous or one-shot, in capitals if running; the number is the time of the last start.

    A prefix names the owner: ``x:C2``.
    """
    found = []
    for word in text.split():
        owner, _, name = word.rpartition(":")
        kind, started = name[0], int(name[1:])
        found.append(Standing(word.lower(), owner, kind.lower() == "c", kind.isupper(), float(started)))
    return found


def after(text: str, max_jobs: int, max_churn: int = 20) -> str:
    """The jobs that run after a turn."""
    plan = plan_turn(jobs(text), now=100.0, max_jobs=max_jobs, max_churn=max_churn)
    running = {job.id for job in jobs(text) if job.running}
    assert set(plan.stop) <= running
    assert not set(plan.start) & running
    return " ".join(sorted((running - set(plan.stop)) | set(plan.start)))


@pytest.mark.parametrize(
    ("before", "max_jobs", "then"),
    [
        ("", 5, ""),
        ("o1", 500, "o1"),
        ("o1", 0, ""),
        ("o1 o2", 1, "o1"),
        # too many
        ("O1 O2", 1, "o2"),
        ("O1 O2", 0, ""),
        ("C1 C2", 1, "c2"),
        ("C1 O2 C3", 2, "c3 o2"),
        ("C1 O2 C3", 1, "o2"),
        ("C1 O2 C3", 0, ""),
        ("C7 C4 C5", 2, "c5 c7"),
        # the longest waiting first
        ("c7 c2 c5", 1, "c2"),
        ("C2 c5 c7", 2, "c5 c7"),
        # making room
        ("C7 c2 c5", 2, "c2 c5"),
        ("C1 C2", 2, "c1 c2"),
        ("c1 C2", 2, "c1 c2"),
        ("c1 C2 c3 C4 C5", 3, "c1 c3 c5"),
        ("c1 c2 c3 C4 C5", 2, "c1 c2"),
        # one-shot jobs
        ("O1 c2", 1, "o1"),
        ("c1 O2 C3", 2, "c1 o2"),
        ("c1 o2 C3", 1, "c1"),
        ("O1 O2 o3 c4", 2, "o1 o2"),
        ("c1 C2 C3", 1, "c1"),
    ],
)
def test_a_turn(before, max_jobs, then):
    assert after(before, max_jobs) == then


def test_not_more_than_the_churn_make_room():
    assert after("c1 C2 c3 C4", 2, max_churn=1) == "c1 c4"
    assert after("c1 C2 c3 C4", 2, max_churn=0) == "c2 c4"


def test_the_churn_is_no_limit_for_free_places():
    assert after("c1 c2 o3", 500, max_churn=0) == "c1 c2 o3"


def test_what_was_stopped_for_being_too_much_counts_as_churn():
    assert after("c1 C2 C3 C4", 2, max_churn=1) == "c3 c4"


def test_a_job_that_waits_after_a_crash_makes_nobody_give_way():
    crashed = Standing("crashed", "", True, False, 1.0, ready=101.0)
    plan = plan_turn([*jobs("C2 C3"), crashed], now=100.0, max_jobs=2, max_churn=20)
    assert plan == Plan((), ())
    plan = plan_turn([*jobs("C2 C3"), crashed], now=101.0, max_jobs=2, max_churn=20)
    assert plan == Plan(("c2",), ("crashed",))


def test_owners_share_the_places():
    before = " ".join([f"x:c{number}" for number in range(1, 9)] + [f"y:c{number}" for number in range(11, 19)])
    assert after(before, 4) == "x:c1 x:c2 y:c11 y:c12"
    assert after(before + " z:o30", 4) == "x:c1 x:c2 y:c11 z:o30"


def test_a_small_owner_does_not_leave_places_free():
    assert after("x:c1 x:c2 x:c3 y:c9", 3) == "x:c1 x:c2 y:c9"


def test_the_owner_with_the_most_running_jobs_makes_room_first():
    assert after("y:C1 x:C2 x:C3 z:c9", 3) == "x:c3 y:c1 z:c9"


def test_of_equal_owners_the_one_that_waited_longest_has_its_turn():
    assert after("x:C8 x:c1 y:c5", 1) == "y:c5"
    assert after("x:c8 x:c1 y:C9", 1) == "x:c1"
