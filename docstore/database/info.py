"""What a database tells of itself.

Owns the members of ``GET /{db}``. It must not know where the figures come from. Follows ``couch_db:get_db_info``.
"""

from dataclasses import dataclass

from docstore.core.json_text import JsonValue

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

    def members(self) -> dict[str, JsonValue]:
        """The JSON object of CouchDB, its members in CouchDB's order."""
        return {
            "instance_start_time": self.instance_start_time,
            "db_name": self.name,
            "purge_seq": self.purge_seq,
            "update_seq": self.update_seq,
            "sizes": {"file": self.size_file, "external": self.size_external, "active": self.size_active},
            "props": {},
            "doc_del_count": self.doc_del_count,
            "doc_count": self.doc_count,
            "disk_format_version": DISK_FORMAT_VERSION,
            "compact_running": self.compact_running,
            "cluster": {"q": self.shards, "n": 1, "w": 1, "r": 1},
        }
