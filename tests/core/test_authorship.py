"""Who wrote a revision, and when: the calendar, and what is told."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from docstore.core.authorship import (
    MAX_AT,
    Written,
    members_of,
    sentence,
    time_of_text,
    time_text,
    written_of_members,
)

times = st.integers(0, MAX_AT)


@given(times)
@example(0)
@example(MAX_AT)
@example(951_782_400_000_000)  # 29 February 2000
@example(4_107_542_400_000_000)  # 1 March 2100, which has no 29 February
def test_a_time_is_printed_as_the_calendar_has_it_and_read_back(at: int) -> None:
    wanted = datetime.fromtimestamp(at // 1_000_000, UTC)
    assert time_text(at) == f"{wanted:%Y-%m-%dT%H:%M:%S}.{at % 1_000_000:06}Z"
    assert sentence(Written(at)) == f"{wanted:%Y-%m-%d %H:%M:%S} UTC"
    assert time_of_text(time_text(at)) == at


@given(st.none() | st.builds(Written, times, st.none() | st.text(min_size=1)))
def test_what_is_told_can_be_read(written: Written | None) -> None:
    members = members_of(written)
    assert written_of_members(members["at"], members["by"]) == written


@pytest.mark.parametrize(
    ("at", "by"),
    [
        (1, None),
        ("yesterday", None),
        ("2026-02-30T00:00:00.000000Z", None),
        ("2026-13-01T00:00:00.000000Z", None),
        ("1969-12-31T23:59:59.999999Z", None),
        ("2026-01-01T24:00:00.000000Z", None),
        ("2026-01-01T00:00:00Z", None),
        ("2026-01-01T00:00:00.000000Z", 1),
    ],
)
def test_anything_else_is_refused(at: Any, by: Any) -> None:
    with pytest.raises(ValueError, match="time"):
        written_of_members(at, by)


def test_a_sentence_names_who_it_was() -> None:
    assert sentence(Written(1_000_000, "alice")) == "alice, 1970-01-01 00:00:01 UTC"
