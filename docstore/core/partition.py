"""Partitions: what stands before the first colon in the ids of a partitioned database.

Owns which ids such a database may have, which names a partition may have, and the range of ids that is a partition.
It must not know databases. Follows ``couch_partition``. Design documents and ``_local`` ones are in no partition.
"""

from typing import Final

from docstore.core.document import DESIGN_PREFIX, LOCAL_PREFIX, check_words
from docstore.errors import BadRequest, IllegalDocId

COLON: Final = ":"
BEHIND_COLON: Final = ";"
"""The character that follows the colon: ``name;`` is the first text after all ids of a partition."""

NO_PARTITION: Final = "Doc id must be of form partition:id"


class IllegalPartition(BadRequest):
    """A name that no partition can have."""

    error = "illegal_partition"


def partition_of(doc_id: str) -> str | None:
    """The partition that an id names, None if it has no colon."""
    name, colon, _ = doc_id.partition(COLON)
    return name if colon else None


def check_partition(name: str) -> str:
    """The name itself, if a partition may have it. Raises IllegalPartition."""
    if not name:
        raise IllegalPartition("Partition must not be empty")
    if name[0] == "_":
        raise IllegalPartition("Partition must not start with an underscore")
    if not _is_utf8(name):
        raise IllegalPartition("Partition must be valid UTF-8")
    if COLON in name:
        raise IllegalPartition("Partition must not contain a colon")
    return name


def check_partitioned_id(doc_id: str) -> str:
    """The id itself, if a document of a partitioned database may have it. Raises IllegalDocId, IllegalPartition.

    The id is one that documents can have (``validate_doc_id``).
    """
    if doc_id.startswith((DESIGN_PREFIX, LOCAL_PREFIX)):
        return doc_id
    name, colon, rest = doc_id.partition(COLON)
    if not colon:
        raise IllegalDocId(NO_PARTITION)
    check_partition(name)
    check_words(rest)
    return doc_id


def check_placed(doc_id: str) -> None:
    """Raises IllegalDocId for an id that names no partition though it should, of a document that is to be read.

    An id of any document but a design document or a ``_local`` one should; ids with other faults are just not there.
    """
    if doc_id[:1] != "_" and COLON not in doc_id:
        raise IllegalDocId(NO_PARTITION)


def id_bounds(name: str) -> tuple[str, str]:
    """Texts before and after all ids of a partition; neither is an id of a partitioned database."""
    return name + COLON, name + BEHIND_COLON


def _is_utf8(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
