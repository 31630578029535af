"""How this server recognises users: the words of the configuration that say so, read once.

Owns their meaning and defaults. It must not know where words come from: whoever has them hands in a function. A word
that cannot be read counts as its stricter side, so that a slip of the pen lets nobody in. Follows ``default.ini`` of
CouchDB, sections ``chttpd``, ``chttpd_auth`` (``couch_httpd_auth`` where that says nothing), ``chttpd_auth_lockout``,
``couch_passwords_cache``, ``jwt_auth`` and ``couchdb``.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from docstore.core.security.lockout import LockoutRules
from docstore.core.security.passwords import (
    DEFAULT_HASHING,
    DEFAULT_ITERATIONS,
    DEFAULT_PRF,
    PBKDF2,
    Hashing,
    PasswordRecord,
    admin_record,
)
from docstore.core.security.sessions import ALGORITHMS, DEFAULT_ALGORITHMS, SAME_SITE, CookieRules
from docstore.core.security.tokens import DEFAULT_CLAIMS, DEFAULT_ROLES_CLAIM
from docstore.core.security.user_documents import USERS

Get: TypeAlias = Callable[[str, str], str | None]
"""The word of a section and a key; None if there is none."""

Section: TypeAlias = Callable[[str], Mapping[str, str]]
"""All words of a section, by key."""

HANDLERS: Final = ("cookie", "default", "proxy", "jwt")
DEFAULT_HANDLERS: Final = ("cookie", "default")
DEFAULT_COOKIES: Final = CookieRules()
DEFAULT_LOCKOUT: Final = LockoutRules()
MAX_ITERATIONS: Final = 10_000_000
"""Four seconds. CouchDB takes a hundred times as many, which any user could put into the own document."""
MAX_CACHED_PASSWORDS: Final = 10_000
CACHED_PASSWORD_SECONDS: Final = 600.0
LOGIN_CHALLENGE: Final = 'Basic realm="server"'
"""Where nobody is answered without a login, and nothing is set."""
DEFAULT_SAME_SITE: Final = "Lax"
"""Where nothing is set: a page of another site can link here, but its forms and scripts come without the cookie."""

_HANDLER = re.compile(r"([a-z]+)_authenti(?:fi)?cation_handler")
_NUMBER = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True, slots=True)
class ProxyRules:
    """The headers of a proxy that recognises users itself, and whether it has to prove it."""

    name: str = "X-Auth-CouchDB-UserName"
    roles: str = "X-Auth-CouchDB-Roles"
    token: str = "X-Auth-CouchDB-Token"
    needs_token: bool = False


@dataclass(frozen=True, slots=True)
class TokenRules:
    """What JSON Web Tokens have to say. ``keys``: by ``KIND:KID``, as they were set."""

    required: str = DEFAULT_CLAIMS
    roles_path: str | None = None
    roles_claim: str = DEFAULT_ROLES_CLAIM
    keys: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Policy:
    """All of it.

    ``admins``     by name; None is a password that is not hashed yet, so that nobody can log in with it
    ``handlers``   the ways in which users are recognised, in the order in which they are tried
    ``users``      the name of the users' database
    ``secret``     what cookies and proxies' tokens are signed with; None if none is set
    ``cached``     seconds for which a password that was right is known; 0 for never
    ``challenge``  the ``WWW-Authenticate`` of a 401, with which a browser asks for name and password; "" for none
    ``public_fields``  of user documents, which everybody may see
    ``password_rules`` the text of ``password_regexp``
    """

    admins: Mapping[str, PasswordRecord | None] = field(default_factory=dict)
    handlers: tuple[str, ...] = DEFAULT_HANDLERS
    users: str = USERS
    secret: str | None = None
    hashing: Hashing = DEFAULT_HASHING
    upgrade: bool = True
    password_rules: str = ""
    cookies: CookieRules = DEFAULT_COOKIES
    lockout: LockoutRules = DEFAULT_LOCKOUT
    cached: float = CACHED_PASSWORD_SECONDS
    max_cached: int = MAX_CACHED_PASSWORDS
    proxy: ProxyRules = ProxyRules()
    tokens: TokenRules = field(default_factory=TokenRules)
    login_needed: bool = False
    login_needed_for_up: bool = False
    challenge: str = ""
    admins_list: bool = True
    conflicted_users: bool = False
    public_fields: tuple[str, ...] = ()
    users_security_editable: bool = False
    public_databases: bool = False


def read_policy(get: Get, section: Section) -> Policy:
    """The policy that the words say."""

    def auth(key: str) -> str | None:
        word = get("chttpd_auth", key)
        return get("couch_httpd_auth", key) if word is None else word

    required = get("jwt_auth", "required_claims")
    needed = _is_true(get("chttpd", "require_valid_user"), on=False)
    needed_but_for_up = _is_true(get("chttpd", "require_valid_user_except_for_up"), on=False)
    return Policy(
        admins={name: admin_record(text) for name, text in section("admins").items()},
        handlers=_handlers(get("chttpd", "authentication_handlers")),
        users=auth("authentication_db") or USERS,
        secret=auth("secret"),
        hashing=_hashing(auth),
        upgrade=_is_true(auth("upgrade_hash_on_auth"), on=True),
        password_rules=auth("password_regexp") or "",
        cookies=_cookies(auth),
        lockout=LockoutRules(
            get("chttpd_auth_lockout", "mode") or "enforce",
            _number(get("chttpd_auth_lockout", "threshold"), 5),
            _number(get("chttpd_auth_lockout", "max_objects"), 10_000),
            _number(get("chttpd_auth_lockout", "max_lifetime"), 300_000) / 1000,
        ),
        cached=(
            _number(get("couch_passwords_cache", "max_lifetime"), int(CACHED_PASSWORD_SECONDS * 1000)) / 1000
            if _is_true(get("couch_passwords_cache", "enable"), on=True)
            else 0.0
        ),
        max_cached=_number(get("couch_passwords_cache", "max_objects"), MAX_CACHED_PASSWORDS),
        proxy=_proxy(auth),
        tokens=TokenRules(
            DEFAULT_CLAIMS if required is None else required,
            get("jwt_auth", "roles_claim_path"),
            get("jwt_auth", "roles_claim_name") or DEFAULT_ROLES_CLAIM,
            dict(section("jwt_keys")),
        ),
        login_needed=needed or needed_but_for_up,
        login_needed_for_up=needed and not needed_but_for_up,
        challenge=_challenge(get("chttpd", "WWW-Authenticate")) or (LOGIN_CHALLENGE if needed else ""),
        admins_list=_is_true(get("chttpd", "admin_only_all_dbs"), on=True),
        conflicted_users=_is_true(auth("allow_conflicted_user_docs"), on=False),
        public_fields=_names(auth("public_fields")),
        users_security_editable=_is_true(get("couchdb", "users_db_security_editable"), on=False),
        public_databases=get("couchdb", "default_security") in ("everyone", "admin_local"),
    )


def _hashing(auth: Callable[[str], str | None]) -> Hashing:
    return Hashing(
        auth("password_scheme") or PBKDF2,
        auth("pbkdf2_prf") or DEFAULT_PRF,
        max(1, _number(auth("iterations"), DEFAULT_ITERATIONS)),
        _number(auth("min_iterations"), 1),
        _number(auth("max_iterations"), MAX_ITERATIONS),
    )


def _cookies(auth: Callable[[str], str | None]) -> CookieRules:
    named = _names(auth("hash_algorithms")) or DEFAULT_ALGORITHMS
    same_site = auth("same_site")
    return CookieRules(
        lifetime=_number(auth("timeout"), 600),
        algorithms=tuple(name for name in named if name in ALGORITHMS) or DEFAULT_ALGORITHMS,
        persistent=_is_true(auth("allow_persistent_cookies"), on=True),
        domain=_header_word(auth("cookie_domain")),
        same_site=DEFAULT_SAME_SITE if same_site is None else SAME_SITE.get(same_site.lower(), ""),
    )


def _proxy(auth: Callable[[str], str | None]) -> ProxyRules:
    usual = ProxyRules()
    return ProxyRules(
        auth("x_auth_username") or usual.name,
        auth("x_auth_roles") or usual.roles,
        auth("x_auth_token") or usual.token,
        _is_true(auth("proxy_use_secret"), on=False),
    )


def _handlers(text: str | None) -> tuple[str, ...]:
    """The handlers that ``{chttpd_auth, cookie_authentication_handler}, ...`` names, in its order."""
    if text is None:
        return DEFAULT_HANDLERS
    found = [match[1] for match in _HANDLER.finditer(text)]
    return tuple(dict.fromkeys(name for name in found if name in HANDLERS))


def _is_true(word: str | None, *, on: bool) -> bool:
    return on if word not in ("true", "false") else word == "true"


def _number(word: str | None, default: int) -> int:
    return int(word) if word is not None and _NUMBER.fullmatch(word.strip()) else default


def _names(word: str | None) -> tuple[str, ...]:
    return tuple(name for part in (word or "").split(",") if (name := part.strip()))


def _challenge(word: str | None) -> str:
    """A header's value; none that could end it."""
    return word if word and word.isascii() and word.isprintable() else ""


def _header_word(word: str | None) -> str:
    """A word that is put into a header; none that could end it."""
    return word if word and re.fullmatch(r"[A-Za-z0-9.\-]+", word) else ""
