"""Whether who asks may: the right that a route asks for, held against the user and the database.

Owns that step, between route and handler, and what it leaves in the request: who acts, and whether documents have to be
veiled. The rights are ``core/security/access.py``'s, the column of who may is in the route table. Follows
``chttpd_auth_request:authorize_request`` of CouchDB, with more care for the databases of users and replications: of
these, who does not administer them sees single documents alone, and reaches no endpoint that shows many.
"""

from typing import Final

from docstore.core.security.access import NOT_ADMIN, Access, check_database, check_server
from docstore.core.security.user import EVERYONE_IS_ADMIN, UserContext
from docstore.core.security.user_documents import user_id
from docstore.database.write_hooks import Actor
from docstore.errors import NotFound, Unauthorized
from docstore.httpd.request import EVERYONE, Request, Veil
from docstore.httpd.routing import Route
from docstore.replication.jobs.documents import REPLICATOR, is_replicator

ALL_OF_SYSTEM: Final = frozenset({("_all_docs",), ("_changes",)})
"""What of the databases of users and replications is for server admins, even if others administer the database."""


def authorize(request: Request, route: Route) -> None:
    """Raises Unauthorized, Forbidden, and DatabaseNotFound where a database would have to decide."""
    user = request.user
    if user is EVERYONE_IS_ADMIN:
        request.actor = EVERYONE
        request.may_read = True
        return
    access = route.access(request.method)
    if user.is_admin:
        request.actor = Actor(user.name, True, user.roles)
        request.may_read = True
        return
    if access is Access.LISTER:
        access = Access.SERVER_ADMIN if request.node.accounts.policy.admins_list else Access.ANYBODY
    if access.of_database:
        _authorize_in_database(request, route, access, user)
    else:
        check_server(access, user)


def _authorize_in_database(request: Request, route: Route, access: Access, user: UserContext) -> None:
    name = request.segments[route.database_position]
    users = request.node.accounts.policy.users
    if name in (users, REPLICATOR) and route.segments[1:2] in ALL_OF_SYSTEM:
        raise Unauthorized(NOT_ADMIN)
    security = request.node.registry.open(name).access_rules()
    check_database(access, user, security)
    is_admin = security.is_admin(user)
    creates_only = access is Access.CREATOR and not security.may_write(user)
    request.actor = Actor(user.name, is_admin, user.roles, security.may_design(user), creates_only)
    if not is_admin and (name == users or is_replicator(name)):
        _veil(request, route, Veil.USERS if name == users else Veil.REPLICATIONS, user)
    else:
        request.may_read = security.may_read(user)


def _veil(request: Request, route: Route, veil: Veil, user: UserContext) -> None:
    """Raises Unauthorized for what shows many documents, NotFound for what is done with somebody else's."""
    request.veil = veil
    if not route.in_system:
        raise Unauthorized(NOT_ADMIN)
    if not request.doc_id:
        return
    own = veil is Veil.USERS and user.name is not None and request.doc_id == user_id(user.name)
    if own and request.method != "COPY":  # a copy is another document, perhaps a local one, which is nobody's own
        request.veil = None
        request.may_read = True
    elif not route.names_document or request.method not in ("GET", "HEAD", "PUT", "DELETE"):
        raise NotFound
