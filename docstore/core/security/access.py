"""Who may: the kinds of rights that a route can ask for, and what is told to those who have them not.

Owns the kinds and their words. It must not know routes. Follows ``chttpd_auth_request`` and ``couch_db`` of CouchDB,
whose words differ from place to place, and so does the status: 401 or 403.
"""

from collections.abc import Callable
from enum import Enum
from typing import Final

from docstore.core.security.database_security import DatabaseSecurity
from docstore.core.security.user import UserContext
from docstore.errors import DocstoreError, Forbidden, Unauthorized

NOT_ADMIN: Final = "You are not a server admin."
NOT_METRICS: Final = "You are not a server admin or read-only metrics user"
NOT_NAMED: Final = "You are not an authenticated user"
NOT_DATABASE_ADMIN: Final = "You are not a db or server admin."
NOT_MAINTAINER: Final = "You are not a server or db admin."
LOGIN_NEEDED: Final = "Authentication required."


class Access(Enum):
    """What a request needs. Those from ``ENTRANT`` on are rights in a database."""

    ANYBODY = "anybody"
    NAMED = "a user"
    METRICS = "who may see metrics"
    SERVER_ADMIN = "a server admin"
    LISTER = "a server admin, or anybody if admin_only_all_dbs is false"
    ENTRANT = "who has any right in the database"
    MEMBER = "who may read"
    REPLICATOR = "who may read, or replicate"
    DESIGN_READER = "who may read design documents"
    WRITER = "who may write"
    CREATOR = "who may write, or write new documents"
    CHECKPOINTER = "who may write, or write checkpoints"
    EDITOR = "who may read and write"
    SECURITY_READER = "who may read the security object"
    SECURITY_WRITER = "who may set the security object"
    SHARDS = "who may see the shards"
    MAINTAINER = "a database admin, to maintain"
    DATABASE_ADMIN = "a database admin"
    DESIGNER = "who may write design documents"

    @property
    def of_database(self) -> bool:
        """Whether the security object of a database decides."""
        return self in _OF_DATABASE


_Right = Callable[[DatabaseSecurity, UserContext], bool]

_OF_MEMBERS: Final[dict[Access, _Right]] = {
    Access.ENTRANT: DatabaseSecurity.may_enter,
    Access.MEMBER: DatabaseSecurity.may_read,
    Access.REPLICATOR: DatabaseSecurity.may_replicate,
    Access.DESIGN_READER: DatabaseSecurity.may_read_design,
    Access.WRITER: DatabaseSecurity.may_write,
    Access.CREATOR: DatabaseSecurity.may_create,
    Access.CHECKPOINTER: DatabaseSecurity.may_write_local,
    Access.EDITOR: lambda security, user: security.may_read(user) and security.may_write(user),
    Access.SECURITY_READER: DatabaseSecurity.may_read_security,
    Access.SHARDS: DatabaseSecurity.may_see_shards,
}
"""What each member of a database may, as CouchDB has members; only Cloudant's roles tell these apart."""

_OF_ADMINS: Final[dict[Access, _Right]] = {
    Access.SECURITY_WRITER: DatabaseSecurity.may_set_security,
    Access.DESIGNER: DatabaseSecurity.may_design,
    Access.MAINTAINER: DatabaseSecurity.is_admin,
    Access.DATABASE_ADMIN: DatabaseSecurity.is_admin,
}
"""What members may not."""

_OF_DATABASE: Final = _OF_MEMBERS.keys() | _OF_ADMINS.keys()


def check_server(access: Access, user: UserContext) -> None:
    """Raises Unauthorized unless a user has this right in the server."""
    if access is Access.ANYBODY or user.is_admin:
        return
    if access is Access.NAMED:
        if user.name is None:
            raise Unauthorized(NOT_NAMED)
    elif access is Access.METRICS:
        if not user.reads_metrics:
            raise Unauthorized(NOT_METRICS)
    else:
        raise Unauthorized(NOT_ADMIN)


def check_database(access: Access, user: UserContext, security: DatabaseSecurity) -> None:
    """Raises Unauthorized or Forbidden unless a user has this right in a database."""
    of_members = _OF_MEMBERS.get(access)
    if of_members is not None:
        if not of_members(security, user):
            raise not_member(user)
        return
    if _OF_ADMINS[access](security, user):
        return
    if not security.may_enter(user):
        raise not_member(user)
    raise Unauthorized(NOT_MAINTAINER) if access is Access.MAINTAINER else not_database_admin(user)


def not_member(user: UserContext) -> DocstoreError:
    """What somebody is told who may not read a database."""
    return Unauthorized() if user.name is None else Forbidden()


def not_database_admin(user: UserContext) -> DocstoreError:
    """What a member is told who would do what database admins do."""
    return Unauthorized(NOT_DATABASE_ADMIN) if user.name is None else Forbidden(NOT_DATABASE_ADMIN)
