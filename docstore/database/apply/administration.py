"""What the commands that create, delete, compact and configure databases do inside the write transaction.

Owns the step from such a command to ``storage``. It must not know documents, nor which values may be set
(``core.properties``). A deleted database loses its name and its counters at once, so that no later command finds it;
its rows are swept step by step.
"""

from typing import Final

from docstore.core.conditions import content_etag
from docstore.database.commands import (
    CompactDatabase,
    CreateDatabase,
    DeleteDatabase,
    MakeDurable,
    SetPurgedInfosLimit,
    SetRevsLimit,
    SetSecurity,
    SweepDatabase,
)
from docstore.storage import databases, keys
from docstore.storage.attachments import uploads
from docstore.storage.documents import compaction, purges
from docstore.storage.engine.transactions import WHEN_SYNCED, GroupTransaction
from docstore.storage.rows import DatabaseRow

GONE: Final = -1
"""What a group commit tells as the update sequence of a database that it deleted."""


def create(txn: GroupTransaction, command: CreateDatabase) -> DatabaseRow:
    """Enter a name. Raises DatabaseExists, Forbidden."""
    if command.most and not command.name.startswith("_"):
        databases.check_room(txn, command.name, command.most)
    return databases.create_database(
        txn,
        command.name,
        uuid=command.uuid,
        now=command.now,
        shards=command.shards,
        revs_limit=command.revs_limit,
        purged_infos_limit=command.purged_infos_limit,
        partitioned=command.partitioned,
        security=command.security,
    )


def delete(txn: GroupTransaction, command: DeleteDatabase) -> int:
    """Take a name away; the number that is to be swept. Raises DatabaseNotFound."""
    number = databases.delete_database(txn, command.name)
    txn.delete(txn.tables.states, keys.prefix(number))
    txn.changed[number] = GONE
    return number


def make_durable(txn: GroupTransaction, _command: MakeDurable) -> object:
    """Ask for a sync behind the commit, and to be told of it alone."""
    txn.wants_sync = True
    return WHEN_SYNCED


def sweep(txn: GroupTransaction, command: SweepDatabase) -> bool:
    """One step of a sweep; True when nothing is left."""
    return uploads.sweep(txn, command.number) and compaction.sweep(txn, command.number)


def compact(txn: GroupTransaction, command: CompactDatabase) -> int | None:
    """One step of a compaction; where to go on. Raises DatabaseNotFound."""
    return compaction.compact_documents(txn, command.database, command.after)


def set_security(txn: GroupTransaction, command: SetSecurity) -> None:
    """Replace the security object. Raises DatabaseNotFound, PreconditionFailed."""
    state = databases.get_state(txn, command.database)
    if command.condition is not None:
        command.condition.check(content_etag(databases.security_text(txn, command.database)))
    databases.set_property(txn, command.database, state, keys.PROPERTY_SECURITY, command.security)
    databases.put_state(txn, command.database, state)


def set_revs_limit(txn: GroupTransaction, command: SetRevsLimit) -> None:
    """Replace the revs_limit; trees are stemmed to it when they are next written. Raises DatabaseNotFound."""
    state = databases.get_state(txn, command.database)
    state.revs_limit = command.limit
    databases.put_state(txn, command.database, state)


def set_purged_infos_limit(txn: GroupTransaction, command: SetPurgedInfosLimit) -> bool:
    """Replace the purged_infos_limit and drop a step of what is beyond it; True when nothing is. As the above."""
    state = databases.get_state(txn, command.database)
    state.purged_infos_limit = command.limit
    done = purges.trim_purges(txn, command.database, state)
    databases.put_state(txn, command.database, state)
    return done
