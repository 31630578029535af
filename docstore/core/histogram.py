"""Values gathered in bins, of the last seconds, and what is told of them: CouchDB's histograms.

Owns the bins, the window and the arithmetic. It has no clock: whoever adds and whoever asks says what time it is. Bins
are an eighth of a power of two wide, so that few hold microseconds as well as hours, and what is told is of them: the
middle of a bin for each value in it. Follows ``couch_stats_histogram`` and ``couch_stats_math``.
"""

from collections import Counter, deque
from collections.abc import Mapping
from math import exp, ldexp, log, sqrt
from struct import pack, unpack
from typing import Final

from docstore.core.json_text import JsonValue

WINDOW: Final = 10
"""Seconds whose values are told."""

LOWEST: Final = 0.01
HIGHEST: Final = 4_000_000.0
"""Values beyond these count as them: hundredths of a millisecond, and an hour."""

PERCENTILES: Final = (50, 75, 90, 95, 99, 999)
"""As they are named; the last one is 99.9."""

_AT_ONCE: Final = 500
"""Values that are put into their bins together: every request adds one, and hardly anybody asks."""

_FIRST: Final = 8 * 1021
"""The bin of a number is its exponent and the first three digits of its mantissa, which stand side by side in it."""

_FLAT: Final = 1e-12
"""What deviates less has no shape."""

_ZEROS: Final = (
    *("n", "min", "max", "arithmetic_mean", "geometric_mean", "harmonic_mean", "median", "variance"),
    *("standard_deviation", "skewness", "kurtosis"),
)


class Histogram:
    """``count`` and ``total`` are of all values since it was made, the rest of ``WINDOW`` seconds."""

    __slots__ = ("_bins", "_count", "_new", "_past", "_second", "_total")

    def __init__(self) -> None:
        self._count = 0
        self._total = 0.0
        self._second = 0.0
        self._new: list[float] = []
        self._bins: Counter[int] = Counter()
        self._past: deque[tuple[float, Counter[int]]] = deque(maxlen=WINDOW)

    def add(self, value: float, now: float) -> None:
        """A value that came now, in seconds of a clock that never goes back."""
        new = self._new
        if now - self._second >= 1:
            self._settle()
            self._past.append((self._second, self._bins))
            self._second, self._bins = now // 1, Counter()
        new.append(value)
        if len(new) == _AT_ONCE:
            self._settle()

    @property
    def count(self) -> int:
        """How many values there were."""
        return self._count + len(self._new)

    @property
    def total(self) -> float:
        """Their sum."""
        return self._total + sum(self._new)

    def bins(self, now: float) -> dict[int, int]:
        """How many values there are in each bin, in order."""
        self._settle()
        found: Counter[int] = Counter()
        for second, bins in (*self._past, (self._second, self._bins)):
            if now // 1 - second < WINDOW:
                found.update(bins)
        return dict(sorted(found.items()))

    def percentiles(self, now: float) -> list[float]:
        """The value at each of ``PERCENTILES``."""
        return _percentiles(self.bins(now))

    def members(self, now: float) -> dict[str, JsonValue]:
        """The value of a histogram in ``_stats``."""
        bins = self.bins(now)
        count = sum(bins.values())
        values: dict[str, JsonValue] = dict.fromkeys(_ZEROS, 0)
        if count:
            values |= _moments(bins, count)
        at = _percentiles(bins)
        values["median"] = at[0]
        values["percentile"] = [[name, value] for name, value in zip(PERCENTILES, at, strict=True)]
        values["histogram"] = [[0, 0]]
        return values

    def _settle(self) -> None:
        """Put the new values, which are of one second, into their bins."""
        new = self._new
        self._count += len(new)
        self._total += sum(new)
        within = [value if LOWEST <= value <= HIGHEST else LOWEST if value < LOWEST else HIGHEST for value in new]
        numbers = unpack(f"<{len(within)}Q", pack(f"<{len(within)}d", *within))
        self._bins.update([(number >> 49) - _FIRST for number in numbers])
        new.clear()


EMPTY: Final = Histogram()
"""Of what is never measured."""


def _moments(bins: Mapping[int, int], count: int) -> dict[str, JsonValue]:
    middles = [(_middle(place), number) for place, number in bins.items()]
    mean = sum(number * value for value, number in middles) / count
    variance = sum(number * (value - mean) ** 2 for value, number in middles) / count
    deviation = sqrt(variance)
    skewness: float = 0
    kurtosis: float = 0
    if deviation**3 >= _FLAT:
        skewness = sum(number * (value - mean) ** 3 for value, number in middles) / count / deviation**3
    if deviation**4 >= _FLAT:
        kurtosis = sum(number * (value - mean) ** 4 for value, number in middles) / count / deviation**4 - 3
    lowest, highest = next(iter(bins)), next(reversed(bins))
    return {
        "n": count,
        "min": _start(lowest),
        "max": _start(highest) + _width(highest),
        "arithmetic_mean": mean,
        "geometric_mean": exp(sum(number * log(value) for value, number in middles) / count),
        "harmonic_mean": count / sum(number / value for value, number in middles),
        "variance": variance,
        "standard_deviation": deviation,
        "skewness": skewness,
        "kurtosis": kurtosis,
    }


def _percentiles(bins: Mapping[int, int]) -> list[float]:
    """The value at each of ``PERCENTILES``: within its bin as far as its rank is among the bin's values."""
    count = sum(bins.values())
    found: list[float] = []
    for name in PERCENTILES:
        rank = count * (name / 100 if name < 100 else name / 1000)
        value: float = 0
        for place, number in bins.items():
            if rank < number:
                value = _start(place) + _width(place) * rank / number
                break
            rank -= number
        found.append(value)
    return found


def _start(place: int) -> float:
    """The lowest value of a bin: eighths of the power of two below it."""
    return ldexp(place % 8 + 8, place // 8 - 5)


def _width(place: int) -> float:
    return ldexp(1.0, place // 8 - 5)


def _middle(place: int) -> float:
    return _start(place) + _width(place) / 2
