"""Structured header fields (RFC 9651), as far as requests have them: items that are integers or booleans.

Owns that grammar. A field that cannot be read counts as absent, as those who define such fields demand.
"""

import re

_PARAMETERS = r"(?:[ ]*;[ ]*[a-z*][a-z0-9_.*-]*(?:=[^;,]*)?)*"
_BOOLEAN = re.compile(rf"\?([01]){_PARAMETERS}")
_INTEGER = re.compile(rf"(-?[0-9]{{1,15}}){_PARAMETERS}")


def boolean_item(value: str | None) -> bool | None:
    """``?1`` or ``?0``; None for anything else."""
    found = None if value is None else _BOOLEAN.fullmatch(value.strip(" "))
    return None if found is None else found[1] == "1"


def count_item(value: str | None) -> int | None:
    """An integer that is not negative; None for anything else."""
    found = None if value is None else _INTEGER.fullmatch(value.strip(" "))
    return None if found is None or found[1].startswith("-") else int(found[1])
