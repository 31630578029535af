import pytest

from docstore.lab.durations import format_duration, format_moment, parse_duration


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (90, 90.0),
        (0.25, 0.25),
        ("90s", 90.0),
        ("200ms", 0.2),
        ("1.5h", 5400.0),
        ("2d 12h", 216_000.0),
        ("1w", 604_800.0),
    ],
)
def test_a_length_of_time_is_read(written, seconds):
    assert parse_duration(written) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "wrong", ["", "five", "5 m", "-5s", "5x", "5m,", -1, True, None, [5], float("inf"), float("nan")]
)
def test_what_is_no_length_of_time_is_refused_with_an_example(wrong):
    with pytest.raises(ValueError, match="no length of time; write"):
        parse_duration(wrong)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.2, "200ms"),
        (1.5, "1.5s"),
        (59.999, "59.999s"),
        (90, "1m 30s"),
        (216_000, "2d 12h"),
        (604_800, "1w"),
    ],
)
def test_a_length_of_time_is_printed(seconds, text):
    assert format_duration(seconds) == text


def test_what_is_printed_can_be_read_again():
    for seconds in (0.001, 0.2, 7, 61, 3_600.0, 86_399, 1_000_000):
        assert parse_duration(format_duration(seconds)) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "00:00:00"), (61.5, "00:01:01.500"), (86_400, "day 2 00:00:00"), (86_400 * 8 + 3_600, "day 9 01:00:00")],
)
def test_a_moment_is_printed(seconds, text):
    assert format_moment(seconds) == text
