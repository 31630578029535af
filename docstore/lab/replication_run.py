"""One replication over one link, one way, between two nodes of an experiment.

Owns how the replicator is set up for an experiment: the near node's database directly, the far one's over the link's
proxy, no attempts of its own beyond the first (a link has its next turn), and everything from the scenario: time,
session ids, the replication's id. It must not know the timetable.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from hashlib import md5
from random import Random
from typing import Final

from docstore.errors import DocstoreError
from docstore.lab.nodes import DATABASE, LabNode
from docstore.replication.local.peer import LocalPeer
from docstore.replication.options import Endpoint, ReplicationOptions
from docstore.replication.peer import Peer
from docstore.replication.remote.options import RemoteOptions
from docstore.replication.remote.peer import RemotePeer
from docstore.replication.replicator import Progress, Replicator

FIRST_DAY: Final = 1_735_689_600
"""Scenario time begins on 1 January 2025, 00:00 UTC: checkpoints carry dates."""

PATIENCE: Final = 60.0
"""Real seconds after which a run is given up, lest an experiment hang."""

CONNECTIONS: Final = 4


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run ended: what it wrote, and why it did not get to its end, if it did not."""

    written: int = 0
    refused: int = 0
    failure: str = ""


async def replicate(
    source: LabNode,
    target: LabNode,
    near: LabNode,
    far_url: str,
    *,
    random: Random,
    clock: Callable[[], float],
    pause: Callable[[float], Awaitable[None]],
    on_progress: Callable[[], None],
) -> RunResult:
    """Run a one-shot replication at the node ``near``, which is the source or the target; the other is at ``far_url``.

    ``clock`` and ``pause`` are in scenario time. A failure is a result. Raises CancelledError.
    """
    far = target if near is source else source
    url = f"{far_url}/{DATABASE}"
    async with AsyncExitStack() as stack:
        here = LocalPeer(near.registry, DATABASE, retries=0)
        stack.push_async_callback(here.close)
        there = RemotePeer(
            url,
            RemoteOptions(http_connections=CONNECTIONS, retries_per_request=0, connection_timeout=PATIENCE),
        )
        stack.push_async_callback(there.close)
        pair: tuple[Peer, Peer] = (here, there) if near is source else (there, here)
        ends = Endpoint(source.name), Endpoint(target.name)
        counts: list[tuple[int, int]] = []

        def progressed(progress: Progress) -> None:
            if not counts:  # before anything is moved; the counts go on from the checkpoint's
                counts.append((progress.statistics.docs_written, progress.statistics.doc_write_failures))
            on_progress()

        replicator = Replicator(
            *pair,
            ReplicationOptions(*ends, worker_processes=1, retries_per_request=0),
            replication_id=replication_id(source.name, target.name),
            clock=lambda: FIRST_DAY + clock(),
            new_session_id=lambda: random.randbytes(16).hex(),
            on_progress=progressed,
            wait=pause,
        )
        failure = ""
        try:
            async with asyncio.timeout(PATIENCE):
                await replicator.run()
        except DocstoreError as error:
            failure = error.reason.replace(url, far.name)
        except TimeoutError:
            failure = f"gave up after {PATIENCE:g} real seconds"
    if not counts:
        return RunResult(failure=failure)
    statistics, (written, refused) = replicator.progress.statistics, counts[0]
    return RunResult(statistics.docs_written - written, statistics.doc_write_failures - refused, failure)


def replication_id(source: str, target: str) -> str:
    """The id under which the nodes keep the checkpoints of replications from one to the other."""
    return md5(f"{source} to {target}".encode(), usedforsecurity=False).hexdigest()
