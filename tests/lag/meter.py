"""The loop's own lag, measured from inside: a heartbeat that is due each millisecond, and why it came late.

Owns the measure. A beat that is late was kept waiting by a callback that ran too long, by a thread that held the
interpreter in one long call, or by other programs that had the processor. Only the first two are ours. What another
program took is known: Linux counts for each thread the time that it waited for a processor (``schedstat``), and while
we are kept waiting by somebody else this process uses no processor either. So of a late beat at most so much is ours::

    min(late - time that the loop's thread waited for a processor, processor time of the whole process meanwhile)

``held`` of that is what the loop's own thread worked; the rest is the interpreter held by other threads. The garbage
collector holds it too, in whichever thread it happens to run: its longest pause is told beside.
"""

import gc
import os
import time
from asyncio import AbstractEventLoop
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import get_native_id

BEAT: float = 0.001

STEPS: int = 200_000
REFERENCE: float = 0.010
"""Seconds of the processor for so many steps on the machine for which limits are meant."""


def slowness() -> float:
    """How many times slower than that this machine is just now; 1 for one that is faster."""
    began = time.thread_time()
    total = 0
    for step in range(STEPS):
        total += step
    return max(1.0, (time.thread_time() - began) / REFERENCE)


@dataclass
class Lag:
    """The worst beat, in milliseconds: ``late`` by the clock, ``stall`` and ``held`` as above; ``collector``."""

    stall: float = 0.0
    held: float = 0.0
    late: float = 0.0
    collector: float = 0.0
    beats: int = 0

    def members(self) -> dict[str, float]:
        return asdict(self)


class LoopMeter:
    """Beats on a loop from ``start`` on; to be made on the loop's thread. ``read`` gives the worst since the last."""

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        schedstat = Path(f"/proc/self/task/{get_native_id()}/schedstat")
        self._schedstat = os.open(schedstat, os.O_RDONLY) if schedstat.exists() else -1
        self._worst = Lag()
        self._collection_began = 0.0
        self._last = (0.0, 0.0, 0.0, 0.0)

    def start(self) -> None:
        gc.callbacks.append(self._collecting)
        self._last = self._now()
        self._loop.call_later(BEAT, self._beat)

    def read(self) -> Lag:
        worst, self._worst = self._worst, Lag()
        return worst

    def _beat(self) -> None:
        now = self._now()
        clock, waited, own, whole = (after - before for after, before in zip(now, self._last, strict=True))
        late = max(clock - BEAT, 0.0)
        worst = self._worst
        worst.beats += 1
        worst.late = max(worst.late, late * 1000)
        stall = max(min(late - waited, whole), 0.0) * 1000
        if stall > worst.stall:
            worst.stall, worst.held = stall, min(own * 1000, stall)
        self._last = self._now()
        self._loop.call_later(BEAT, self._beat)

    def _collecting(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self._collection_began = time.thread_time()
        else:
            pause = (time.thread_time() - self._collection_began) * 1000
            self._worst.collector = max(self._worst.collector, pause)

    def _now(self) -> tuple[float, float, float, float]:
        waited = int(os.pread(self._schedstat, 64, 0).split()[1]) / 1e9 if self._schedstat >= 0 else 0.0
        return time.perf_counter(), waited, time.thread_time(), time.process_time()
