"""IAM's actions: what a request does, by one name, and which roles may do it.

Owns both tables. It must not know who asks, nor HTTP beyond a method. Follows IBM's page on managing access for
Cloudant, and for names of paths that are not on it the replies of an account that IBM recorded for its SDKs. Requests
that write documents of several kinds take the action of what their path says; documents of other kinds among them
(design documents in ``_bulk_docs``) are refused one by one, as they are to users of a database.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

PREFIX: Final = "cloudantnosqldb."
"""What stands before a name in ``X-Cloudant-Action``."""

READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class ServiceRole(StrEnum):
    """The roles that an API key can have."""

    MANAGER = "Manager"
    WRITER = "Writer"
    READER = "Reader"
    MONITOR = "Monitor"
    CHECKPOINTER = "Checkpointer"


ANY_READ: Final = "any-document.read"
DATA_WRITE: Final = "data-document.write"
DESIGN_WRITE: Final = "design-document.write"
LOCAL_WRITE: Final = "local-document.write"

_SESSIONS: Final = frozenset(
    {f"{name}.{verb}" for name in ("iam-session", "session") for verb in ("read", "write", "delete")}
)
_READER: Final = _SESSIONS | {
    "activity-tracker-event-types.read",
    "account-capacity-dbs.read",
    "account-current-dbs.read",
    "account-all-dbs.read",
    "account-dbs-info.read",
    "account-meta-info.read",
    "account-search-analyze.execute",
    "account-up.read",
    "database-info.read",
    ANY_READ,
}
_WRITER: Final = _READER | {
    "cluster-uuids.execute",
    "database-ensure-full-commit.execute",
    DATA_WRITE,
    LOCAL_WRITE,
}
_MONITOR: Final = frozenset(
    {
        "sapi.usage-data-volume",
        "capacity-throughput.read",
        "current-throughput.read",
        "account-capacity-dbs.read",
        "account-current-dbs.read",
        "account-meta-info.read",
        "account-active-tasks.read",
        "replication-scheduler.read",
        "account-up.read",
        "database-shards.read",
        LOCAL_WRITE,
        "account-dbs-info.read",
        "database-info.read",
    }
)
GIVEN: Final[dict[ServiceRole, frozenset[str]]] = {
    ServiceRole.WRITER: _WRITER,
    ServiceRole.READER: _READER,
    ServiceRole.MONITOR: _MONITOR,
    ServiceRole.CHECKPOINTER: frozenset({LOCAL_WRITE}),
}
"""What a role may do; a manager may everything."""

UNAVAILABLE: Final = frozenset({"_rewrite", "_update", "_show", "_list"})
"""Endpoints that nobody reaches by IAM, managers neither."""

_OF_SERVER: Final[dict[str, str]] = {
    "server": "account-meta-info.read",
    "_up": "account-up.read",
    "_uuids": "cluster-uuids.execute",
    "_all_dbs": "account-all-dbs.read",
    "_dbs_info": "account-dbs-info.read",
    "_membership": "cluster-membership.read",
    "_active_tasks": "account-active-tasks.read",
    "_db_updates": "account-db-updates.read",
    "_scheduler": "replication-scheduler.read",
    "_replicate": "replication.write",
    "_search_analyze": "account-search-analyze.execute",
    "_shards": "database-shards.read",
    "_ensure_full_commit": "database-ensure-full-commit.execute",
}
_SESSION_VERBS: Final = {"POST": "write", "DELETE": "delete"}
_ACCOUNT: Final[dict[tuple[str, ...], str]] = {
    ("api_keys",): "sapi.apikeys",
    ("user", "config", "cors"): "sapi.usercors",
    ("user", "capacity", "throughput"): "capacity-throughput.",
    ("user", "current", "throughput"): "current-throughput.",
    ("user", "capacity", "databases"): "account-capacity-dbs.",
    ("user", "current", "databases"): "account-current-dbs.",
    ("user", "activity_tracker", "events"): "activity-tracker-event-types.",
}
_DESIGN_KINDS: Final = frozenset({"_design", "_index"})
_DOCUMENT_KINDS: Final = frozenset({"document", "attachment", "_bulk_docs"})


def action_of(method: str, kind: str, segments: list[str]) -> str:
    """The action of a request, without the prefix. ``kind`` is its endpoint's (``httpd/endpoint_kinds.py``)."""
    if segments[:2] == ["_api", "v2"]:
        return _of_account(method, tuple(segments[2:]))
    if kind in ("_session", "_iam_session"):
        return f"{kind[1:].replace('_', '-')}.{_SESSION_VERBS.get(method, 'read')}"
    named = _OF_SERVER.get(kind)
    if named is not None:
        return named
    if segments[:1] == ["_users"] or segments[:1] == ["_replicator"]:
        return _of_system(method, kind, users=segments[0] == "_users")
    if kind == "database":
        return _of_database(method)
    if kind == "_security":
        return f"database-security.{_verb(method)}"
    return _of_documents(method, kind, is_design=any(one.startswith("_design") for one in segments[1:2]))


def may(roles: Iterable[ServiceRole], action: str) -> bool:
    """Whether one of these roles may do this."""
    return any(role is ServiceRole.MANAGER or action in GIVEN[role] for role in roles)


def _verb(method: str) -> str:
    return "read" if method in READING else "write"


def _of_account(method: str, path: tuple[str, ...]) -> str:
    if path[:1] == ("db",):
        return "sapi.db-security"
    found = _ACCOUNT.get(path, "sapi.userinfo")
    return f"{found}{_verb(method)}" if found.endswith(".") else found


def _of_system(method: str, kind: str, *, users: bool) -> str:
    if kind == "database" and method != "POST":
        if not users:
            return "replicator-database-info.read" if method in READING else "replicator-database.create"
        verb = {"PUT": ".create", "DELETE": ".delete"}.get(method, "-info.read")
        return f"users-database{verb}"
    writes = method not in READING and kind in (_DOCUMENT_KINDS | _DESIGN_KINDS | {"database", "_local"})
    return f"{'users' if users else 'replication'}.{'write' if writes else 'read'}"


def _of_database(method: str) -> str:
    if method == "POST":
        return DATA_WRITE
    return {"PUT": "database.create", "DELETE": "database.delete"}.get(method, "database-info.read")


def _of_documents(method: str, kind: str, *, is_design: bool) -> str:
    if method in READING:
        return ANY_READ
    if kind in _DESIGN_KINDS or (is_design and kind in _DOCUMENT_KINDS):
        return DESIGN_WRITE
    if kind == "_local":
        return DATA_WRITE if method == "COPY" else LOCAL_WRITE  # a copy is another document, perhaps no local one
    return DATA_WRITE if kind in _DOCUMENT_KINDS else ANY_READ
