"""Lengths of scenario time as people write them: ``90``, ``"1.5h"``, ``"3d 4h"``, ``"200ms"``.

Owns reading and printing of them. Scenario time is seconds, as a float, from the scenario's start; it has nothing to
do with any real clock.
"""

import re
from typing import Final

UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0, "w": 604_800.0}

_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdw])")
_DAY = int(UNITS["d"])


def parse_duration(value: object) -> float:
    """Seconds. A number is seconds already. Raises ValueError for anything that is no length of time."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        if 0 <= value < float("inf"):
            return float(value)
    elif isinstance(value, str):
        parts = value.split()
        matches = [_PART.fullmatch(part) for part in parts]
        if parts and all(matches):
            return sum(float(match[1]) * UNITS[match[2]] for match in matches if match is not None)
    raise ValueError(f'{value!r} is no length of time; write 90 (seconds), "200ms", "15m" or "2d 12h"')


def format_duration(seconds: float) -> str:
    """The shortest spelling: ``2d 12h``, ``1m 30s``, ``200ms``, ``0s``; milliseconds only below a minute."""
    if seconds < UNITS["s"]:
        return f"{round(seconds * 1000)}ms" if round(seconds * 1000) else "0s"
    if seconds < UNITS["m"]:
        return f"{seconds:.3f}".rstrip("0").rstrip(".") + "s"
    left = round(seconds)
    parts = []
    for unit in ("w", "d", "h", "m", "s"):
        count, left = divmod(left, int(UNITS[unit]))
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts)


def format_moment(seconds: float) -> str:
    """A moment of a scenario: ``03:15:00``, with ``day 3`` in front once a day is over; milliseconds if any."""
    days, rest = divmod(seconds, _DAY)
    minutes, second = divmod(rest, 60)
    hours, minute = divmod(int(minutes), 60)
    thousandths = round((second % 1) * 1000)
    text = f"{hours:02}:{minute:02}:{int(second):02}"
    if 0 < thousandths < 1000:
        text += f".{thousandths:03}"
    return f"day {int(days) + 1} {text}" if days else text
