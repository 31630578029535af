"""Who may: the kinds of rights that a route can ask for, and what is told to those who have them not.

Owns the kinds and their words. It must not know routes. Follows ``chttpd_auth_request`` and ``couch_db`` of CouchDB,
whose words differ from place to place, and so does the status: 401 or 403.
"""

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
    """What a request needs. The last five are rights in a database."""

    ANYBODY = "anybody"
    NAMED = "a user"
    METRICS = "who may see metrics"
    SERVER_ADMIN = "a server admin"
    LISTER = "a server admin, or anybody if admin_only_all_dbs is false"
    MEMBER = "a member"
    WRITER = "a member who may write"
    MAINTAINER = "a database admin, to maintain"
    DATABASE_ADMIN = "a database admin"
    DESIGNER = "who may write design documents"

    @property
    def of_database(self) -> bool:
        """Whether the security object of a database decides."""
        return self in _OF_DATABASE


_OF_DATABASE = frozenset({Access.MEMBER, Access.WRITER, Access.MAINTAINER, Access.DATABASE_ADMIN, Access.DESIGNER})


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
    if security.is_admin(user):
        return
    if not security.is_member(user):
        raise not_member(user)
    if access is Access.MAINTAINER:
        raise Unauthorized(NOT_MAINTAINER)
    if access is Access.DATABASE_ADMIN or (access is Access.DESIGNER and not security.may_design(user)):
        raise not_database_admin(user)
    if access is Access.WRITER and not security.may_write(user):
        raise not_member(user)


def not_member(user: UserContext) -> DocstoreError:
    """What somebody is told who may not read a database."""
    return Unauthorized() if user.name is None else Forbidden()


def not_database_admin(user: UserContext) -> DocstoreError:
    """What a member is told who would do what database admins do."""
    return Unauthorized(NOT_DATABASE_ADMIN) if user.name is None else Forbidden(NOT_DATABASE_ADMIN)
