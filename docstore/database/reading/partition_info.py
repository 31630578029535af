"""What a partition of a database holds: its documents counted, and their bytes.

Owns those figures. There are no counters for a partition, so its documents are looked at, in slices; documents of
other partitions are not. Follows ``couch_bt_engine:get_partition_info``.
"""

from dataclasses import dataclass

from docstore.core.json_text import JsonValue
from docstore.core.partition import id_bounds
from docstore.database.database import Database
from docstore.database.slices import CHUNK_ROWS, LongSnapshot, SliceClock
from docstore.storage.databases import get_state
from docstore.storage.documents.scans import DocSize, scan_sizes


@dataclass(slots=True)
class PartitionInfo:
    """What ``GET /{db}/_partition/{partition}`` tells.

    ``external``  bytes of the winners' bodies, of documents that are not deleted
    ``active``    bytes of all winners' bodies, and of the documents' records with their keys
    """

    database: str
    partition: str
    doc_count: int = 0
    doc_del_count: int = 0
    active: int = 0
    external: int = 0

    def members(self) -> dict[str, JsonValue]:
        """The JSON object of CouchDB, its members in CouchDB's order."""
        return {
            "db_name": self.database,
            "sizes": {"active": self.active, "external": self.external},
            "partition": self.partition,
            "doc_count": self.doc_count,
            "doc_del_count": self.doc_del_count,
        }

    def add(self, found: DocSize) -> None:
        """Count a document."""
        self.active += found.record + found.body
        if found.deleted:
            self.doc_del_count += 1
        else:
            self.doc_count += 1
            self.external += found.body


async def partition_info(database: Database, partition: str) -> PartitionInfo:
    """The figures of a partition, which need not have documents. Raises DatabaseNotFound."""
    counted = PartitionInfo(database.name, partition)
    last, end = id_bounds(partition)
    with LongSnapshot(database.environment) as snapshot:
        while True:
            snapshot.renew()
            get_state(snapshot.current, database.number)
            clock = SliceClock()
            for count, found in enumerate(scan_sizes(snapshot.current, database.number, last, end), 1):
                counted.add(found)
                if count % CHUNK_ROWS == 0 and clock.over:
                    last = found.id
                    break
            else:
                return counted
            await snapshot.turn()
