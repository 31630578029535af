"""Ends that go back in time between the runs of a replication: whatever happens, the last run leaves nothing out."""

from contextlib import suppress
from copy import deepcopy

from hypothesis import given, settings
from hypothesis import strategies as st

from docstore.errors import DocstoreError
from docstore.replication.errors import PeerUnreachable
from docstore.replication.options import Endpoint, ReplicationOptions
from docstore.replication.replicator import Replicator
from tests.replication.memory_peer import FaultyPeer, MemoryPeer

STATE = ("trees", "bodies", "locals", "seqs", "seq")
ENDS = st.sampled_from(["source", "target"])
EVENTS = st.one_of(
    st.tuples(st.just("write"), st.integers(1, 4)),
    st.tuples(st.just("run"), st.integers(0, 60), ENDS, st.integers(0, 60)),
    st.tuples(st.just("restore"), ENDS, st.integers(0, 5)),
)


class History:
    """Two ends whose sequences are bare numbers, so that nothing but the checkpoints can tell that one went back."""

    def __init__(self) -> None:
        self.ends = {"source": MemoryPeer("source"), "target": MemoryPeer("target")}
        self.copies = {name: [self._state(name)] for name in self.ends}
        self.runs = 0
        self.documents = 0

    def _state(self, name: str) -> dict[str, object]:
        return deepcopy({member: getattr(self.ends[name], member) for member in STATE})

    def write(self, count: int) -> None:
        for _ in range(count):
            self.documents += 1
            self.ends["source"].put(f"doc{self.documents}", "1-a")

    def restore(self, name: str, which: int) -> None:
        copies = self.copies[name]
        for member, value in deepcopy(copies[which % len(copies)]).items():
            setattr(self.ends[name], member, value)

    async def run(self, calls: int, copied: str, at_call: int) -> None:
        """A run that breaks off after so many calls, during which an end is copied."""
        done = 0

        def fault(method: str, when: str) -> None:
            nonlocal done
            done += 1
            if done == at_call:
                self.copies[copied].append(self._state(copied))
            if done > calls:
                raise PeerUnreachable("broken off")

        with suppress(DocstoreError):
            await self._replicate(*[FaultyPeer(end, fault) for end in self.ends.values()])

    async def _replicate(self, source: object, target: object) -> None:
        """Each change is a batch, each batch has a checkpoint."""
        self.runs += 1
        session = f"session{self.runs}"
        await Replicator(
            source,
            target,
            ReplicationOptions(
                Endpoint("a"), Endpoint("b"), worker_batch_size=1, worker_processes=1, checkpoint_interval=0.0
            ),
            replication_id="id",
            clock=lambda: 0.0,
            new_session_id=lambda: session,
        ).run()

    async def end(self) -> set[str]:
        """The documents that the target lacks after a last run that nothing disturbs."""
        await self._replicate(*self.ends.values())
        return set(self.ends["source"].trees) - set(self.ends["target"].trees)


@settings(max_examples=200, deadline=None)
@given(st.lists(EVENTS, min_size=4, max_size=12))
async def test_nothing_is_left_out(events: list[tuple]) -> None:
    history = History()
    for name, *arguments in events:
        happened = getattr(history, name)(*arguments)
        if happened is not None:
            await happened
    assert await history.end() == set()
