"""Which replication jobs run now: whose turn it is, and who has to make room.

Owns that decision. A value in, a value out: it starts and stops nothing, knows neither a clock nor what a job does.
Follows ``couch_replicator_scheduler`` of CouchDB (``stop_excess_jobs``, ``rotate_jobs``) with two differences. A job
that waits because it crashed makes nobody give way. And where CouchDB keeps books of shares that fade with time
(``couch_replicator_share``), owners take turns here: the next one to start a job is the one with the fewest running
jobs, among equals the one that has waited longest.

The rules, in the order in which they count:

1. Never more than ``max_jobs`` at a time. If there are, the longest running ones stop, continuous ones first.
2. One-shot jobs are not stopped for others: they would not replicate one state of the source any more.
3. Where all places are taken, continuous jobs make room for those that wait, at most ``max_churn`` of them a turn:
   first of the owner with the most running jobs, there the longest running one.
4. Free places go to jobs that wait, in each owner's turn to the one that has waited longest.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from heapq import heapify, heappop, heapreplace
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Standing:
    """A job as the decision sees it.

    ``owner``    those whose jobs share places fairly: a ``_replicator`` database, or a user
    ``started``  when it was started last, 0 for never
    ``ready``    it may not be started before this time
    """

    id: str
    owner: str
    continuous: bool
    running: bool
    started: float = 0.0
    ready: float = 0.0


class Plan(NamedTuple):
    """What to do: stop these, then start those, in this order."""

    stop: tuple[str, ...]
    start: tuple[str, ...]


def plan_turn(jobs: Collection[Standing], *, now: float, max_jobs: int, max_churn: int) -> Plan:
    """The decision for this moment. ``max_churn`` 0: nobody is stopped just to make room."""
    running = [job for job in jobs if job.running]
    waiting = [job for job in jobs if not job.running and job.ready <= now]
    stopped = _excess(running, max_jobs)
    churn = max(0, max_churn - len(stopped))
    running = _without(running, stopped)
    wanted = len(waiting) - (max_jobs - len(running))
    making_room = _longest_running(running, min(wanted, churn))
    running = _without(running, making_room)
    free = max(0, max_jobs - len(running))
    return Plan(
        tuple(job.id for job in (*stopped, *making_room)),
        tuple(job.id for job in _next(waiting, running, jobs, free)),
    )


def _excess(running: list[Standing], max_jobs: int) -> list[Standing]:
    """The jobs that are too many."""
    surplus = len(running) - max_jobs
    if surplus <= 0:
        return []
    return sorted(running, key=lambda job: (not job.continuous, job.started, job.id))[:surplus]


def _longest_running(running: list[Standing], count: int) -> list[Standing]:
    """So many continuous jobs (or as many as there are) that make room."""
    if count <= 0:
        return []
    held = Counter(job.owner for job in running)
    queues = _by_owner(job for job in running if job.continuous)
    owners = [(-held[owner], queue[-1].started, owner) for owner, queue in queues.items()]
    heapify(owners)
    chosen: list[Standing] = []
    while owners and len(chosen) < count:
        places, _, owner = owners[0]
        queue = queues[owner]
        chosen.append(queue.pop())
        if queue:
            heapreplace(owners, (places + 1, queue[-1].started, owner))
        else:
            heappop(owners)
    return chosen


def _next(waiting: list[Standing], running: list[Standing], jobs: Collection[Standing], count: int) -> list[Standing]:
    """The jobs that get the free places, in turns of their owners."""
    if not count or not waiting:
        return []
    held = Counter(job.owner for job in running)
    served: dict[str, float] = {}
    for job in jobs:
        served[job.owner] = max(served.get(job.owner, 0.0), job.started)
    queues = _by_owner(waiting)
    owners = [(held[owner], served[owner], owner) for owner in queues]
    heapify(owners)
    chosen: list[Standing] = []
    while owners and len(chosen) < count:
        places, last, owner = owners[0]
        queue = queues[owner]
        chosen.append(queue.pop())
        if queue:
            heapreplace(owners, (places + 1, last, owner))
        else:
            heappop(owners)
    return chosen


def _by_owner(jobs: Iterable[Standing]) -> dict[str, list[Standing]]:
    """The jobs of each owner, those that were started first last."""
    queues: defaultdict[str, list[Standing]] = defaultdict(list)
    for job in sorted(jobs, key=lambda job: (job.started, job.id), reverse=True):
        queues[job.owner].append(job)
    return queues


def _without(jobs: list[Standing], others: list[Standing]) -> list[Standing]:
    if not others:
        return jobs
    gone = {job.id for job in others}
    return [job for job in jobs if job.id not in gone]
