"""Dates as headers have them (RFC 9110, 5.6.7), in whole seconds since 1970.

Owns the three spellings that are read and the one that is written. It must not know what a date is of.
"""

import time
from calendar import timegm
from functools import lru_cache
from typing import Final

FORMS: Final = ("%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y")
"""The one that is written today, that of RFC 850, and that of C's asctime."""

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def parse_date(value: str) -> int | None:
    """The date of a header; None for what is none."""
    for form in FORMS:
        try:
            return timegm(time.strptime(value, form))
        except ValueError:
            continue
    return None


def format_date(seconds: int) -> str:
    """``Mon, 30 Nov 2026 00:26:24 GMT``."""
    year, month, day, hour, minute, second, weekday, *_ = time.gmtime(seconds)
    return f"{_DAYS[weekday]}, {day:02} {_MONTHS[month - 1]} {year:04} {hour:02}:{minute:02}:{second:02} GMT"


@lru_cache(maxsize=4096)
def last_modified_lines(seconds: int) -> bytes:
    """The header lines; documents that are read again and again have theirs at hand.

    A cache may take what has such a date for fresh for a while, by the age of it (RFC 9111, 4.2.2), unless it is told
    when that ends: at once.
    """
    return b"Last-Modified: %b\r\nExpires: 0\r\n" % format_date(seconds).encode()
