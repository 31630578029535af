"""Update sequences as text: ``<number>-<opaque>``.

Owns the opaque part, which names the incarnation of the database and the epoch of the store, and the reading of a
``since``. A ``since`` of another incarnation or epoch, or beyond the end, starts from zero, so that nobody skips
changes after a database was made anew or restored from a copy. It must not know the store.
Follows ``fabric_view_changes:validate_start_seq`` in what is malformed.
"""

import re
from base64 import urlsafe_b64encode
from hashlib import blake2b
from typing import Final

from docstore.core.json_text import JsonValue
from docstore.errors import BadRequest

NOW: Final = "now"
OPAQUE_BYTES = 12
OPAQUE_CHARACTERS = 16
"""``OPAQUE_BYTES`` in base64: also the least that any server's opaque part is taken to have."""

EPOCH_SHIFT: Final = 1_000_000_000
"""By how many microseconds, at most, an epoch moves the time at which a database began: a quarter of an hour."""

_SINCE = re.compile(r'"?(?:([0-9]+)-)?([A-Za-z0-9_-]+)"?', re.ASCII)
_MAX_DIGITS = 19


def opaque_part(database_uuid: str, epoch: int) -> str:
    """The text after the dash: the same for every sequence of this incarnation and epoch.

    The uuid has 32 hex digits, the epoch 64 bits.
    """
    names = bytes.fromhex(database_uuid) + epoch.to_bytes(8)
    return urlsafe_b64encode(blake2b(names, digest_size=OPAQUE_BYTES).digest()).decode()


def instance_start_time(created: int, epoch: int) -> str:
    """When this incarnation began, microseconds since 1970, moved back a little by the epoch.

    A replicator looks at it before each checkpoint: while it is the same, all that was acknowledged is still there. So
    it must change not only with the incarnation, but also when the store may have lost its last commits.
    """
    return str(created - epoch % EPOCH_SHIFT)


def parse_since(value: JsonValue, opaque: str, update_seq: int) -> int:
    """The number to read changes after.

    ``value`` is ``"now"``, ``0``, ``"0"`` or ``"<number>-<opaque>"`` (in quotes too). Raises BadRequest for anything
    else.
    """
    if value == NOW:
        return update_seq
    if value == "0" or (type(value) is int and value == 0):
        return 0
    match = _SINCE.fullmatch(value) if isinstance(value, str) else None
    if match is None or len(match[2]) < OPAQUE_CHARACTERS:
        raise BadRequest("Malformed sequence supplied in 'since' parameter.")
    digits = match[1]
    if match[2] != opaque:
        if match[2].isdigit():  # a bare number, however long, is no sequence of any server
            raise BadRequest("Malformed sequence supplied in 'since' parameter.")
        return 0
    if digits is None or len(digits) > _MAX_DIGITS:
        return 0
    seq = int(digits)
    return seq if seq <= update_seq else 0
