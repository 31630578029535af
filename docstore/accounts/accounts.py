"""The accounts of one node, put together: the policy, who is who, and who may log in.

Owns the wiring and what a change of the configuration means to it. It must not know HTTP.
"""

import asyncio
import hashlib
import logging
import secrets
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from docstore.accounts.directory import Directory
from docstore.accounts.hasher import PasswordHasher
from docstore.accounts.logins import Logins
from docstore.accounts.user_hook import UserHook, user_rule
from docstore.config.configuration import Configuration
from docstore.core.security.passwords import Hashing, PasswordRecord, hashed
from docstore.core.security.policy import Policy, read_policy
from docstore.core.security.tokens import Token
from docstore.database.registry import Registry
from docstore.database.rule_gate import RuleGate
from docstore.database.write_gate import Gate
from docstore.database.write_hooks import WriteHook
from docstore.errors import DocstoreError
from docstore.settings import Profile, Settings
from docstore.storage.engine.environment import Environment

if TYPE_CHECKING:
    from docstore.accounts.token_keys import TokenKeys

logger = logging.getLogger(__name__)

SECTIONS: Final = frozenset(
    {
        "admins", "chttpd", "chttpd_auth", "chttpd_auth_lockout", "couch_httpd_auth", "couch_passwords_cache",
        "couchdb", "jwt_auth", "jwt_keys",
    }
)  # fmt: skip
"""Those that the policy is read from."""

UNHASHED: Final = Hashing(iterations=1)
"""A password that the server was told in plain words, and that stands nowhere else, needs no better one."""


class Accounts:
    """Who may log in to one node. ``clock`` gives seconds since 1970.

    ``policy``     what the configuration says; replaced when it changes
    ``directory``  accounts by name
    ``logins``     what checks passwords
    """

    def __init__(
        self, registry: Registry, config: Configuration, settings: Settings, clock: Callable[[], float]
    ) -> None:
        self._config = config
        self._settings = settings
        self._registry = registry
        self._plain: dict[tuple[str, str], PasswordRecord] = {}
        self._secret = secrets.token_hex(16)
        self._keys: TokenKeys | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.hasher = PasswordHasher(settings.accounts)
        self.policy = self._read()
        if settings.admin is not None and settings.admin.name in config.section("admins"):
            logger.warning(
                "%r has a password in the configuration: the one of the start is not used", settings.admin.name
            )
        self.directory = Directory(registry, self.policy)
        self.logins = Logins(self.directory, self.hasher, registry, self.policy, clock=clock, spawn=self._spawn)
        self._unwatch = config.watch(self._heed)

    @property
    def open(self) -> bool:
        """Whether everybody is administrator, since there is none. Cloudant asks everybody who they are."""
        return not self.policy.admins and self._settings.profile is Profile.COUCHDB

    @property
    def secret(self) -> str:
        """What cookies and proxies' tokens are signed with; without a configured one good until the next start."""
        return self.policy.secret or self._secret

    async def keep_secret(self) -> None:
        """Keep the secret in the configuration, so that sessions outlive a restart. Raises nothing."""
        if self.policy.secret is not None or self.open:
            return
        try:
            await self._config.set("chttpd_auth", "secret", self._secret)
        except DocstoreError as error:
            logger.warning("the secret of sessions is not kept, so they end with the server: %s", error)

    def verify_token(self, token: Token) -> None:
        """Raises BadRequest unless a key of the configuration has signed a JSON Web Token."""
        if self._keys is None:
            # loaded when the first token comes: cryptography takes a while
            from docstore.accounts.token_keys import TokenKeys

            self._keys = TokenKeys(self.policy.tokens.keys)
        self._keys.verify(token)

    def write_hook(self, name: str) -> WriteHook | None:
        """What user documents go through before they are written."""
        if name != self.policy.users:
            return None
        return UserHook(self.hasher, lambda: self.policy, lambda: secrets.token_hex(16))

    def gate(self, name: str, number: int, gate: Gate, environment: Environment) -> Gate:
        """The gate of a database: of the users' one with its rules besides those of design documents."""
        return RuleGate(gate, number, environment, user_rule) if name == self.policy.users else gate

    def committed(self, changed: Mapping[int, int]) -> None:
        """After each group commit, on the event loop."""
        self.directory.committed(changed)

    async def stop(self) -> None:
        """End what goes on unasked, and the threads."""
        self._unwatch()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.hasher.stop()

    def _heed(self, section: str, key: str, word: str | None) -> None:
        if section not in SECTIONS:
            return
        before = self.policy.users
        self.policy = self._read()
        self._keys = None
        if self.policy.users != before:  # which documents are users is settled when a database is opened
            self._registry.reopen((before, self.policy.users))
        self.directory.heed(self.policy)
        self.logins.heed(self.policy)

    def _read(self) -> Policy:
        config = self._config
        policy = read_policy(config.get, config.section)
        plain = config.section("admins")
        admins = {
            name: self._record(name, plain[name]) if record is None else record
            for name, record in policy.admins.items()
        }
        admin = self._settings.admin
        if admin is not None:
            admins.setdefault(admin.name, self._record(admin.name, admin.password))
        return replace(policy, admins=admins)

    def _record(self, name: str, password: str) -> PasswordRecord | None:
        """The record of a password in plain words; None for an empty one, with which nobody logs in."""
        if not password:
            return None
        key = (name, password)
        if key not in self._plain:
            # the salt is part of the key of sessions, which are to outlive a restart but no new password
            salt = hashlib.sha256(f"{len(name)}:{name}{password}".encode("utf-8", "surrogatepass")).hexdigest()[:32]
            self._plain[key] = hashed(password, salt, UNHASHED)
        return self._plain[key]

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
