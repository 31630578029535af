"""One replication job: what is to be replicated, for whom, and how it has fared.

Owns the job's shape and how it is shown: as a row of ``_scheduler/jobs`` and, with its state, of ``_scheduler/docs``
(``couch_replicator_scheduler:job_ejson``, ``job_summary``). It starts nothing; that is the scheduler's.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple
from urllib.parse import urlsplit, urlunsplit

from docstore.core.job_history import Event, EventKind, History, consecutive_crashes, last_started
from docstore.core.job_schedule import Standing
from docstore.core.json_text import JsonValue
from docstore.core.security.user import UserContext
from docstore.errors import DocstoreError
from docstore.replication.options import Endpoint, ReplicationOptions
from docstore.replication.replicator import Progress, Summary

HIDDEN = "*****"


class State(StrEnum):
    """The states of a replication, in CouchDB's words and order."""

    INITIALIZING = "initializing"
    ERROR = "error"
    RUNNING = "running"
    PENDING = "pending"
    CRASHING = "crashing"
    COMPLETED = "completed"
    FAILED = "failed"


class Origin(NamedTuple):
    """Where a job comes from: a document of a replicator database, or (all None) a request.

    ``number`` is that of the database, which names its incarnation.
    """

    database: str | None = None
    doc_id: str | None = None
    number: int | None = None


TRANSIENT = Origin()


@dataclass(eq=False, slots=True)
class Job:
    """A job of the scheduler.

    ``base_id`` and ``extension`` are the replication id; checkpoints go by the base alone. ``user`` asked for it.
    ``rights``   of a request: who asked, with the roles that they had; None of a document, which names no database of
                 this server
    ``ready``    it is not started before this time
    ``run``      the number of the present run, None if it does not run
    ``stopping`` the present run was asked to end
    ``leaving``  it is to be forgotten as soon as it has stopped
    ``failure``  what it crashed with last
    """

    base_id: str
    extension: str
    options: ReplicationOptions
    start_time: float
    origin: Origin = TRANSIENT
    user: str | None = None
    rights: UserContext | None = None
    history: History = ()
    ready: float = 0.0
    progress: Progress | None = None
    run: int | None = None
    task: "asyncio.Task[Summary] | None" = None
    stopping: bool = False
    leaving: bool = False
    failure: DocstoreError | None = None
    waiters: "list[asyncio.Future[Summary]]" = field(default_factory=list)

    @property
    def id(self) -> str:
        """The replication id: 32 hex digits, and perhaps ``+continuous`` and more."""
        return self.base_id + self.extension

    @property
    def pid(self) -> str | None:
        """What stands for CouchDB's process of the present run."""
        return None if self.run is None else f"<0.{self.run}.0>"

    @property
    def transient(self) -> bool:
        """Whether it is gone with its first failure: nobody wrote it down."""
        return self.origin.doc_id is None

    def same_as(self, other: "Job") -> bool:
        """Whether both do the same for the same document or request."""
        return self.options == other.options and self.origin == other.origin

    def standing(self) -> Standing:
        """The job as the schedule sees it."""
        return Standing(
            self.id,
            self.origin.database or f"user {self.user}",
            self.options.continuous,
            self.run is not None,
            last_started(self.history),
            self.ready,
        )

    def state(self) -> State:
        """Running, pending or crashing."""
        if self.run is not None:
            return State.RUNNING
        return State.CRASHING if self._crash() is not None else State.PENDING

    def info(self) -> JsonValue:
        """Counts and sequences, null before there are any."""
        return None if self.progress is None else self.progress.members()

    def members(self, node_name: str) -> dict[str, JsonValue]:
        """The row of ``_scheduler/jobs``."""
        return {
            "database": self.origin.database,
            "id": self.id,
            "pid": self.pid,
            "source": self.options.source.public,
            "target": self.options.target.public,
            "user": self.user,
            "doc_id": self.origin.doc_id,
            "info": self.info(),
            "history": [_event_members(event) for event in self.history],
            "node": node_name,
            "start_time": iso_time(self.start_time),
        }

    def summary(self, node_name: str, health_threshold: float) -> dict[str, JsonValue]:
        """The row of ``_scheduler/docs``."""
        crash = self._crash() if self.run is None else None
        return {
            "database": self.origin.database,
            "doc_id": self.origin.doc_id,
            "id": self.id,
            "node": node_name,
            "source": self.options.source.public,
            "target": self.options.target.public,
            "state": self.state().value,
            "info": self.info() if crash is None else {"error": crash.reason},
            "error_count": consecutive_crashes(self.history, health_threshold),
            "last_updated": iso_time(self.history[0].time),
            "start_time": iso_time(self.start_time),
            "source_proxy": public_proxy(self.options.source),
            "target_proxy": public_proxy(self.options.target),
        }

    def _crash(self) -> Event | None:
        """The crash that it ended with, if it did."""
        return self.history[0] if self.history and self.history[0].kind is EventKind.CRASHED else None


def crash_reason(error: DocstoreError) -> str:
    """A failure in one line: ``db_not_found: could not open http://host:5984/db/``."""
    return f"{error.error}: {error.reason}"


def iso_time(seconds: float) -> str:
    """Seconds since 1970 as ``2024-05-01T12:00:00Z``."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def public_proxy(endpoint: Endpoint) -> str | None:
    """The proxy of an endpoint, without its password."""
    if endpoint.proxy is None:
        return None
    parts = urlsplit(endpoint.proxy)
    credentials, at, host = parts.netloc.rpartition("@")
    name, colon, _ = credentials.partition(":")
    shown = f"{name}:{HIDDEN}{at}{host}" if colon else parts.netloc
    return urlunsplit(parts._replace(netloc=shown))


def _event_members(event: Event) -> JsonValue:
    members: dict[str, JsonValue] = {"timestamp": iso_time(event.time), "type": event.kind.value}
    if event.reason is not None:
        members["reason"] = event.reason
    return members
