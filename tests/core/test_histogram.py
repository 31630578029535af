"""Histograms as CouchDB's: bins, the window of the last seconds, what is told of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docstore.core.histogram import HIGHEST, LOWEST, PERCENTILES, WINDOW, Histogram

VALUES = [0.05, 0.9, 0.7, 0.7, 10.1, 11, 100.5, 0.10, 13.5]


def filled(values, now=0.0) -> Histogram:
    histogram = Histogram()
    for value in values:
        histogram.add(value, now)
    return histogram


def test_the_summary_of_couchdbs_own_example():
    """``couch_stats_math:basic_test``, whose figures are good to a twentieth."""
    told = filled(VALUES).members(0.0)
    close = {
        "n": 9,
        "min": 0.05,
        "max": 104,
        "arithmetic_mean": 15.3,
        "geometric_mean": 1.9,
        "harmonic_mean": 0.25,
        "median": 0.9,
        "variance": 923,
        "standard_deviation": 30.4,
        "skewness": 2.3,
        "kurtosis": 3.7,
    }
    assert {name: told[name] for name in close} == pytest.approx(close, rel=0.05, abs=0.05)
    assert [name for name, _ in told["percentile"]] == list(PERCENTILES) == [50, 75, 90, 95, 99, 999]
    assert [value for _, value in told["percentile"]] == pytest.approx([0.9, 11.7, 97, 100, 103, 104], rel=0.05)
    assert told["histogram"] == [[0, 0]]
    assert list(told) == [*close, "percentile", "histogram"]


def test_of_nothing_all_is_zero():
    told = Histogram().members(5.0)
    assert told.pop("percentile") == [[name, 0] for name in PERCENTILES]
    assert told.pop("histogram") == [[0, 0]]
    assert set(told.values()) == {0}


def test_of_one_value_nothing_deviates():
    told = filled([3.0]).members(0.0)
    assert (told["n"], told["min"], told["max"]) == (1, 3.0, 3.25)
    assert (told["variance"], told["skewness"], told["kurtosis"]) == (0, 0, 0)


def test_none_of_many_is_missed_whenever_it_is_asked_for():
    histogram = Histogram()
    for number in range(1, 1_203):
        histogram.add(number, number / 1_000)
        if number % 7 == 0 or number > 1_195:
            assert (histogram.count, histogram.total) == (number, number * (number + 1) / 2)
            assert sum(histogram.bins(number / 1_000).values()) == number


@given(st.floats(-1, 2 * HIGHEST), st.floats(0, 1e6))
def test_a_value_is_in_its_bin(value: float, now: float):
    histogram = filled([value], now)
    told = histogram.members(now)
    kept = min(max(value, LOWEST), HIGHEST)
    assert told["min"] <= kept <= told["max"]
    assert told["max"] - told["min"] <= kept / 8
    assert (histogram.count, histogram.total) == (1, value)


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0.01, 100)), max_size=30), st.floats(0, 15))
def test_what_is_told_is_of_the_last_seconds(steps: list[tuple[float, float]], later: float):
    histogram = Histogram()
    now = 0.0
    added: list[float] = []
    for step, value in steps:
        now += step
        histogram.add(value, now)
        added.append(now)
    now += later
    wanted = sum(now // 1 - second // 1 < WINDOW for second in added)
    assert histogram.members(now)["n"] == wanted
    assert histogram.count == len(steps)


@given(st.lists(st.floats(0.01, 1000), min_size=1, max_size=50))
def test_percentiles_grow_and_stay_within_the_values(values: list[float]):
    histogram = filled(values)
    told = histogram.members(0.0)
    at = histogram.percentiles(0.0)
    assert at == sorted(at)
    assert told["min"] <= at[0]
    assert at[-1] <= told["max"]
    assert told["harmonic_mean"] <= told["geometric_mean"] * 1.0001 <= told["arithmetic_mean"] * 1.0002
