"""THE table of settings: each by section and key, with its kind, its default and what it sets.

Owns the table. What CouchDB has too goes by CouchDB's section, key and unit (``default.ini``); all others by the field
of ``settings.py`` that they set. Sections and keys that are not in it are words that nobody here reads: they are kept,
and told again. docs/configuration.md is compared with it by a test.
"""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from docstore.config.kinds import (
    BOOLEAN,
    INTEGER,
    LIST,
    MILLISECONDS,
    NETWORKS,
    PATH,
    PORT,
    POSITIVE,
    PREFIX,
    ROWS,
    TEXT,
    WHOLE_SECONDS,
    Kind,
    kind_of,
    one_of,
)
from docstore.settings import Settings

Name = tuple[str, str]
"""Section and key."""

DEFAULT_DATA: Final = Path("docstore-data")


@dataclass(frozen=True, slots=True)
class Setting:
    """One row.

    ``default`` None is a setting that there is only once somebody has set it. ``path`` is the field of ``Settings``
    that it sets, if it is one; others are read by whoever heeds them. ``live`` says that a change holds at once; the
    others hold from the next start on.
    """

    section: str
    key: str
    kind: Kind
    default: str | None
    path: str | None = None
    live: bool = True

    @property
    def name(self) -> Name:
        """Section and key."""
        return self.section, self.key


_COUCHDB: Final[dict[str, tuple[str, str, Kind | None]]] = {
    "data": ("couchdb", "database_dir", PATH),
    "host": ("chttpd", "bind_address", TEXT),
    "port": ("chttpd", "port", PORT),
    "server_uuid": ("couchdb", "uuid", None),
    "uuid_algorithm": ("uuids", "algorithm", None),
    "utc_id_suffix": ("uuids", "utc_id_suffix", None),
    "cookie_lifetime": ("chttpd_auth", "timeout", WHOLE_SECONDS),
    "changes_timeout": ("chttpd", "changes_timeout", MILLISECONDS),
    "limits.max_document_size": ("couchdb", "max_document_size", None),
    "limits.max_attachment_size": ("couchdb", "max_attachment_size", None),
    "limits.max_doc_id": ("couchdb", "max_document_id_length", None),
    "limits.max_request_body": ("chttpd", "max_http_request_size", None),
    "limits.max_url": ("chttpd", "max_uri_length", None),
    "limits.max_uuids": ("uuids", "max_count", None),
    "functions.time": ("couchdb", "os_process_timeout", MILLISECONDS),
    "decode_plus_to_space": ("chttpd", "decode_plus_to_space", None),
    "functions.reduce_limit": ("query_server_config", "reduce_limit", None),
    "functions.query_limit": ("query_server_config", "query_limit", ROWS),
    "functions.partition_query_limit": ("query_server_config", "partition_query_limit", ROWS),
    "functions.secure_rewrites": ("chttpd", "secure_rewrites", None),
    "functions.rewrite_limit": ("chttpd", "rewrite_limit", POSITIVE),
    "find.default_limit": ("mango", "default_limit", None),
    "find.scan_warning": ("mango", "index_scan_warning_threshold", None),
    "search.default_limit": ("dreyfus", "limit", None),
    "search.default_partition_limit": ("dreyfus", "limit_partitions", None),
    "search.max_limit": ("dreyfus", "max_limit", None),
    "search.max_partition_limit": ("dreyfus", "max_limit_partitions", None),
    "search.max_group_limit": ("dreyfus", "max_group_limit", None),
    "replicator.interval": ("replicator", "interval", MILLISECONDS),
}
"""The fields of Settings that go by CouchDB's names and units."""

_NOT_SET_BY_WORDS: Final = frozenset({"admin", "query_servers", "utils", "cloudant.any_api_key"})
"""What the command line or a program alone says: a command that is run, or a folder that everybody gets, is nothing for
whoever may set settings over HTTP, and a server that takes any key is nothing for other ends than tests."""

_KINDS: Final = {"cloudant.blocks": POSITIVE}
_FROM_ONE_ON: Final = frozenset({"storage", "limits", "search"})
_MAY_BE_NONE: Final = frozenset(
    {
        "max_databases",
        "max_small_inflation",
        "max_small_memory",
        "min_body_rate",
        "parse_off_loop_from",
        "snapshot_reserve",
    }
)
"""Groups of numbers of which nothing can work at 0, and those of them that may be."""

_LIVE: Final = frozenset(
    {
        "changes_heartbeat",
        "changes_timeout",
        "cloudant.blocks",
        "cloudant.event_types",
        "cookie_lifetime",
        "decode_plus_to_space",
        "find.default_limit",
        "find.scan_warning",
        "functions.list_patience",
        "functions.list_rows",
        "functions.partition_query_limit",
        "functions.query_limit",
        "functions.rewrite_limit",
        "functions.secure_rewrites",
        "limits.max_attachment_size",
        "limits.max_database_name",
        "limits.max_databases",
        "limits.max_doc_id",
        "limits.max_document_size",
        "limits.max_documents",
        "limits.max_filter_steps",
        "limits.max_form_files",
        "limits.max_inflation",
        "limits.max_json_depth",
        "limits.max_login_form",
        "limits.max_request_body",
        "limits.max_small_inflation",
        "limits.max_user_name",
        "limits.max_uuids",
        "limits.parse_off_loop_from",
        "purged_infos_limit",
        "revs_limit",
        "shutdown_grace",
        "utc_id_suffix",
        "uuid_algorithm",
    }
)
"""The fields of Settings that are looked up at each use in ``Node.settings``, so that a change holds at once."""

LOG_LEVELS: Final = (
    "debug", "info", "notice", "warning", "warn", "error", "err", "critical", "crit", "alert", "emergency", "emerg",
    "none",
)  # fmt: skip

_OTHERS: Final[tuple[Setting, ...]] = (
    Setting("chttpd", "enable_cors", BOOLEAN, "false"),
    Setting("log", "level", one_of(*LOG_LEVELS), "info"),
    Setting("log", "format", one_of("text", "json"), "text", live=False),
    Setting("log", "requests", BOOLEAN, "false"),
    Setting("ssl", "enable", BOOLEAN, "false", live=False),
    Setting("ssl", "port", PORT, "6984", live=False),
    Setting("ssl", "bind_address", TEXT, None, live=False),
    Setting("ssl", "cert_file", TEXT, None, live=False),
    Setting("ssl", "key_file", TEXT, None, live=False),
    Setting("ssl", "password", TEXT, None, live=False),
    Setting("ssl", "cacert_file", TEXT, None, live=False),
    Setting("ssl", "verify_ssl_certificates", BOOLEAN, "false", live=False),
    Setting("ssl", "fail_if_no_peer_cert", BOOLEAN, "false", live=False),
    Setting("chttpd", "x_forwarded_host", TEXT, "X-Forwarded-Host"),
    Setting("chttpd", "x_forwarded_proto", TEXT, "X-Forwarded-Proto"),
    Setting("chttpd", "x_forwarded_ssl", TEXT, "X-Forwarded-Ssl"),
    Setting("docstore", "trusted_proxies", NETWORKS, "127.0.0.0/8, ::1/128"),
    Setting("docstore", "path_prefix", PREFIX, None),
    Setting("cors", "origins", LIST, None),
    Setting("cors", "credentials", BOOLEAN, "false"),
    Setting("cors", "headers", LIST, None),
    Setting("cors", "methods", LIST, None),
    Setting("cors", "exposed_headers", LIST, None),
    Setting("cors", "max_age", INTEGER, "600"),
    Setting("global_changes", "update_db", BOOLEAN, "true"),
    Setting("global_changes", "max_write_delay", INTEGER, "500"),
    Setting("couchdb", "maintenance_mode", one_of("true", "false", "nolb"), "false"),
    Setting("couchdb", "users_db_security_editable", BOOLEAN, "false"),
    Setting("couchdb", "default_security", one_of("admin_only", "admin_local", "everyone"), "admin_only"),
    Setting("chttpd", "authentication_handlers", TEXT, None),
    Setting("chttpd", "require_valid_user", BOOLEAN, "false"),
    Setting("chttpd", "require_valid_user_except_for_up", BOOLEAN, "false"),
    Setting("chttpd", "WWW-Authenticate", TEXT, None),
    Setting("chttpd", "admin_only_all_dbs", BOOLEAN, "true"),
    Setting("chttpd_auth", "authentication_db", TEXT, None),
    Setting("chttpd_auth", "secret", TEXT, None),
    Setting("chttpd_auth", "allow_persistent_cookies", BOOLEAN, "true"),
    Setting("chttpd_auth", "cookie_domain", TEXT, None),
    Setting("chttpd_auth", "same_site", TEXT, None),
    Setting("chttpd_auth", "hash_algorithms", LIST, "sha256, sha"),
    Setting("chttpd_auth", "password_scheme", one_of("pbkdf2", "simple"), "pbkdf2"),
    Setting("chttpd_auth", "iterations", POSITIVE, "600000"),
    Setting("chttpd_auth", "min_iterations", INTEGER, "1"),
    Setting("chttpd_auth", "max_iterations", INTEGER, "10000000"),
    Setting("chttpd_auth", "pbkdf2_prf", one_of("sha", "sha224", "sha256", "sha384", "sha512"), "sha256"),
    Setting("chttpd_auth", "upgrade_hash_on_auth", BOOLEAN, "true"),
    Setting("chttpd_auth", "password_regexp", TEXT, None),
    Setting("chttpd_auth", "public_fields", LIST, None),
    Setting("chttpd_auth", "allow_conflicted_user_docs", BOOLEAN, "false"),
    Setting("chttpd_auth", "proxy_use_secret", BOOLEAN, "false"),
    Setting("chttpd_auth", "x_auth_username", TEXT, "X-Auth-CouchDB-UserName"),
    Setting("chttpd_auth", "x_auth_roles", TEXT, "X-Auth-CouchDB-Roles"),
    Setting("chttpd_auth", "x_auth_token", TEXT, "X-Auth-CouchDB-Token"),
    Setting("chttpd_auth_lockout", "mode", one_of("off", "warn", "enforce"), "enforce"),
    Setting("chttpd_auth_lockout", "threshold", POSITIVE, "5"),
    Setting("chttpd_auth_lockout", "max_objects", POSITIVE, "10000"),
    Setting("chttpd_auth_lockout", "max_lifetime", POSITIVE, "300000"),
    Setting("couch_passwords_cache", "enable", BOOLEAN, "true"),
    Setting("couch_passwords_cache", "max_objects", POSITIVE, "10000"),
    Setting("couch_passwords_cache", "max_lifetime", POSITIVE, "600000"),
    Setting("jwt_auth", "required_claims", TEXT, "exp"),
    Setting("jwt_auth", "roles_claim_path", TEXT, None),
    Setting("jwt_auth", "roles_claim_name", TEXT, "_couchdb.roles"),
)
"""Settings that are no fields of Settings."""


def leaves(group: object, prefix: str = "") -> Iterator[tuple[str, object]]:
    """The fields of a settings value and of its groups, by their paths, with their values."""
    assert dataclasses.is_dataclass(group)
    assert not isinstance(group, type)
    for field in dataclasses.fields(group):
        value = getattr(group, field.name)
        path = f"{prefix}{field.name}"
        if path in _NOT_SET_BY_WORDS:
            continue
        if dataclasses.is_dataclass(value):
            yield from leaves(value, f"{path}.")
        else:
            yield path, value


def _setting(path: str, value: object) -> Setting:
    group, _, key = path.rpartition(".")
    section, key, kind = _COUCHDB.get(path, (group or "docstore", key, None))
    kind = kind or _KINDS.get(path) or kind_of(value)
    if kind is INTEGER and group in _FROM_ONE_ON and key not in _MAY_BE_NONE:
        kind = POSITIVE
    return Setting(section, key, kind, None if value is None else kind.word(value), path, path in _LIVE)


DEFAULTS: Final = Settings(data=DEFAULT_DATA)
TABLE: Final[dict[Name, Setting]] = {
    setting.name: setting for setting in (*(_setting(path, value) for path, value in leaves(DEFAULTS)), *_OTHERS)
}


def with_words(settings: Settings, words: dict[str, str]) -> Settings:
    """The settings with these words for the fields of these paths. Raises ValueError for a word of another kind."""
    kinds = {setting.path: setting.kind for setting in TABLE.values()}
    own: dict[str, Any] = {}
    groups: dict[str, dict[str, Any]] = {}
    for path, word in words.items():
        group, _, field = path.rpartition(".")
        (groups.setdefault(group, {}) if group else own)[field] = kinds[path].parse(word)
    for group, values in groups.items():
        own[group] = dataclasses.replace(getattr(settings, group), **values)
    return dataclasses.replace(settings, **own)
