"""What a database tells of itself.

Owns the members of ``GET /{db}``. It must not know how the figures are read. Follows ``couch_db:get_db_info``.
"""

from dataclasses import dataclass

from docstore.core.json_text import JsonValue
from docstore.database.sequences import instance_start_time
from docstore.storage.rows import DatabaseRow, DatabaseState

DISK_FORMAT_VERSION = 8
"""What CouchDB 3 answers; clients look at it, it says nothing about our format."""


@dataclass(frozen=True, slots=True)
class DatabaseInfo:
    """What ``GET /{db}`` tells. Sizes are bytes, ``instance_start_time`` as ``sequences`` tells it."""

    name: str
    update_seq: str
    purge_seq: str
    doc_count: int
    doc_del_count: int
    size_file: int
    size_active: int
    size_external: int
    compact_running: bool
    instance_start_time: str
    shards: int
    partitioned: bool

    def members(self) -> dict[str, JsonValue]:
        """The JSON object of CouchDB, its members in CouchDB's order."""
        return {
            "instance_start_time": self.instance_start_time,
            "db_name": self.name,
            "purge_seq": self.purge_seq,
            "update_seq": self.update_seq,
            "sizes": {"file": self.size_file, "external": self.size_external, "active": self.size_active},
            "props": {"partitioned": True} if self.partitioned else {},
            "doc_del_count": self.doc_del_count,
            "doc_count": self.doc_count,
            "disk_format_version": DISK_FORMAT_VERSION,
            "compact_running": self.compact_running,
            "cluster": {"q": self.shards, "n": 1, "w": 1, "r": 1},
        }


def info_of(
    name: str, row: DatabaseRow, state: DatabaseState, opaque: str, epoch: int, *, compact_running: bool
) -> DatabaseInfo:
    """What a database tells whose row and counters these are; ``opaque`` is behind the dash of its sequences."""
    return DatabaseInfo(
        name=name,
        update_seq=f"{state.update_seq}-{opaque}",
        purge_seq=f"{state.purge_seq}-{opaque}",
        doc_count=state.doc_count,
        doc_del_count=state.doc_del_count,
        size_file=state.file_size,
        size_active=state.active_size,
        size_external=state.external_size,
        compact_running=compact_running,
        instance_start_time=instance_start_time(row.created, epoch),
        shards=row.shards,
        partitioned=row.partitioned,
    )
