"""The documents of replicator databases: who owns them, what they may say, and how their state stands in them.

Owns these rules; values in, values out. It starts no replication. Follows ``couch_replicator_docs`` of CouchDB
(``before_doc_update``, ``update_rep_doc``) and ``couch_replicator:info_from_doc``. States that come and go (running,
pending, crashing) are not written into documents, unless the settings say so; ``completed`` and ``failed`` are.
"""

from collections.abc import Mapping
from typing import Final

from docstore.core.document import DESIGN_PREFIX, Document
from docstore.core.edit import Edit
from docstore.core.json_text import JsonValue, decode, encode
from docstore.core.revision_hash import encode_term
from docstore.database.write_hooks import Actor, WriteHook
from docstore.errors import Forbidden
from docstore.replication.jobs.job import State, iso_time
from docstore.replication.options import Endpoint, InvalidReplication, parse_replication

REPLICATOR: Final = "_replicator"
REPLICATOR_SUFFIX: Final = "/_replicator"

OWNER: Final = "owner"
STATE: Final = "_replication_state"
STATE_TIME: Final = "_replication_state_time"
REASON: Final = "_replication_state_reason"
ID: Final = "_replication_id"
STATS: Final = "_replication_stats"
START_TIME: Final = "start_time"

SECRETS: Final = ("headers", "auth", "proxy")
"""Members of an end that may hold credentials."""

OTHERS_DOCUMENT: Final = "Can't update replication documents from other users."

Members = dict[str, JsonValue]


def is_replicator(name: str) -> bool:
    """Whether the documents of the database of this name are replications."""
    return name == REPLICATOR or name.endswith(REPLICATOR_SUFFIX)


# --- before a document is written -------------------------------------------------------------------------------


def replicator_hook(name: str) -> WriteHook | None:
    """The write hook of the database of this name, if it is a replicator database."""
    return check_edit if is_replicator(name) else None


def check_edit(document: Document, actor: Actor) -> Document:
    """The document with its owner, who is the writer if it names none.

    Raises Forbidden for what is no replication, and for a document of somebody else; a deletion and a document that
    says ``failed`` need not be replications.
    """
    if document.id.startswith(DESIGN_PREFIX):
        return document
    members = decode(document.body)
    if not isinstance(members, dict):
        raise TypeError("a document's body is no object")
    owned = _owned(members, actor)
    if not document.deleted and owned.get(STATE) != State.FAILED:
        try:
            parse_replication(owned)
        except InvalidReplication as error:
            raise Forbidden(error.document_reason) from None
    if owned is members:
        return document
    return document._replace(body=encode(owned), term=encode_term(owned), foreseen=None)


def owner_rule(
    edit: Edit, members: Mapping[str, JsonValue], before: Mapping[str, JsonValue] | None, actor: Actor
) -> None:
    """Whose document may be changed, or deleted; see ``rule_gate.Rule``. Raises Forbidden for that of somebody else."""
    if before is not None and not actor.is_admin and (actor.name is None or before.get(OWNER) != actor.name):
        raise Forbidden(OTHERS_DOCUMENT)


def _owned(members: Members, actor: Actor) -> Members:
    if OWNER not in members:
        return members | {OWNER: actor.name}
    owner = members[OWNER]
    if owner == actor.name:
        return members
    if not actor.is_admin:
        raise Forbidden(OTHERS_DOCUMENT)
    return members | {OWNER: actor.name} if owner is None else members


# --- the state in a document ------------------------------------------------------------------------------------


def completed(members: Members, stats: Members, now: float) -> Members:
    """The document of a replication that ended well. ``now``: seconds since 1970."""
    return _marked(members, State.COMPLETED.value, now, {REASON: None, STATS: stats})


def failed(members: Members, reason: str, now: float) -> Members:
    """The document of what will not be tried again."""
    return _marked(members, State.FAILED.value, now, {STATS: None, REASON: reason})


def triggered(members: Members, replication_id: str, now: float) -> Members:
    """The document of a replication that was taken up; for ``update_docs`` alone."""
    return _marked(members, "triggered", now, {REASON: None, ID: replication_id, STATS: None})


def troubled(members: Members, reason: str, replication_id: str | None, now: float) -> Members:
    """The document of a replication that will be tried again; for ``update_docs`` alone."""
    return _marked(members, State.ERROR.value, now, {REASON: reason, STATS: None, ID: replication_id})


def without_state(members: Members) -> Members:
    """The document without any word of its state."""
    return {name: value for name, value in members.items() if name not in (STATE, STATE_TIME, REASON, ID, STATS)}


def completion_stats(info: Members, start_time: float) -> Members:
    """What ``_replication_stats`` says of a run: its counts, as in ``_scheduler/jobs``, and when the job began."""
    counts = {name: value for name, value in info.items() if name not in ("source_seq", "through_seq")}
    return counts | {START_TIME: iso_time(start_time)}


def _marked(members: Members, state: str, now: float, marks: dict[str, JsonValue]) -> Members:
    """Set or (None) remove members. The state's time is that of its change."""
    changed = dict(members)
    if changed.get(STATE) != state:
        changed[STATE] = state
        changed[STATE_TIME] = iso_time(now)
    for name, value in marks.items():
        if value is None:
            changed.pop(name, None)
        else:
            changed[name] = value
    return changed


# --- what a document says by itself -----------------------------------------------------------------------------


def described(database: str, members: Members) -> Members:
    """The row of ``_scheduler/docs`` of a document without a job. Its state is null before it was looked at."""
    state = members.get(STATE)
    time = members.get(STATE_TIME)
    info: JsonValue = None
    errors = 0
    start_time: JsonValue = None
    if state == State.COMPLETED:
        stats = members.get(STATS)
        counts = dict(stats) if isinstance(stats, dict) else {}
        start_time = counts.pop(START_TIME, None)
        info = counts
    elif state == State.FAILED:
        reason = members.get(REASON)
        info = None if reason is None else {"error": reason}
        errors = 1
        start_time = time
    else:
        state = None
    return {
        "database": database,
        "doc_id": members.get("_id"),
        "id": None,
        "source": _public(members.get("source")),
        "target": _public(members.get("target")),
        "state": state,
        "error_count": errors,
        "info": info,
        START_TIME: start_time,
        "last_updated": time,
    }


def without_credentials(members: Members) -> Members:
    """The document as others than its owner see it: its ends without user, password, headers and other secrets."""
    return members | {name: _stripped(members[name]) for name in ("source", "target") if name in members}


def _stripped(endpoint: JsonValue) -> JsonValue:
    if isinstance(endpoint, str):
        return _public(endpoint)
    if not isinstance(endpoint, dict):
        return None
    kept = {name: value for name, value in endpoint.items() if name not in SECRETS}
    return kept | {"url": _public(kept["url"])} if "url" in kept else kept


def _public(endpoint: JsonValue) -> JsonValue:
    """An endpoint as people may see it; null where it is none."""
    url = endpoint.get("url") if isinstance(endpoint, dict) else endpoint
    if not isinstance(url, str):
        return None
    complete = url if "?" in url or url.endswith("/") else url + "/"
    return Endpoint(complete).public
