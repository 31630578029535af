"""The documents of the users' database: what they may say, who may write them, and what others see of them.

Owns these rules; values in, values out. It hashes nothing. Follows ``couch_users_db`` of CouchDB and the
``validate_doc_update`` of its ``_design/_auth``, whose checks stand here in the same order: here they are rules of the
server and not a design document that somebody could change.
"""

from collections.abc import Collection, Mapping
from typing import Final

from docstore.core.document import DESIGN_PREFIX
from docstore.core.json_text import JsonValue
from docstore.core.security.passwords import PBKDF2, SCHEMES
from docstore.core.security.user import METRICS_ROLE
from docstore.errors import Forbidden, NotFound

USERS: Final = "_users"
ID_PREFIX: Final = "org.couchdb.user:"
NOT_ALLOWED: Final = ":"
"""Characters that no name may have: they end it in cookies and in credentials."""

DESIGN_READERS: Final = "Only administrators can view design docs in the users database."

Members = Mapping[str, JsonValue]


def user_id(name: str) -> str:
    """The id of a user's document."""
    return ID_PREFIX + name


def user_name(doc_id: str) -> str | None:
    """Whose document this is; None for an id of another kind."""
    return doc_id.removeprefix(ID_PREFIX) if doc_id.startswith(ID_PREFIX) else None


def roles_of(members: Members) -> tuple[str, ...]:
    """The roles that a user document gives."""
    roles = members.get("roles")
    return tuple(role for role in roles if isinstance(role, str)) if isinstance(roles, list) else ()


def given_roles(members: Members) -> tuple[str, ...]:
    """The roles that count of those that a document has.

    None that makes a server admin, however it came there: a replication from elsewhere is asked no rule.
    """
    return tuple(role for role in roles_of(members) if not _is_reserved(role))


def _is_reserved(role: str) -> bool:
    return role.startswith("_") and role != METRICS_ROLE


def check_writer(doc_id: str, name: str | None, *, is_admin: bool) -> None:
    """Raises NotFound for the document of somebody else: who may not read it is not told that it is there.

    Nobody in particular may write any, since so they register; what is there already is a conflict for them.
    """
    if not is_admin and name is not None and user_name(doc_id) != name:
        raise NotFound


def check_user(
    doc_id: str, members: Members, before: Members | None, name: str | None, *, deleted: bool, is_admin: bool
) -> None:
    """Raises Forbidden for a user document that may not be written, in CouchDB's words.

    ``before`` is the document as it stands, None if there is none or if it is deleted; ``name`` is the writer's.
    """
    if doc_id.startswith(DESIGN_PREFIX):
        return
    if deleted:
        if not is_admin and (name is None or before is None or name != before.get("name")):
            raise Forbidden("Only admins may delete other user docs.")
        return
    _check_shape(doc_id, members)
    if before is not None and before.get("name") != members.get("name"):
        raise Forbidden("Usernames can not be changed.")
    _check_password_fields(members)
    roles = roles_of(members)
    if not is_admin:
        _check_owner(members, before, roles, name)
    if any(_is_reserved(role) for role in roles):
        raise Forbidden("No system roles (starting with underscore) in users db.")
    user = str(members["name"])
    if user.startswith("_"):
        raise Forbidden("Username may not start with underscore.")
    if NOT_ALLOWED in user:
        raise Forbidden(f"Character `{NOT_ALLOWED}` is not allowed in usernames.")


def _check_shape(doc_id: str, members: Members) -> None:
    name, roles = members.get("name"), members.get("roles")
    if members.get("type") != "user":
        raise Forbidden("doc.type must be user")
    if not name:
        raise Forbidden("doc.name is required")
    if roles is None or roles is False or roles in ("", 0):
        raise Forbidden("doc.roles must exist")
    if not isinstance(roles, list):
        raise Forbidden("doc.roles must be an array")
    if not all(isinstance(role, str) for role in roles):
        raise Forbidden("doc.roles can only contain strings")
    if not isinstance(name, str) or doc_id != user_id(name):
        raise Forbidden("Doc ID must be of the form org.couchdb.user:name")


def _check_password_fields(members: Members) -> None:
    if members.get("password_sha") and not members.get("salt"):
        raise Forbidden("Users with password_sha must have a salt.")
    scheme = members.get("password_scheme")
    if scheme and scheme not in SCHEMES:
        raise Forbidden(f"Password scheme `{scheme}` not supported.")
    if scheme == PBKDF2:
        iterations = members.get("iterations")
        if isinstance(iterations, bool) or not isinstance(iterations, int | float):
            raise Forbidden("iterations must be a number.")
        if not isinstance(members.get("derived_key"), str):
            raise Forbidden("derived_key must be a string.")


def _check_owner(members: Members, before: Members | None, roles: Collection[str], name: str | None) -> None:
    if before is None:
        if roles:
            raise Forbidden("Only _admin may set roles")
        return
    if name != members.get("name"):
        raise Forbidden("You may only update your own user document.")
    if sorted(roles_of(before)) != sorted(roles):
        raise Forbidden("Only _admin may edit roles")


def check_reader(doc_id: str, name: str | None, *, is_admin: bool) -> bool:
    """Whether a document may be seen whole; else only its public fields. Raises Forbidden for a design document."""
    if is_admin:
        return True
    if doc_id.startswith(DESIGN_PREFIX):
        raise Forbidden(DESIGN_READERS)
    return name is not None and user_name(doc_id) == name


def public_members(members: Members, fields: Collection[str]) -> dict[str, JsonValue]:
    """What others see of a user document; its ``_id`` and ``_rev`` too. Raises NotFound where that is nothing."""
    shown = {name: value for name, value in members.items() if name in fields and not name.startswith("_")}
    if not shown:
        raise NotFound
    return {name: value for name, value in members.items() if name in ("_id", "_rev")} | shown
