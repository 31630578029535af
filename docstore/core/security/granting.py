"""What ``PUT /_api/v2/db/{db}/_security`` makes of a security object: Cloudant's roles by name.

Owns the check of these, and what of the object stays. What a role allows is ``database_security.py``'s. Follows
Cloudant's API: ``cloudant`` is replaced as a whole, so who is left out has no role any more; CouchDB's half stays
unless it is told too.
"""

from collections.abc import Mapping
from typing import Final

from docstore.core.json_text import JsonValue
from docstore.core.security.database_security import (
    CLOUDANT,
    COUCHDB_AUTH_ONLY,
    CREATOR,
    DATABASE_ADMIN,
    DB_UPDATES,
    DESIGNER,
    READER,
    REPLICATOR,
    SECURITY,
    SHARDS,
    WRITER,
)
from docstore.errors import BadRequest

ROLES: Final = frozenset({READER, WRITER, CREATOR, DATABASE_ADMIN, REPLICATOR, DESIGNER, SECURITY, SHARDS, DB_UPDATES})
ADMINS: Final = "admins"
MEMBERS: Final = "members"

Object = dict[str, JsonValue]


def granted(present: Mapping[str, JsonValue], told: Mapping[str, JsonValue]) -> Object:
    """The security object after a request with these members. Raises BadRequest."""
    if CLOUDANT not in told:
        raise BadRequest(f"`{CLOUDANT}` is required.")
    changed = dict(present) | {CLOUDANT: _roles_by_name(told[CLOUDANT])}
    for half in (ADMINS, MEMBERS):
        if half in told:
            changed[half] = told[half]
    if COUCHDB_AUTH_ONLY in told:
        alone = told[COUCHDB_AUTH_ONLY]
        if not isinstance(alone, bool):
            raise BadRequest(f"`{COUCHDB_AUTH_ONLY}` must be true or false.")
        changed[COUCHDB_AUTH_ONLY] = alone
    return changed


def _roles_by_name(value: JsonValue) -> Object:
    if not isinstance(value, dict):
        raise BadRequest(f"`{CLOUDANT}` must be an object: roles by user.")
    for name, roles in value.items():
        if not name:
            raise BadRequest(f"`{CLOUDANT}` has a user without a name.")
        if not isinstance(roles, list) or not all(isinstance(role, str) for role in roles):
            raise BadRequest(f"`{CLOUDANT}`: the roles of {name} must be an array of strings.")
        unknown = [str(role) for role in roles if role not in ROLES]
        if unknown:
            raise BadRequest(f"`{CLOUDANT}`: there is no role {unknown[0]}.")
    return value
