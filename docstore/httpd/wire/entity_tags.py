"""Lists of entity tags, as If-Match and If-None-Match hold them (RFC 9110, 8.8.3 and 13.1).

Owns that grammar. It must not know what a tag stands for, nor which list a request may send.
"""

import re
from typing import Literal, NamedTuple

from docstore.core.conditions import ANY

# What a tag may hold is wider than the RFC has it: a revision made elsewhere may have a space in it.
_TOKEN = re.compile(r'(W/)?"([^"\x00-\x1f\x7f]*)"|,|[ \t]+')


class EntityTag(NamedTuple):
    """One tag, its text without quotes."""

    text: str
    weak: bool = False


def entity_tags(value: str) -> Literal["*"] | list[EntityTag]:
    """The tags of a header's value, at least one; ``ANY`` for an asterisk alone.

    Empty elements count for nothing. Raises ValueError for anything else.
    """
    if value.strip(" \t") == ANY:
        return ANY
    tags: list[EntityTag] = []
    place = 0
    between = True
    while place < len(value):
        token = _TOKEN.match(value, place)
        if token is None:
            raise ValueError("neither a tag nor a comma")
        place = token.end()
        text = token[2]
        if text is not None:
            if not between:
                raise ValueError("two tags without a comma between them")
            tags.append(EntityTag(text, token[1] is not None))
            between = False
        elif token[0] == ",":
            between = True
    if not tags:
        raise ValueError("no tag")
    return tags
