"""Accounts by name: administrators of the configuration and documents of the users' database.

Owns the look-up, and what of it is remembered: everything until the users' database or the configuration changes; where
there is no such database, until anything does. It must not know passwords, only what is kept of them. Follows
``chttpd_auth_cache`` of CouchDB; an administrator who has a user document too gets its roles besides, and keeps the
password of the configuration.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Final, NamedTuple

from docstore.core.json_text import JsonValue, decode
from docstore.core.security.passwords import PasswordRecord, record_of
from docstore.core.security.policy import Policy
from docstore.core.security.user import ADMIN_ROLES, UserContext
from docstore.core.security.user_documents import given_roles, user_id
from docstore.database.reading.documents import OpenOptions
from docstore.database.registry import Registry
from docstore.errors import NotFound
from docstore.settings import KIB

MAX_REMEMBERED: Final = 10_000
IN_A_THREAD_FROM: Final = 16 * KIB
"""Bytes of a user document from which on it is parsed in a thread."""
WITH_CONFLICTS: Final = OpenOptions(conflicts=True)


class Account(NamedTuple):
    """Somebody who may log in.

    ``password``  None: with none
    ``totp``      what the document says of one-time passwords; None if they are not needed
    ``members``   the document, None of an administrator who has none
    ``conflicted``  whether the document has several versions, so that nobody can tell which counts
    ``by_password``  the user, once their password was right
    """

    user: UserContext
    password: PasswordRecord | None
    by_password: UserContext
    totp: JsonValue = None
    members: Mapping[str, JsonValue] | None = None
    conflicted: bool = False

    @property
    def salt(self) -> str:
        """What is behind the server's secret in the key of the user's sessions."""
        return "" if self.password is None else self.password.salt


class Directory:
    """The accounts of one node. ``policy`` is replaced whenever the configuration changes."""

    def __init__(self, registry: Registry, policy: Policy) -> None:
        self._registry = registry
        self._policy = policy
        self._known: dict[str, Account | None] = {}
        self._number: int | None = None
        self._version = 0

    def heed(self, policy: Policy) -> None:
        """The configuration has changed."""
        self._policy = policy
        self._forget()

    def committed(self, changed: Mapping[int, int]) -> None:
        """After each group commit, on the event loop: the numbers of databases that changed."""
        if self._number is None or self._number in changed:  # it may have been made just now
            self._forget()

    def known(self, name: str) -> Account | None:
        """The account, if it is at hand."""
        return self._known.get(name)

    async def find(self, name: str) -> Account | None:
        """The account of a name, None if there is none."""
        if name in self._known:
            return self._known[name]
        if len(name) > self._registry.limits.max_user_name:  # nor is it to be remembered
            return None
        version = self._version
        try:
            database = self._registry.open(self._policy.users)
            self._number = database.number
            opened = await database.read_doc(user_id(name), WITH_CONFLICTS)
            text = b"" if opened.deleted else opened.json
        except NotFound:  # nor is there such a database, maybe
            text = b""
        large = len(text) >= IN_A_THREAD_FROM
        members = (await asyncio.to_thread(decode, text) if large else decode(text)) if text else None
        account = self._account(name, members if isinstance(members, dict) else None)
        if version == self._version:
            if len(self._known) >= MAX_REMEMBERED:
                self._known.clear()
            self._known[name] = account
        return account

    def _account(self, name: str, members: Mapping[str, JsonValue] | None) -> Account | None:
        roles = () if members is None else given_roles(members)
        if name in self._policy.admins:
            user = UserContext(name, (*ADMIN_ROLES, *roles))
            return Account(user, self._policy.admins[name], _by_password(user), members=members)
        if members is None:
            return None
        conflicted = "_conflicts" in members and not self._policy.conflicted_users
        user = UserContext(name, roles)
        totp = {} if "totp" in members and members["totp"] is None else members.get("totp")  # needed, and none is right
        return Account(user, record_of(members), _by_password(user), totp, members, conflicted)

    def _forget(self) -> None:
        self._version += 1
        self._number = None
        self._known.clear()


def _by_password(user: UserContext) -> UserContext:
    return replace(user, handler="default")
