"""The security object of a database: whom it makes an administrator, whom a member.

Owns the reading of ``{"admins": {"names", "roles"}, "members": {"names", "roles"}}`` and, beside it, of the object
``cloudant`` that gives roles to names (``_reader``, ``_writer``, ``_admin``, ``_replicator``, ``_creator``,
``_design``; ``nobody`` stands for everybody). A database without members is public. What may be stored is
``core.properties``' matter. Follows ``couch_db:is_admin`` and ``couch_db:is_member`` of CouchDB, and Cloudant's
documentation of ``_api/v2/db/{db}/_security``.
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
DESIGNER: Final = "_design"
REPLICATOR: Final = "_replicator"
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
        return self.granted is not None and DATABASE_ADMIN in self.roles_of(user)

    def is_member(self, user: UserContext) -> bool:
        """Whether a user may read, and write what is no design document."""
        if self.is_admin(user):
            return True
        if self.granted is not None:
            return not self.roles_of(user).isdisjoint((READER, WRITER, REPLICATOR)) or self._is_listed(user)
        return self.members == _NONE or self.members.has(user)

    def may_write(self, user: UserContext) -> bool:
        """Whether a member may write; only Cloudant's roles tell readers and writers apart."""
        if self.granted is None or self.is_admin(user) or self._is_listed(user):
            return True
        return WRITER in self.roles_of(user)

    def may_design(self, user: UserContext) -> bool:
        """Whether a user may write design documents."""
        return self.is_admin(user) or (self.granted is not None and DESIGNER in self.roles_of(user))

    def roles_of(self, user: UserContext) -> frozenset[str]:
        """Cloudant's roles of a user, what everybody may included."""
        if self.granted is None:
            return frozenset()
        own = frozenset[str]() if user.name is None else self.granted.get(user.name, frozenset())
        return own | self.granted.get(NOBODY_NAME, frozenset())

    def _is_listed(self, user: UserContext) -> bool:
        """Whether the object's CouchDB half names a user, which counts beside Cloudant's."""
        return self.members != _NONE and self.members.has(user)


_NONE = Group()


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
