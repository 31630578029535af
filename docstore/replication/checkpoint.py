"""How far a replication got, written down at both ends so that the next run can go on there.

Owns the shape of these documents (``_local/<replication id>``) and the question from where to go on. The shape is
CouchDB's, since its replicator and others read them::

    {"session_id": ..., "source_last_seq": ..., "replication_id_version": 4, "history": [entry, ...]}
    entry: {"session_id", "start_time", "end_time", "start_last_seq", "end_last_seq", "recorded_seq", counters...}

A run has one session id; each of its checkpoints replaces the one before, in front of the history of earlier runs. Both
ends hold the same document after a checkpoint. If they do not (one was lost, or only one was written), the latest
session that both have is where to go on; without one, from the beginning.

Each end's record goes back in time with the end itself: the target's says what the target had when it was written, the
source's how far its feed had come. So where both have a session and their records differ, the older one is true
of both, whichever end was restored from a copy. Only such entries are carried on into the next history: one that a
single end has, or the newer of two, would claim for the other end what it may have lost. And a checkpoint replaces
nothing but the one that this run left there: over another one it would hide that an end went back.

Follows ``couch_replicator_scheduler_job`` (``compare_replication_logs``, ``do_checkpoint``), which takes the source's
record wherever the sessions are the same. It must not know batches or documents.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Final, TypeAlias

from docstore.core.json_text import JsonValue
from docstore.core.replication_id import VERSION
from docstore.errors import Conflict, DocstoreError
from docstore.replication.peer import Peer
from docstore.replication.statistics import Statistics

HISTORY_LENGTH: Final = 50
_COUNT = re.compile("[0-9]{1,30}")
BEGINNING: Final = 0
"""The sequence before the first change."""

Log: TypeAlias = Mapping[str, JsonValue]
Entry: TypeAlias = dict[str, JsonValue]
Record: TypeAlias = tuple[JsonValue, JsonValue]
"""A checkpoint in brief: its session, and how far that was."""


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
    history = tuple(_common(_history(source), _history(target)))
    session = source.get("session_id")
    if session is not None and session == target.get("session_id"):
        one, other = _seq(source, "source_last_seq"), _seq(target, "source_last_seq")
        older = _is_older(one, other)
        if older is not None:
            return StartingPoint(one if older else other, history)
    return StartingPoint(_seq(history[0], "recorded_seq"), history) if history else StartingPoint()


def _common(source: tuple[Entry, ...], target: tuple[Entry, ...]) -> Iterator[Entry]:
    """The sessions that both histories have, each as the older of its two entries tells it."""
    of_target = {entry["session_id"]: entry for entry in reversed(target)}
    for entry in source:
        other = of_target.get(entry["session_id"])
        if other is not None:
            older = _is_older(_seq(entry, "recorded_seq"), _seq(other, "recorded_seq"))
            if older is not None:
                yield entry if older else other


def _is_older(one: JsonValue, other: JsonValue) -> bool | None:
    """Whether the first of two sequences of one source is not the later one; None if that cannot be told."""
    if one == other:
        return True
    number, other_number = _number(one), _number(other)
    if number is None or other_number is None or number == other_number:
        return None
    return number < other_number


def _number(seq: JsonValue) -> int | None:
    """What a source counts: ``7``, ``"7-g1AAAA..."``, or ``[7, "g1AAAA..."]`` of an older Cloudant."""
    if isinstance(seq, list) and seq:
        seq = seq[0]
    if isinstance(seq, str) and (found := _COUNT.match(seq)):
        return int(found[0])
    return seq if isinstance(seq, int) and not isinstance(seq, bool) else None


def _seq(log: Log, name: str) -> JsonValue:
    seq = log.get(name)
    return BEGINNING if seq is None else seq


def _history(log: Log) -> tuple[Entry, ...]:
    """The history of a log; what is no entry, somebody else wrote, and is left out."""
    history = log.get("history")
    if not isinstance(history, list):
        return ()
    return tuple(entry for entry in history if isinstance(entry, dict) and isinstance(entry.get("session_id"), str))


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
    _ours: list[Record] = field(default_factory=list)
    """What may be there by our own doing: what was found, and what was written, with or without an answer."""

    async def read(self) -> None:
        """Read it; it is empty if there is none. Raises what the peer raises."""
        await self._find()
        self._ours = [_record(self.body)]

    async def write(self, body: Entry) -> None:
        """Replace it. Raises CheckpointFailed if it is not what we left there, and what the peer raises.

        CouchDB takes a local document whatever revision it names, so it is looked at first. It is another one when
        somebody else replicates the same, or when the end went back in time meanwhile.
        """
        try:
            await self._replace(body)
        except Conflict:  # somebody wrote just now: perhaps ourselves, and the answer to that was lost
            try:
                await self._replace(body)
            except Conflict:
                raise self._failed() from None
        self._ours = [_record(body)]

    async def check(self) -> None:
        """Raises CheckpointFailed if it is not what we left there, and what the peer raises."""
        await self._find()
        if _record(self.body) not in self._ours:
            raise self._failed()

    async def _replace(self, body: Entry) -> None:
        await self.check()
        self._ours.append(_record(body))
        rev: dict[str, JsonValue] = {} if self.rev is None else {"_rev": self.rev}
        self.rev = await self.peer.put_local(self.doc_id, rev | body)
        self.body = body

    async def _find(self) -> None:
        found = await self.peer.get_local(self.doc_id) or {}
        self.rev = found.get("_rev")
        self.body = {name: value for name, value in found.items() if not name.startswith("_")}

    def _failed(self) -> CheckpointFailed:
        return CheckpointFailed(f"Error updating the {self.what} checkpoint document: conflict")


def _record(body: Log) -> Record:
    return body.get("session_id"), body.get("source_last_seq")
