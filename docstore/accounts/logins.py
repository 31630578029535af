"""A name and a password: whether they belong together.

Owns the order of what is asked: the account, whether it is locked, the password, the one-time password; the memory of
passwords that were right, and the writing of better hashes. A name that there is not costs as much as a password that
is wrong. Follows ``couch_httpd_auth:authenticate``, ``couch_passwords_cache``, ``couch_auth_lockout`` and
``couch_password_hasher`` of CouchDB; what it remembers of a password is a keyed digest of name and password, whose key
is drawn anew at each start, and it is forgotten when what is stored changes.
"""

import asyncio
import hashlib
import logging
import secrets
from collections.abc import Callable, Coroutine
from typing import Final, NamedTuple

from docstore.accounts.directory import Account, Directory
from docstore.accounts.hasher import PasswordHasher
from docstore.core.document import parse_document
from docstore.core.json_text import JsonValue
from docstore.core.security.lockout import LOCKED, Attempt, Lockout
from docstore.core.security.passwords import (
    FIELDS,
    PBKDF2,
    PasswordRecord,
    check_bounds,
    hashed,
    is_password,
    needs_upgrade,
    record_members,
)
from docstore.core.security.policy import Policy
from docstore.core.security.totp import is_token, read_totp
from docstore.database.registry import Registry
from docstore.errors import Conflict, DocstoreError, Forbidden, Unauthorized

logger = logging.getLogger(__name__)

WRONG_LOGIN: Final = "Name or password is incorrect."
CONFLICTED: Final = "User document conflicts must be resolved before the document is used for authentication purposes."
_SALT: Final = "0" * 32

Spawn = Callable[[Coroutine[None, None, None]], None]


class Remembered(NamedTuple):
    """A password that was right: until when, and for what is stored."""

    until: float
    record: PasswordRecord


class Logins:
    """The logins of one node. ``clock`` gives seconds since 1970; ``spawn`` runs what nobody waits for.

    ``known`` counts the digests of passwords, looked up or remembered, ``hashed`` passwords that had to be hashed.
    """

    def __init__(
        self,
        directory: Directory,
        hasher: PasswordHasher,
        registry: Registry,
        policy: Policy,
        *,
        clock: Callable[[], float],
        spawn: Spawn,
    ) -> None:
        self._directory = directory
        self._hasher = hasher
        self._registry = registry
        self._policy = policy
        self._clock = clock
        self._spawn = spawn
        self._lockout = Lockout()
        self.known = 0
        self.hashed = 0
        self._key = secrets.token_bytes(32)
        self._right: dict[bytes, Remembered] = {}
        self._asked: dict[bytes, asyncio.Task[bool]] = {}
        self._upgrading: set[str] = set()

    def heed(self, policy: Policy) -> None:
        """The configuration has changed."""
        self._policy = policy
        if not policy.cached:
            self._right.clear()

    def forget(self) -> None:
        """Know nothing of failures and of passwords that were right."""
        self._lockout = Lockout()
        self._right.clear()

    async def check(
        self, name: str, password: str, address: str | None, *, token: str | None = None, basic: bool = False
    ) -> Account:
        """The account of this name, if this is its password.

        ``token`` is a one-time password; ``basic``: there can be none. Raises Unauthorized, Forbidden for an account
        that is locked or that takes too many iterations, Busy.
        """
        if len(name) > self._registry.limits.max_user_name:
            raise Unauthorized(WRONG_LOGIN)
        account = self._directory.known(name) or await self._directory.find(name)
        if account is not None and account.conflicted:
            raise Unauthorized(CONFLICTED)
        attempt = Attempt(address or "", name, "" if account is None else account.salt)
        now = self._clock()
        if self._lockout.is_locked(attempt, now, self._policy.lockout):
            logger.warning("a login of %r from %s is refused: too many failures", name, address)
            raise Forbidden(LOCKED)
        record = None if account is None else account.password
        digest = self._digest(name, password)
        remembered = self._right.get(digest)
        known = (
            remembered is not None
            and remembered.record == record
            and 0
            <= remembered.until - now
            <= self._policy.cached  # else a clock that was put back would keep it longer
        )
        if known:
            self.known += 1
        else:
            self.hashed += 1
        right = known or await self._is_right(digest, record, password)
        if not known and self._lockout.is_locked(attempt, now, self._policy.lockout):
            raise Forbidden(LOCKED)  # others that were asked at the same time were wrong: this one tells nothing either
        if not right or account is None or record is None:
            self._failed(attempt)
            raise Unauthorized(WRONG_LOGIN)
        if not known and account.totp is None:  # else how fast the next answer comes would tell of a password alone
            self._remember(digest, record)
        if account.totp is not None and (basic or not is_token(read_totp(account.totp), token or "", int(now))):
            self._failed(attempt)
            raise Unauthorized(WRONG_LOGIN)
        if account.members is not None and not account.user.is_admin:
            self._upgrade(account, record, password)
        return account

    # --- passwords

    async def _is_right(self, digest: bytes, record: PasswordRecord | None, password: str) -> bool:
        """The same question asked at the same time is answered once."""
        if record is not None:
            check_bounds(record, self._policy.hashing)
        asked = digest + repr(record).encode()
        task = self._asked.get(asked)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._compute(record, password))
            self._asked[asked] = task
            task.add_done_callback(lambda done: self._answered(asked, done))
        return await asyncio.shield(task)

    def _answered(self, asked: bytes, task: "asyncio.Task[bool]") -> None:
        self._asked.pop(asked, None)
        if not task.cancelled():
            task.exception()  # it is told to who waits

    async def _compute(self, record: PasswordRecord | None, password: str) -> bool:
        iterations = self._policy.hashing.iterations
        stand_in = PasswordRecord(PBKDF2, "", _SALT, "sha256", iterations)

        def compare() -> bool:
            right = record is not None and is_password(record, password)
            if not right and (record is None or record.scheme != PBKDF2 or record.iterations < iterations):
                is_password(stand_in, password)  # so that the time tells nothing of the account
            return right

        return await self._hasher.run(compare)

    def _remember(self, digest: bytes, record: PasswordRecord) -> None:
        if not self._policy.cached:
            return
        self._right.pop(digest, None)
        while len(self._right) >= max(1, self._policy.max_cached):
            del self._right[next(iter(self._right))]
        self.known += 1
        self._right[digest] = Remembered(self._clock() + self._policy.cached, record)

    def _digest(self, name: str, password: str) -> bytes:
        text = f"{len(name)}:{name}{password}".encode("utf-8", "surrogatepass")
        return hashlib.blake2b(text, key=self._key, digest_size=32).digest()

    def _failed(self, attempt: Attempt) -> None:
        count = self._lockout.failed(attempt, self._clock(), self._policy.lockout)
        logger.warning("a login of %r from %s failed", attempt.name, attempt.address)
        if count >= self._policy.lockout.threshold and self._policy.lockout.mode == "warn":
            logger.warning("%r has failed to log in from %s %d times", attempt.name, attempt.address, count)

    # --- better hashes

    def _upgrade(self, account: Account, record: PasswordRecord, password: str) -> None:
        name = account.user.name or ""
        if not self._policy.upgrade or name in self._upgrading or not needs_upgrade(record, self._policy.hashing):
            return
        self._upgrading.add(name)
        self._spawn(self._write_upgrade(account, record, password))

    async def _write_upgrade(self, account: Account, record: PasswordRecord, password: str) -> None:
        """Keep the password as the configuration says by now; with its salt, so that sessions go on."""
        name = account.user.name or ""
        hashing = self._policy.hashing
        try:
            better = await self._hasher.run(lambda: hashed(password, record.salt, hashing))
            kept: dict[str, JsonValue] = {
                field: value for field, value in (account.members or {}).items() if field not in FIELDS
            }
            kept.pop("_conflicts", None)
            document = parse_document({**kept, **record_members(better)}, limits=self._registry.limits)
            await self._registry.open(self._policy.users).update_doc(document)
            logger.info(
                "the password of %r is kept by %s with %d iterations now", name, hashing.prf, hashing.iterations
            )
        except Conflict:
            logger.debug("the document of %r has changed meanwhile", name)
        except DocstoreError as error:
            logger.warning("the password of %r is kept as it was: %s", name, error)
        finally:
            self._upgrading.discard(name)
