"""One batch of changes: what of it lacks at the target, and bringing that there.

Owns the way of a batch: changes -> missing revisions -> fetch -> write in portions of bounded size -> counters. It must
not know checkpoints, nor how batches follow each other. Follows ``couch_replicator_worker``.

A revision that the source lists as a leaf and then cannot give is asked for once more, after a moment, since the nodes
of a cluster do not know everything at the same time. If it lacks still and is no leaf any more (it was purged, or
became the parent of a newer one, which has a later place in the feed), nobody misses it. Otherwise the batch fails,
so that no checkpoint passes over it.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from docstore.core.document import DESIGN_PREFIX
from docstore.replication.errors import PeerBroken
from docstore.replication.peer import Change, ChangesRequest, FetchedDoc, MissingDoc, Peer, Wanted
from docstore.replication.statistics import Statistics

logger = logging.getLogger(__name__)

PORTION_DOCS: Final = 500
PORTION_BYTES: Final = 2 * 1024 * 1024
"""The most that waits in memory to be written, a document more or less; attachments that are streamed do not count."""

RETRY_SECONDS: Final = 2.0

NOT_FOUND: Final = "not_found"
"""What a write fails with whose revision went from the source while its attachments were being sent."""


@dataclass(frozen=True, slots=True)
class Route:
    """From where to where, and who counts. ``wait`` waits for so many seconds; ``moved`` is called after each write."""

    source: Peer
    target: Peer
    statistics: Statistics
    wait: Callable[[float], Awaitable[None]]
    moved: Callable[[], None]
    use_bulk_get: bool = True

    async def replicate(self, changes: Sequence[Change]) -> None:
        """Bring everything of these changes that lacks at the target there.

        What the target does not take is counted and logged, and is no failure of the batch. Raises what the peers
        raise.
        """
        wanted = await self._missing(changes)
        if not wanted:
            return
        missing = await self._carry(wanted)
        if missing:
            await self.wait(RETRY_SECONDS)
            missing = await self._carry(_again(missing))
            if missing:
                await self._make_sure_gone(missing)

    async def _missing(self, changes: Sequence[Change]) -> list[Wanted]:
        revs: dict[str, tuple[str, ...]] = {}
        for change in changes:
            if not change.id:
                logger.error("the source has a change without an id at %s", change.seq)
                continue
            known = revs.get(change.id)  # a continuous feed may tell of a document twice in a batch
            revs[change.id] = change.revs if known is None else tuple(dict.fromkeys(known + change.revs))
        if not revs:
            return []
        found = await self.target.revs_diff(revs)
        statistics = self.statistics
        statistics.missing_checked += sum(map(len, revs.values()))
        wanted = [Wanted(doc_id, entry.missing, entry.possible_ancestors) for doc_id, entry in found.items()]
        statistics.missing_found += sum(len(entry.revs) for entry in wanted)
        if self.use_bulk_get:
            # CouchDB fetches design documents one by one, and does not count them among these.
            plain = [entry for entry in wanted if not entry.id.startswith(DESIGN_PREFIX)]
            statistics.bulk_get_attempts += sum(len(entry.revs) for entry in plain)
        return wanted

    async def _carry(self, wanted: Sequence[Wanted]) -> list[MissingDoc]:
        """Fetch and write; the revisions that the source did not give."""
        missing: list[MissingDoc] = []
        portion: list[FetchedDoc] = []
        size = 0
        async with aclosing(self.source.fetch(wanted)) as fetched:
            async for doc in fetched:
                if isinstance(doc, MissingDoc):
                    missing.append(doc)
                    continue
                portion.append(doc)
                size += doc.size
                if size >= PORTION_BYTES or len(portion) >= PORTION_DOCS:
                    missing += await self._write(portion)
                    portion, size = [], 0
        if portion:
            missing += await self._write(portion)
        return missing

    async def _write(self, docs: list[FetchedDoc]) -> list[MissingDoc]:
        """Write a portion; the revisions that the source did not give in the end."""
        failures = await self.target.write(docs)
        gone = [MissingDoc(*failure) for failure in failures if failure.error == NOT_FOUND]
        if gone:
            failures = [failure for failure in failures if failure.error != NOT_FOUND]
        statistics = self.statistics
        statistics.docs_read += len(docs) - len(gone)
        if self.use_bulk_get:
            statistics.bulk_get_docs += sum(doc.bulk for doc in docs)
        statistics.docs_written += len(docs) - len(gone) - len(failures)
        statistics.doc_write_failures += len(failures)
        for failure in failures:
            logger.error(
                "couldn't write document %s, revision %s, to %s: %s: %s",
                failure.id,
                failure.rev,
                self.target.name,
                failure.error,
                failure.reason,
            )
        self.moved()
        return gone

    async def _make_sure_gone(self, missing: Sequence[MissingDoc]) -> None:
        """Raises PeerBroken if the source still has one of these as a leaf."""
        leaves = await self._leaves({doc.id for doc in missing})
        for doc in missing:
            if doc.rev in leaves.get(doc.id, ()):
                raise PeerBroken(f"{self.source.name} has revision {doc.rev} of {doc.id!r} and does not give it.")
            logger.warning("revision %s of %s is gone from %s", doc.rev, doc.id, self.source.name)

    async def _leaves(self, doc_ids: set[str]) -> dict[str, tuple[str, ...]]:
        request = ChangesRequest(doc_ids=tuple(sorted(doc_ids)))
        async with aclosing(self.source.changes(request)) as batches:
            return {change.id: change.revs async for batch in batches for change in batch.changes}


def _again(missing: Sequence[MissingDoc]) -> list[Wanted]:
    """The same revisions, with all their attachments."""
    revs: dict[str, list[str]] = {}
    for doc in missing:
        revs.setdefault(doc.id, []).append(doc.rev)
    return [Wanted(doc_id, tuple(found)) for doc_id, found in revs.items()]
