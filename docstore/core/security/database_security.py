"""The security object of a database: whom it makes an administrator, whom a member.

Owns the reading of ``{"admins": {"names", "roles"}, "members": {"names", "roles"}}`` and, beside it, of the object
``cloudant`` that gives roles to names. A database without members is public. What may be stored is
``core.properties``' matter, and for ``cloudant`` alone ``core.security.granting``'s. Follows ``couch_db:is_admin`` and
``couch_db:is_member`` of CouchDB, and Cloudant's documentation of its roles:

``_reader``      reads documents, and nothing of the database's own
``_writer``      writes what is no design document, and reads nothing
``_creator``     writes documents that there are none of yet
``_replicator``  reads what a replication reads, and writes checkpoints (``_local`` documents)
``_design``      reads and writes design documents
``_security``    reads and writes the security object
``_shards``      sees the shards
``_db_updates``  is about the server's feed, and gives nothing in a database
``_admin``       all of it

``nobody`` has the roles of whoever has not logged in, and of nobody else. Who is listed as a member in CouchDB's half
reads and writes.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from docstore.core.json_text import JsonValue, decode
from docstore.core.security.user import ADMIN_ROLE, UserContext

NOBODY_NAME: Final = "nobody"
CLOUDANT: Final = "cloudant"
COUCHDB_AUTH_ONLY: Final = "couchdb_auth_only"

READER: Final = "_reader"
WRITER: Final = "_writer"
CREATOR: Final = "_creator"
REPLICATOR: Final = "_replicator"
DESIGNER: Final = "_design"
SECURITY: Final = "_security"
SHARDS: Final = "_shards"
DB_UPDATES: Final = "_db_updates"
DATABASE_ADMIN: Final = "_admin"


class Group(NamedTuple):
    """Names and roles."""

    names: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()

    def has(self, user: UserContext) -> bool:
        """Whether a user is in it."""
        return not self.roles.isdisjoint(user.roles) or (user.name is not None and user.name in self.names)


class DatabaseSecurity(NamedTuple):
    """A security object, read. ``granted``: Cloudant's roles by name, None where there is no such object."""

    admins: Group
    members: Group
    granted: Mapping[str, frozenset[str]] | None = None

    def is_admin(self, user: UserContext) -> bool:
        """Whether a user administers the database: writes design documents and the security object."""
        if ADMIN_ROLE in user.roles or self.admins.has(user):
            return True
        return DATABASE_ADMIN in self.roles_of(user)

    def may_enter(self, user: UserContext) -> bool:
        """Whether a user has any right in it, however small."""
        return self._has(user, *_ENTERING)

    def may_read(self, user: UserContext) -> bool:
        """Whether a user may read documents."""
        return self._has(user, READER)

    def may_replicate(self, user: UserContext) -> bool:
        """Whether a user may read what a replication reads."""
        return self._has(user, READER, REPLICATOR)

    def may_write(self, user: UserContext) -> bool:
        """Whether a user may write documents."""
        return self._has(user, WRITER)

    def may_create(self, user: UserContext) -> bool:
        """Whether a user may write documents that there are none of yet."""
        return self._has(user, WRITER, CREATOR)

    def may_write_local(self, user: UserContext) -> bool:
        """Whether a user may write ``_local`` documents."""
        return self._has(user, WRITER, REPLICATOR)

    def may_read_design(self, user: UserContext) -> bool:
        """Whether a user may read design documents."""
        return self._has(user, READER, REPLICATOR, DESIGNER)

    def may_design(self, user: UserContext) -> bool:
        """Whether a user may write design documents."""
        return self.is_admin(user) or DESIGNER in self.roles_of(user)

    def may_read_security(self, user: UserContext) -> bool:
        """Whether a user may read the security object."""
        return self._has(user, SECURITY)

    def may_set_security(self, user: UserContext) -> bool:
        """Whether a user may set the security object."""
        return self.is_admin(user) or SECURITY in self.roles_of(user)

    def may_see_shards(self, user: UserContext) -> bool:
        """Whether a user may see the shards."""
        return self._has(user, SHARDS)

    def roles_of(self, user: UserContext) -> frozenset[str]:
        """Cloudant's roles of a user; of one without a name those of ``nobody``."""
        if self.granted is None:
            return _NO_ROLES
        return self.granted.get(NOBODY_NAME if user.name is None else user.name, _NO_ROLES)

    def _has(self, user: UserContext, *roles: str) -> bool:
        """Whether a user is an admin or a member as CouchDB has them, or has one of Cloudant's roles."""
        if self.is_admin(user) or self._is_listed(user):
            return True
        if self.granted is None:
            return self.members == _NONE
        return not self.roles_of(user).isdisjoint(roles)

    def _is_listed(self, user: UserContext) -> bool:
        """Whether the object's CouchDB half names a user, which counts beside Cloudant's."""
        return self.members.has(user)


_NONE = Group()
_NO_ROLES: Final = frozenset[str]()
_ENTERING: Final = (READER, WRITER, CREATOR, REPLICATOR, DESIGNER, SECURITY, SHARDS)


def read_security(text: bytes) -> DatabaseSecurity:
    """The security object of its JSON text, as it was stored."""
    value = decode(text)
    members = value if isinstance(value, dict) else {}
    named = members.get("members", members.get("readers"))
    return DatabaseSecurity(_group(members.get("admins")), _group(named), _granted(members))


def _granted(members: Mapping[str, JsonValue]) -> Mapping[str, frozenset[str]] | None:
    granted = members.get(CLOUDANT)
    if members.get(COUCHDB_AUTH_ONLY) is True or not isinstance(granted, dict):
        return None
    return {name: _strings(roles) for name, roles in granted.items()}


def _group(value: JsonValue) -> Group:
    return Group(_strings(value.get("names")), _strings(value.get("roles"))) if isinstance(value, dict) else _NONE


def _strings(value: JsonValue) -> frozenset[str]:
    return frozenset(one for one in value if isinstance(one, str)) if isinstance(value, list) else frozenset()
