"""Single documents of the databases of users and replications, for those who do not administer them.

Owns what is left out of them, and which they may not write. Follows ``couch_users_db:after_doc_read`` and
``couch_replicator_docs:after_doc_read`` of CouchDB, which gives a document without credentials a revision of its own
making; here it has none, since there is no such revision. Whatever the query asks for, the winner is shown, and nothing
of its history.
"""

from collections.abc import Iterable

from docstore.core.document import DESIGN_PREFIX, Document
from docstore.core.json_text import JsonValue, decode, encode
from docstore.core.local_document import is_local
from docstore.core.security.access import NOT_ADMIN
from docstore.core.security.user_documents import check_reader, check_writer, public_members
from docstore.errors import Unauthorized
from docstore.httpd.replies import Reply, raw_json_reply
from docstore.httpd.request import Request, Veil
from docstore.replication.jobs.documents import OWNER, without_credentials


def veiled_reply(request: Request) -> Reply:
    """What of a document may be shown. Raises NotFound, Forbidden."""
    name = request.user.name
    if request.veil is Veil.USERS:
        check_reader(request.doc_id, name, is_admin=False)
    opened = request.node.registry.open_doc(request.segments[0], request.doc_id)
    members = decode(opened.json)
    if not isinstance(members, dict):
        raise TypeError("a stored document is no object")
    if request.veil is Veil.USERS:
        shown = public_members(members, request.node.accounts.policy.public_fields)
    elif request.doc_id.startswith(DESIGN_PREFIX) or _is_own(members, name):
        return raw_json_reply(opened.json)
    else:
        shown = {name: value for name, value in without_credentials(members).items() if name != "_rev"}
    return raw_json_reply(encode(shown))


def check_written(request: Request) -> None:
    """Raises NotFound for the user document of somebody else, whatever else is wrong with the request.

    What is wrong could tell that it is there. Who is nobody may register, and is told of a name that is taken.
    """
    if request.veil is Veil.USERS and not request.doc_id.startswith(DESIGN_PREFIX):
        check_writer(request.doc_id, request.user.name, is_admin=False)


def check_ids(request: Request, documents: Iterable[Document]) -> None:
    """Raises Unauthorized for a local document, which is nobody's own, so that only admins have any here."""
    if request.veil is not None and any(is_local(document.id) for document in documents):
        raise Unauthorized(NOT_ADMIN)


def _is_own(members: dict[str, JsonValue], name: str | None) -> bool:
    return name is not None and members.get(OWNER) == name
