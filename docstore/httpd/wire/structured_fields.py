"""Structured header fields (RFC 9651), as far as requests have them: items that are integers, booleans or strings.

Owns that grammar. A field that cannot be read counts as absent, as those who define such fields demand; for a string
the caller decides. No two parts of a pattern can take the same text, so none takes long to fail.
"""

import re

_QUOTED = r'"(?:[ !#-\[\]-~]|\\["\\])*"'
_PARAMETERS = rf"(?:[ ]*;[ ]*[a-z*][a-z0-9_.*-]*(?:=(?:{_QUOTED}|[^;, \"]*))?)*"
_BOOLEAN = re.compile(rf"\?([01]){_PARAMETERS}")
_INTEGER = re.compile(rf"(-?[0-9]{{1,15}}){_PARAMETERS}")
_STRING = re.compile(rf"(?:({_QUOTED})|([!#$%&'*+.^_`|~0-9A-Za-z:/=-]+)){_PARAMETERS}")
_ESCAPED = re.compile(r"\\(.)")


def boolean_item(value: str | None) -> bool | None:
    """``?1`` or ``?0``; None for anything else."""
    found = None if value is None else _BOOLEAN.fullmatch(value.strip(" "))
    return None if found is None else found[1] == "1"


def count_item(value: str | None) -> int | None:
    """An integer that is not negative; None for anything else."""
    found = None if value is None else _INTEGER.fullmatch(value.strip(" "))
    return None if found is None or found[1].startswith("-") else int(found[1])


def string_or_word(value: str) -> str | None:
    """A string in its quotes, or a bare word, which is a token but may begin with a digit; None for anything else."""
    found = _STRING.fullmatch(value.strip(" \t"))
    if found is None:
        return None
    quoted, word = found.groups()
    return word if quoted is None else _ESCAPED.sub(r"\1", quoted[1:-1])
