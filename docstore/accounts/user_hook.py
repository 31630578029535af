"""What happens to a user document before it is written: its password is hashed, and it is put before the rules.

Owns both, and who may write which document at all. The rules about the content are ``core/security/user_documents.py``,
and are asked by the gate (``database/rule_gate.py``), which sees what the edit takes the place of. Follows
``couch_users_db:before_doc_update`` of CouchDB, with one difference: revisions made elsewhere (``new_edits=false``)
come from administrators alone, since by these anybody could put a second version beside somebody's document.
"""

from collections.abc import Callable, Sequence

from docstore.accounts.hasher import PasswordHasher
from docstore.core.document import DESIGN_PREFIX, Document
from docstore.core.edit import Edit
from docstore.core.json_text import JsonValue, decode, encode
from docstore.core.local_document import is_local
from docstore.core.revision_hash import encode_term
from docstore.core.security.password_rules import check_password, read_rules
from docstore.core.security.passwords import FIELDS, hashed, record_members
from docstore.core.security.policy import Policy
from docstore.core.security.user_documents import check_user, check_writer
from docstore.database.rule_gate import Members
from docstore.database.write_hooks import Actor
from docstore.errors import Forbidden


class UserHook:
    """The write hook of the users' database. ``new_salt`` gives 32 hex digits."""

    def __init__(self, hasher: PasswordHasher, policy: Callable[[], Policy], new_salt: Callable[[], str]) -> None:
        self._hasher = hasher
        self._policy = policy
        self._new_salt = new_salt

    async def settle(self, documents: Sequence[Document], actor: Actor) -> Sequence[Document]:
        """See ``write_hooks.SlowHook``. Raises NotFound, Forbidden, BadRequest, Busy."""
        for document in documents:
            if not is_local(document.id) and not document.id.startswith(DESIGN_PREFIX):
                check_writer(document.id, actor.name, is_admin=actor.is_admin)
        with_password = [b'"password"' in document.body for document in documents]
        if not any(with_password):
            return documents
        return [
            await self._hashed(document) if asked else document
            for document, asked in zip(documents, with_password, strict=True)
        ]

    async def _hashed(self, document: Document) -> Document:
        if is_local(document.id) or document.id.startswith(DESIGN_PREFIX):
            return document
        policy = self._policy()
        return await self._hasher.run(lambda: _with_hash(document, policy, self._new_salt()))


def user_rule(edit: Edit, members: Members, before: Members | None, actor: Actor) -> None:
    """What a user document may say; see ``rule_gate.Rule``. Raises Forbidden."""
    check_user(edit.id, members, before, actor.name, deleted=edit.deleted, is_admin=actor.is_admin)


def _with_hash(document: Document, policy: Policy, new_salt: str) -> Document:
    members = decode(document.body)
    if not isinstance(members, dict):
        raise TypeError("a document's body is no object")
    password = members.get("password")
    if password is None:
        return document
    if not isinstance(password, str):
        raise Forbidden(f"Password value of '{encode(password).decode()}' is invalid.")
    check_password(password, read_rules(policy.password_rules))
    old_salt = members.get("salt")
    salt = old_salt if members.get("preserve_salt") is True and isinstance(old_salt, str) else new_salt
    kept: dict[str, JsonValue] = {name: value for name, value in members.items() if name not in FIELDS}
    fields = record_members(hashed(password, salt, policy.hashing))
    changed = {**fields, **kept}
    return document._replace(body=encode(changed), term=encode_term(changed), foreseen=None)
