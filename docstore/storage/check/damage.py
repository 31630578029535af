"""How damage is told: rows that cannot be read, where every row was written by docstore.

Owns the step from an exception to words. It must not know which row it was.
"""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import lmdb
import msgspec

from docstore.errors import DocstoreError, StoreDamaged, Unavailable

UNREADABLE: Final = (ValueError, LookupError, OverflowError, struct.error, msgspec.MsgspecError, lmdb.Error)
"""What reading a damaged row ends with."""


@contextmanager
def told_as_damage(data_file: Path) -> Iterator[None]:
    """Around the first reads of a store. Raises StoreDamaged for what cannot be read."""
    try:
        yield
    except DocstoreError:
        raise
    except UNREADABLE as error:
        advice = "docstore check tells more"
        raise StoreDamaged(f"{data_file} is damaged: a row cannot be read ({error!r}); {advice}.") from error


def readable(findings: Iterator[str]) -> Iterator[str]:
    """The findings; the last one is that a row could not be read, if that stopped this part of the check.

    Any exception is taken for that: what is damaged may be anything, and the other parts are to be looked at too.
    """
    try:
        yield from findings
    except Unavailable:
        raise
    except Exception as error:
        yield f"the check ended at a row that cannot be read ({error!r})"
