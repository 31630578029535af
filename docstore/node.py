"""One running node's parts, started and stopped in order.

Owns the wiring, the clock and the randomness that the layers below are handed, and the counters. It must not know
HTTP::

    config           words by section and key, and the settings that they make
    environment      the store; takes the lock of the data folder
      writer         carries out commands (database/apply/updater.py) in group commits
        registry     the databases; is told of each commit, and wakes through
          global_changes  what happens to databases, written into one of them
          notifier   those who wait for changes
        query        what design documents define, and the functions in them
        uploads      the resumable uploads of attachments, and their expiry
        replications what is replicated; begins when there is a server, since that may be replicated with itself
        remembered   what requests with an idempotency key were answered with, and its expiry
    pool             the worker processes, for whatever computes for long; started when first needed

A stop goes the other way: nobody waits any more, what was accepted is written, the store is closed cleanly.
"""

import asyncio
import logging
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Final, Self, cast
from uuid import uuid4

from docstore.accounts.accounts import Accounts
from docstore.config.configuration import Configuration
from docstore.config.table import TABLE, with_words
from docstore.core.histogram import Histogram
from docstore.core.json_text import JsonValue
from docstore.database.active_tasks import ActiveTasks
from docstore.database.apply.putting_back import PutBackImage
from docstore.database.apply.updater import apply
from docstore.database.attachments.uploads import Uploads
from docstore.database.conflicts.statistics import ConflictStats
from docstore.database.database import Database
from docstore.database.global_changes import GlobalChanges
from docstore.database.notifier import Notifier
from docstore.database.once import RememberedReplies
from docstore.database.reading.at_once import in_thread
from docstore.database.reading.selected_changes import Select
from docstore.database.registry import Registry
from docstore.database.rule_gate import RuleGate
from docstore.database.uuids import UuidGenerator
from docstore.database.write_gate import Gate
from docstore.database.write_hooks import WriteHook
from docstore.errors import DocstoreError
from docstore.query.service import Query
from docstore.replication.jobs.clock import Clock, SystemClock
from docstore.replication.jobs.documents import is_replicator, owner_rule, replicator_hook
from docstore.replication.jobs.replications import Replications
from docstore.settings import Settings
from docstore.storage.check.damage import told_as_damage
from docstore.storage.engine.environment import Environment
from docstore.storage.engine.folder_lock import FolderLock
from docstore.storage.engine.group_commit import CommitSummary
from docstore.storage.engine.writer import Writer
from docstore.storage.image import Image, PutBack, take_image
from docstore.storage.rows import DatabaseRow
from docstore.workers.pool import Pool

logger = logging.getLogger(__name__)

SWITCH_INTERVAL: Final = 0.0005
"""Seconds after which the interpreter takes turns between the event loop and the writer's thread. A read gives up the
GIL at each LMDB call; with the interpreter's own 5 ms a GET beside a busy writer waits that long several times."""


METHODS: Final = frozenset({"COPY", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
OTHER_METHOD: Final = "other"
"""All others that the parser knows."""


class Counters:
    """What ``_stats`` counts; the server's front end adds to it.

    ``requests_by_route``  by the pattern of the route that they took and the method, whatever became of them
    ``request_times``      milliseconds until the reply is at hand, or begins
    ``bulk_sizes``         documents in requests to ``_bulk_docs``
    """

    def __init__(self) -> None:
        self._answered: Counter[tuple[str, int]] = Counter()
        self.requests_by_route: Counter[tuple[str, str]] = Counter()
        self.request_times = Histogram()
        self.bulk_sizes = Histogram()

    def count_request(self, method: str, status: int, milliseconds: float, now: float) -> None:
        """One request was answered; ``now`` in seconds that never go back."""
        self._answered[method if method in METHODS else OTHER_METHOD, status] += 1
        self.request_times.add(milliseconds, now)

    @property
    def requests(self) -> int:
        """How many were answered."""
        return self._answered.total()

    @property
    def requests_by_method(self) -> Counter[str]:
        """The same by method."""
        found: Counter[str] = Counter()
        for (method, _), count in self._answered.items():
            found[method] += count
        return found

    @property
    def responses_by_status(self) -> Counter[int]:
        """The same by status."""
        found: Counter[int] = Counter()
        for (_, status), count in self._answered.items():
            found[status] += count
        return found


class Node:
    """The parts of one node. ``async with Node(settings) as node`` starts and stops it.

    ``uuid``        the node's uuid, 32 hex digits, that of the store unless the settings name one
    ``started_at``  seconds since 1970
    ``settings``    as they are now: those that can change while it runs are looked up here at each use
    ``clock``       what everything that expires goes by
    Those parts that need the open store exist from ``start`` on.
    """

    env: Environment
    writer: Writer
    registry: Registry
    accounts: Accounts
    query: Query
    global_changes: GlobalChanges
    uploads: Uploads
    replications: Replications
    remembered: RememberedReplies
    uuid: str
    started_at: float

    def __init__(
        self,
        settings: Settings,
        *,
        lock: FolderLock | None = None,
        configuration: Configuration | None = None,
        clock: Clock | None = None,
    ) -> None:
        """``lock`` is the data folder's lock, if the caller holds it already; ``clock`` another one than the machine's.

        A ``configuration`` goes before ``settings``; without one it is these and what is kept in their data folder.
        Raises InvalidSetting.
        """
        self.config = Configuration(settings) if configuration is None else configuration
        self.settings = settings = self.config.settings()
        self.clock = SystemClock() if clock is None else clock
        self.notifier = Notifier()
        self.active_tasks = ActiveTasks(self.clock.now)
        self.counters = Counters()
        self.conflict_stats = ConflictStats(time.monotonic)
        self.pool = Pool(settings.workers)
        self.uuids = _uuids(settings, self.clock)
        self._lock = lock
        self._old_switch_interval = sys.getswitchinterval()
        self._unwatch: Callable[[], None] = _nothing

    async def start(self) -> None:
        """Open the store and go to work.

        Raises FolderInUse, StoreUnusable, StoreDamaged, StorageFull, StorageFailed; then the store is closed again.
        """
        settings = self.settings
        self.env = Environment.open(settings.data, settings.storage, lock=self._lock, holder="a docstore node")
        self.env.attach_loop(asyncio.get_running_loop())
        self.uuid = settings.server_uuid or self.env.server_uuid
        self.writer = Writer(self.env, apply, self._committed)
        self.registry = Registry(
            self.env,
            self.writer,
            self.notifier,
            self.active_tasks,
            settings,
            clock=self.clock.microseconds,
            new_uuid=lambda: uuid4().hex,
            write_hooks=self._write_hook,
            gates=self._gate,
            design_filter=self._design_filter,
        )
        self.accounts = Accounts(self.registry, self.config, settings, self.clock.now)
        self.registry.is_system = self._is_system
        self.registry.creates_public = lambda: self.accounts.policy.public_databases
        self.global_changes = GlobalChanges(self.registry, self.config)
        self.query = Query(self.registry, settings, self.pool, self.active_tasks, self.env)
        self.uploads = Uploads(
            self.env,
            self.writer,
            self.registry.blobs,
            clock=self.clock.microseconds,
            new_uuid=lambda: uuid4().bytes,
            lifetime=settings.upload_lifetime,
            limits=settings.limits,
        )
        self.remembered = RememberedReplies(self.env, self.writer, settings, clock=self.clock.microseconds)
        self.replications = Replications(
            self.registry,
            self.active_tasks,
            settings,
            server_uuid=self.uuid,
            node_name=self.name,
            clock=self.clock,
            random=random.random,
        )
        self.started_at = time.time()
        self._old_switch_interval = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_INTERVAL)
        try:
            with told_as_damage(self.env.data_file):
                await self._begin()
        except BaseException:
            await self.stop()
            raise

    async def _begin(self) -> None:
        """What the parts do by themselves."""
        self._unwatch = self.config.watch(self._heed)
        self.global_changes.start()
        self.registry.look_at_names()
        await self.registry.blobs.collector.start()
        await self.uploads.start()
        await self.remembered.start()
        self.registry.resume_sweeps()
        self.registry.unique.resume()
        self.query.start()

    async def make_system_databases(self) -> None:
        """Make those of ``system_databases`` that are missing, or say in the log why they cannot be made."""
        for name in self.settings.system_databases:
            if not self.registry.exists(name):
                try:
                    await self.registry.create(name)
                except DocstoreError as error:  # a full disk, say: the server is of use without
                    logger.warning("the database %s is not made: %s", name, error.reason)

    async def image(self) -> Image:
        """All that is in the store, with what has happened to databases written down. Raises Unavailable."""
        await self.global_changes.written()
        return await in_thread(self.env, take_image)

    async def put_back(self, image: Image) -> Image:
        """Make the store what it was when the image was taken; for tests, at any time. The image to use next.

        To whoever is at work in a database that has changed since, this is as if it had been deleted: feeds end,
        requests find no database, replications end or begin anew. Failed logins and remembered passwords are forgotten.
        Raises StorageFull, StorageFailed, Unavailable; then nothing has changed.
        """
        await self.global_changes.written()
        done = cast("PutBack", await self.writer.submit(PutBackImage(image)))
        self.global_changes.forget()
        self.uploads.forget()
        self.accounts.logins.forget()
        self.registry.came_back(done.new.values())
        return done.image

    async def expire(self) -> None:
        """Forget what has expired, now and not at the next time; for a clock that was moved."""
        await self.registry.blobs.collector.expire()
        await self.uploads.expire()
        await self.remembered.expire()

    async def stop(self) -> None:
        """Stop replications, end all feeds, finish what was accepted, close the store cleanly."""
        self._unwatch()
        self._unwatch = _nothing
        await self.replications.stop()
        self.notifier.close()
        await self.remembered.stop()
        await self.uploads.stop()
        await self.global_changes.stop()
        await self.registry.stop()
        await self.accounts.stop()
        await self.query.stop()
        await self.pool.stop()
        await self.writer.close()
        await self.env.close_beside_loop()
        sys.setswitchinterval(self._old_switch_interval)

    @property
    def name(self) -> str:
        """The name by which this node goes in ``_membership`` and in paths."""
        return f"docstore@{self.settings.host}"

    def _heed(self, section: str, key: str, word: str | None) -> None:
        """A setting has changed."""
        row = TABLE.get((section, key))
        if row is None or row.path is None or word is None or not row.live:
            return
        self.settings = with_words(self.settings, {row.path: word})
        if section == "uuids":
            self.uuids = _uuids(self.settings, self.clock)
        self.registry.heed(self.settings)
        self.uploads.max_size = self.settings.limits.max_attachment_size

    def _gate(self, name: str, row: DatabaseRow) -> Gate:
        gate: Gate = self.query.gate(name, row)
        if is_replicator(name):
            return RuleGate(gate, row.number, self.env, owner_rule)
        return self.accounts.gate(name, row.number, gate, self.env)

    def _write_hook(self, name: str) -> WriteHook | None:
        return self.accounts.write_hook(name) or replicator_hook(name)

    def _is_system(self, name: str) -> bool:
        """Whether the server itself relies on what is in the database of this name."""
        return name == self.accounts.policy.users or is_replicator(name)

    def _design_filter(self, database: Database, name: str, params: Mapping[str, JsonValue]) -> Select:
        return self.query.named_filter(database, name, params)

    def _committed(self, summary: CommitSummary) -> None:
        self.accounts.committed(summary.changed)  # before whoever waits for the commit asks again
        self.registry.committed(summary)
        self.query.committed(summary.changed)
        self.global_changes.committed(summary.changed)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


def _nothing() -> None:
    pass


def _uuids(settings: Settings, clock: Clock) -> UuidGenerator:
    return UuidGenerator(settings.uuid_algorithm, clock.microseconds, os.urandom, settings.utc_id_suffix or "")
