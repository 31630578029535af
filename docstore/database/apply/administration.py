"""Creating, deleting, compacting and configuring databases: the commands, and what may be configured.

Owns what these commands do inside the write transaction, and the check of the values that users may set. It must not
know documents. A deleted database loses its name and its counters at once, so that no later command finds it; its rows
are swept step by step.
"""

from typing import Final

from docstore.core.conditions import content_etag
from docstore.core.json_text import JsonValue, decode, encode
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
from docstore.errors import BadRequest, DocstoreError
from docstore.storage import databases, keys
from docstore.storage.attachments import uploads
from docstore.storage.documents import compaction, purges
from docstore.storage.engine.transactions import GroupTransaction
from docstore.storage.rows import DatabaseRow
from docstore.storage.tables import ReadTransaction

GONE: Final = -1
"""What a group commit tells as the update sequence of a database that it deleted."""

MAX_LIMIT: Final = (1 << 62) - 1

DEFAULT_SECURITY: Final = b'{"members":{"roles":["_admin"]},"admins":{"roles":["_admin"]}}'


# --- inside the write transaction -------------------------------------------------------------------------------


def create(txn: GroupTransaction, command: CreateDatabase) -> DatabaseRow:
    """Enter a name. Raises DatabaseExists."""
    return databases.create_database(
        txn,
        command.name,
        uuid=command.uuid,
        now=command.now,
        shards=command.shards,
        revs_limit=command.revs_limit,
        purged_infos_limit=command.purged_infos_limit,
    )


def delete(txn: GroupTransaction, command: DeleteDatabase) -> int:
    """Take a name away; the number that is to be swept. Raises DatabaseNotFound."""
    number = databases.delete_database(txn, command.name)
    txn.delete(txn.tables.states, keys.prefix(number))
    txn.changed[number] = GONE
    return number


def make_durable(txn: GroupTransaction, _command: MakeDurable) -> None:
    """Ask for a sync behind the commit."""
    txn.wants_sync = True


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
        command.condition.check(content_etag(security_text(txn, command.database)))
    databases.set_property(txn, command.database, state, keys.PROPERTY_SECURITY, command.security)
    databases.put_state(txn, command.database, state)


def set_revs_limit(txn: GroupTransaction, command: SetRevsLimit) -> None:
    """Replace the revs_limit; trees are stemmed to it when they are next written. Raises DatabaseNotFound."""
    state = databases.get_state(txn, command.database)
    state.revs_limit = command.limit
    databases.put_state(txn, command.database, state)


def set_purged_infos_limit(txn: GroupTransaction, command: SetPurgedInfosLimit) -> None:
    """Replace the purged_infos_limit and drop what is beyond it. Raises DatabaseNotFound."""
    state = databases.get_state(txn, command.database)
    state.purged_infos_limit = command.limit
    purges.trim_purges(txn, command.database, state)
    databases.put_state(txn, command.database, state)


# --- before it --------------------------------------------------------------------------------------------------


def security_text(txn: ReadTransaction, number: int) -> bytes:
    """The security object as JSON text; CouchDB's default for a database that never got one."""
    stored = databases.get_property(txn, number, keys.PROPERTY_SECURITY)
    return DEFAULT_SECURITY if stored is None else stored


def read_security(txn: ReadTransaction, number: int) -> dict[str, JsonValue]:
    """The security object. Raises DatabaseNotFound."""
    databases.get_state(txn, number)
    security = decode(security_text(txn, number))
    if not isinstance(security, dict):
        raise TypeError(f"the security object of database {number} is no object")
    return security


def check_security(value: JsonValue) -> bytes:
    """The text to store of a security object. Raises CouchDB's odd answer to one that it does not take."""
    if not isinstance(value, dict):
        raise _refused_security()
    # "readers" is the old name of "members", which counts where the new one is missing.
    for role in (value.get("admins", {}), value.get("members", value.get("readers", {}))):
        if not isinstance(role, dict):
            raise _refused_security()
        for names in (role.get("names", []), role.get("roles", [])):
            if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
                raise _refused_security()
    return encode(value)


def check_limit(value: JsonValue, name: str) -> int:
    """A limit that a user sets. Raises BadRequest unless it is a positive integer."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= MAX_LIMIT:
        raise BadRequest(f"`{name}` must be positive integer")
    return value


def _refused_security() -> DocstoreError:
    return DocstoreError("no_majority", error="error")
