"""How far a replication got, written down at both ends so that the next run can go on there.

Owns the shape of these documents (``_local/<replication id>``) and the question from where to go on. The shape is
CouchDB's, since its replicator and others read them::

    {"session_id": ..., "source_last_seq": ..., "replication_id_version": 4, "history": [entry, ...]}
    entry: {"session_id", "start_time", "end_time", "start_last_seq", "end_last_seq", "recorded_seq", counters...}

A run has one session id; each of its checkpoints replaces the one before, in front of the history of earlier runs. Both
ends hold the same document after a checkpoint. If they do not (one was lost, or only one was written), the latest entry
that both have is where to go on; without one, from the beginning. Follows ``couch_replicator_scheduler_job``
(``compare_replication_logs``, ``do_checkpoint``). It must not know batches or documents.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Final, TypeAlias

from docstore.core.json_text import JsonValue
from docstore.core.replication_id import VERSION
from docstore.errors import Conflict, DocstoreError
from docstore.replication.peer import Peer
from docstore.replication.statistics import Statistics

HISTORY_LENGTH: Final = 50
BEGINNING: Final = 0
"""The sequence before the first change."""

Log: TypeAlias = Mapping[str, JsonValue]
Entry: TypeAlias = dict[str, JsonValue]


class CheckpointFailed(DocstoreError):
    """A checkpoint that could not be written, or must not be: the replication has to start again."""

    error = "checkpoint_commit_failure"


@dataclass(frozen=True, slots=True)
class StartingPoint:
    """From where to go on. ``history`` is what comes behind the entry of the new session; newest first."""

    seq: JsonValue = BEGINNING
    history: tuple[Entry, ...] = ()

    def statistics(self) -> Statistics:
        """What the latest run counted."""
        return Statistics.from_history(self.history[0]) if self.history else Statistics()


def compare_logs(source: Log, target: Log) -> StartingPoint:
    """From where to go on, by the checkpoints of both ends; an empty one means that there is none."""
    history = _history(source)
    session = source.get("session_id")
    if session is not None and session == target.get("session_id"):
        return StartingPoint(_seq(source, "source_last_seq"), history)
    return _latest_common(history, _history(target))


def _latest_common(source: tuple[Entry, ...], target: tuple[Entry, ...]) -> StartingPoint:
    """The latest entry of both histories, walking down both at the same time."""
    for index in range(min(len(source), len(target))):
        if _has_session(source[index], target[index:]):
            return StartingPoint(_seq(source[index], "recorded_seq"), source[index + 1 :])
        if _has_session(target[index], source[index + 1 :]):
            return StartingPoint(_seq(target[index], "recorded_seq"), target[index + 1 :])
    return StartingPoint()


def _seq(log: Log, name: str) -> JsonValue:
    seq = log.get(name)
    return BEGINNING if seq is None else seq


def _has_session(entry: Entry, entries: tuple[Entry, ...]) -> bool:
    session = entry.get("session_id")
    return session is not None and any(other.get("session_id") == session for other in entries)


def _history(log: Log) -> tuple[Entry, ...]:
    """The history of a log; what is no entry, somebody else wrote, and is left out."""
    history = log.get("history")
    return tuple(entry for entry in history if isinstance(entry, dict)) if isinstance(history, list) else ()


@dataclass(slots=True)
class Session:
    """One run, as its checkpoints tell it. Times are seconds since 1970; ``flat`` as of a run with ``doc_ids``."""

    session_id: str
    start_time: float
    start_seq: JsonValue
    earlier: tuple[Entry, ...] = ()
    flat: bool = False

    def log(self, seq: JsonValue, statistics: Statistics, now: float) -> Entry:
        """The checkpoint at this sequence: the members of the document, and of the reply to ``_replicate``."""
        counters = statistics.members()
        times: Entry = {"start_time": _date(self.start_time), "end_time": _date(now)}
        entry: Entry = {
            "session_id": self.session_id,
            **times,
            "start_last_seq": self.start_seq,
            "end_last_seq": seq,
            "recorded_seq": seq,
            **counters,
        }
        flat = {name: counters[name] for name in ("docs_read", "docs_written", "doc_write_failures")}
        history: list[JsonValue] = [entry, *self.earlier]
        return {
            "session_id": self.session_id,
            "source_last_seq": seq,
            "replication_id_version": VERSION,
            **(times | flat if self.flat else {}),
            "history": history[:HISTORY_LENGTH],
        }


def _date(seconds: float) -> str:
    return formatdate(seconds, usegmt=True)


@dataclass(slots=True)
class LogDocument:
    """The checkpoint document at one end, ``what`` of the two ("source" or "target")."""

    peer: Peer
    what: str
    doc_id: str
    body: Entry = field(default_factory=dict)
    rev: JsonValue = None

    async def read(self) -> None:
        """Read it; it is empty if there is none. Raises what the peer raises."""
        found = await self.peer.get_local(self.doc_id) or {}
        self.rev = found.get("_rev")
        self.body = {name: value for name, value in found.items() if not name.startswith("_")}

    async def write(self, body: Entry) -> None:
        """Replace it. Raises CheckpointFailed if somebody else did so meanwhile, and what the peer raises.

        A conflict with what this session wrote is none: the answer to an earlier attempt was lost.
        """
        try:
            await self._put(body)
        except Conflict:
            await self.read()
            if self.body.get("session_id") != body["session_id"]:
                raise CheckpointFailed(f"Error updating the {self.what} checkpoint document: conflict") from None
            await self._put(body)

    async def _put(self, body: Entry) -> None:
        rev: dict[str, JsonValue] = {} if self.rev is None else {"_rev": self.rev}
        self.rev = await self.peer.put_local(self.doc_id, rev | body)
        self.body = body
