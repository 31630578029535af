"""Who wrote a revision here, and when.

Owns the value and how its time is printed and read. Neither is part of the revision: no hash covers them, and no
replication carries them. It must not know how they are kept (``storage/documents/stamps.py``), nor HTTP. The calendar
is reckoned here, since what ``apply`` imports has no clock within reach.
"""

import re
from typing import Final, NamedTuple

from docstore.core.json_text import JsonValue

MAX_NAME_BYTES: Final = 512
"""Of a longer name, in UTF-8, the end is left out."""

MAX_AT: Final = 253_402_300_799_999_999
"""The last microsecond of the year 9999; a clock beyond counts as that."""

SECOND: Final = 1_000_000
_DAY: Final = 86_400 * SECOND
_ERA_DAYS: Final = 146_097
"""Of 400 years, after which the calendar repeats itself."""

_BEFORE_1970: Final = 719_468
"""Days from the first of March of the year 0, from which eras are counted: so leap days come last."""

_TIME: Final = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)\.(\d{6})Z", re.ASCII)


class Written(NamedTuple):
    """The write of a revision: microseconds since 1970, and the name of the user; None is nobody in particular."""

    at: int
    by: str | None = None


def time_text(at: int) -> str:
    """Microseconds since 1970 as RFC 3339 has them, in UTC: ``2026-11-30T00:26:24.000001Z``. From 0 to ``MAX_AT``."""
    date, time = _date_and_time(at)
    return f"{date}T{time}.{at % SECOND:06}Z"


def time_of_text(text: str) -> int:
    """The time that ``time_text`` has printed. Raises ValueError for anything else."""
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no time")
    year, month, day, hour, minute, second, micros = map(int, found.groups())
    year -= month <= 2
    days = year // 400 * _ERA_DAYS + year % 400 * 365 + year % 400 // 4 - year % 400 // 100
    days += (153 * ((month + 9) % 12) + 2) // 5 + day - 1 - _BEFORE_1970
    at = ((days * 24 + hour) * 60 + minute) * 60 * SECOND + second * SECOND + micros
    if not 0 <= at <= MAX_AT or time_text(at) != text:
        raise ValueError(f"{text!r} is no time")
    return at


def members_of(written: Written | None) -> dict[str, JsonValue]:
    """``at`` and ``by`` as JSON has them; both null where nobody knows, ``by`` alone where it was nobody."""
    return {"at": None, "by": None} if written is None else {"at": time_text(written.at), "by": written.by}


def written_of_members(at: JsonValue, by: JsonValue) -> Written | None:
    """What ``members_of`` has told. Raises ValueError for anything else."""
    if at is None:
        return None
    if not isinstance(at, str) or not (by is None or isinstance(by, str)):
        raise ValueError("neither time nor name")
    return Written(time_of_text(at), by)


def sentence(written: Written) -> str:
    """For pictures: ``alice, 2026-11-30 00:26:24 UTC``."""
    text = f"{' '.join(_date_and_time(written.at))} UTC"
    return text if written.by is None else f"{written.by}, {text}"


def _date_and_time(at: int) -> tuple[str, str]:
    days, rest = divmod(at, _DAY)
    era, day = divmod(days + _BEFORE_1970, _ERA_DAYS)
    year = (day - day // 1460 + day // 36_524 - day // 146_096) // 365
    day -= 365 * year + year // 4 - year // 100
    month = (5 * day + 2) // 153
    day -= (153 * month + 2) // 5
    month = month + 3 if month < 10 else month - 9
    minutes, seconds = divmod(rest // SECOND, 60)
    date = f"{era * 400 + year + (month <= 2):04}-{month:02}-{day + 1:02}"
    return date, f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}"
