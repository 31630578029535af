"""``/_node/{name}/_config``: the settings by section and key, seen and changed.

Owns these endpoints' words, which sections nobody may change by HTTP, and that an administrator's password is hashed
before anybody else sees it. Secrets are never shown, not as an old value either; CouchDB shows them. Follows
``chttpd_node`` and ``couch_util:check_config_blacklist`` of CouchDB.
"""

import secrets
from typing import Final

from docstore.config.secrets import is_hashed, shown
from docstore.core.json_text import JsonValue
from docstore.core.security.passwords import admin_text, hashed
from docstore.errors import BadRequest, Forbidden, NotFound
from docstore.httpd.replies import Reply, json_reply
from docstore.httpd.request import Request
from docstore.httpd.server.node_endpoints import checked_name

ADMINS: Final = "admins"
NOT_BY_HTTP: Final = frozenset(
    {
        "daemons",
        "external",
        "feature_flags",
        "httpd_db_handlers",
        "httpd_design_handlers",
        "httpd_global_handlers",
        "native_query_servers",
        "os_daemons",
        "query_servers",
    }
)
UNKNOWN: Final = "unknown_config_value"
PERSIST: Final = "X-Couch-Persist"
SALT_BYTES: Final = 16


async def all_sections(request: Request) -> Reply:
    """GET /_node/{name}/_config"""
    checked_name(request)
    sections: dict[str, JsonValue] = {}
    for (section, key), entry in request.node.config.entries():
        members = sections.setdefault(section, {})
        assert isinstance(members, dict)
        members[key] = shown(section, key, entry.word)
    return json_reply(sections)


async def section(request: Request) -> Reply:
    """GET /_node/{name}/_config/{section}: empty where there is none."""
    checked_name(request)
    name = request.segments[3]
    return json_reply({key: shown(name, key, word) for key, word in request.node.config.section(name).items()})


async def value(request: Request) -> Reply:
    """GET /_node/{name}/_config/{section}/{key}"""
    checked_name(request)
    return json_reply(_shown(request, _known(request)))


async def set_value(request: Request) -> Reply:
    """PUT /_node/{name}/_config/{section}/{key} of a JSON string; the old value is told."""
    checked_name(request)
    name, key = _names(request)
    new = await request.json()
    if not isinstance(new, str):
        raise BadRequest("a JSON string expected")
    config = request.node.config
    old = config.get(name, key) or ""
    await config.set(name, key, await _as_kept(request, name, new.strip()), persist=_persists(request))
    return json_reply(_shown(request, old))


async def delete_value(request: Request) -> Reply:
    """DELETE /_node/{name}/_config/{section}/{key}; the old value is told."""
    checked_name(request)
    name, key = _names(request)
    old = _known(request)
    await request.node.config.delete(name, key, persist=_persists(request))
    return json_reply(_shown(request, old))


async def reload(request: Request) -> Reply:
    """POST /_node/{name}/_config/_reload"""
    checked_name(request)
    await request.node.config.reload()
    return json_reply({"ok": True})


def _names(request: Request) -> tuple[str, str]:
    """Section and key of something that may be changed. Raises Forbidden."""
    name, key = request.segments[3:5]
    if name in NOT_BY_HTTP:
        raise Forbidden("Config section blacklisted for modification over HTTP API.")
    return name, key


def _known(request: Request) -> str:
    word = request.node.config.get(*request.segments[3:5])
    if word is None:
        raise NotFound(UNKNOWN)
    return word


def _shown(request: Request, word: str) -> str:
    name, key = request.segments[3:5]
    return shown(name, key, word)


def _persists(request: Request) -> bool:
    return request.headers.get(PERSIST) != "false"


async def _as_kept(request: Request, section: str, word: str) -> str:
    """The word as it is kept: a password hashed. Raises BadRequest if it is empty, Busy, Forbidden."""
    if section != ADMINS or is_hashed(word):
        return word
    if not word:
        raise BadRequest("A password is not empty.")
    accounts, salt = request.node.accounts, secrets.token_hex(SALT_BYTES)
    return admin_text(await accounts.hasher.run(lambda: hashed(word, salt, accounts.policy.hashing)))
