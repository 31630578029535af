"""The replicator between databases of plain dicts: what it brings, counts, writes down, and leaves behind."""

import asyncio
from collections.abc import Callable

import pytest

from docstore.core.json_text import JsonValue
from docstore.errors import DocstoreError
from docstore.replication.checkpoint import CheckpointFailed
from docstore.replication.errors import PeerBroken, PeerNotFound, PeerUnreachable
from docstore.replication.options import Endpoint, ReplicationOptions
from docstore.replication.peer import FetchedDoc, Peer
from docstore.replication.replicator import Progress, Replicator, Summary
from docstore.replication.statistics import Statistics
from tests.replication.memory_peer import FaultyPeer, MemoryPeer

ID = "0123456789abcdef0123456789abcdef"
NOON = 1_700_000_000.0


class Runs:
    """Replications of one job: sessions are numbered, the clock goes a second at each look."""

    def __init__(self) -> None:
        self.sessions = 0
        self.time = NOON
        self.waited: list[float] = []
        self.seen: list[Progress] = []

    def replicator(self, source: Peer, target: Peer, **options: object) -> Replicator:
        on_progress = options.pop("on_progress", self.seen.append)
        accepts = options.pop("accepts", None)
        statistics = options.pop("statistics", None)
        return Replicator(
            source,
            target,
            ReplicationOptions(Endpoint("a"), Endpoint("b"), **options),
            replication_id=ID,
            clock=self.clock,
            new_session_id=self.new_session,
            on_progress=on_progress,
            accepts=accepts,
            statistics=statistics,
            wait=self.wait,
        )

    async def run(self, source: Peer, target: Peer, **options: object) -> Summary:
        return await self.replicator(source, target, **options).run()

    def clock(self) -> float:
        self.time += 1
        return self.time

    def new_session(self) -> str:
        self.sessions += 1
        return f"session{self.sessions}"

    async def wait(self, seconds: float) -> None:
        self.waited.append(seconds)


@pytest.fixture
def runs() -> Runs:
    return Runs()


@pytest.fixture
async def source() -> MemoryPeer:
    peer = MemoryPeer("source")
    peer.put("a", "1-a", n=1)
    peer.put("b", "1-a", n=2)
    peer.put("b", "2-b", "1-a", n=3)
    peer.put("b", "2-c", "1-a", n=4)
    peer.put("gone", "2-d", "1-a", deleted=True)
    peer.put("_design/d", "1-a")
    return peer


@pytest.fixture
async def target() -> MemoryPeer:
    return MemoryPeer("target")


def checkpoint(peer: MemoryPeer) -> dict[str, JsonValue]:
    return {name: value for name, value in peer.locals[ID].items() if not name.startswith("_")}


async def test_everything_goes_over_and_is_counted_as_in_couchdb(
    runs: Runs, source: MemoryPeer, target: MemoryPeer
) -> None:
    summary = await runs.run(source, target)
    assert target.leaves() == source.leaves()
    assert summary.statistics == Statistics(5, 5, 5, 5, 0, 4, 4)
    assert not summary.no_changes
    counters = {
        "missing_checked": 5,
        "missing_found": 5,
        "docs_read": 5,
        "docs_written": 5,
        "doc_write_failures": 0,
        "bulk_get_docs": 4,
        "bulk_get_attempts": 4,
    }
    assert summary.members == {
        "session_id": "session1",
        "source_last_seq": 6,
        "replication_id_version": 4,
        "history": [
            {
                "session_id": "session1",
                "start_time": "Tue, 14 Nov 2023 22:13:21 GMT",
                "end_time": "Tue, 14 Nov 2023 22:13:22 GMT",
                "start_last_seq": 0,
                "end_last_seq": 6,
                "recorded_seq": 6,
                **counters,
            }
        ],
    }
    assert list(summary.members) == ["session_id", "source_last_seq", "replication_id_version", "history"]
    assert checkpoint(source) == checkpoint(target) == summary.members


async def test_a_second_run_without_changes_answers_with_what_was_written_down(
    runs: Runs, source: MemoryPeer, target: MemoryPeer
) -> None:
    first = await runs.run(source, target)
    writes = source.calls["put_local"]
    second = await runs.run(source, target)
    assert second.no_changes
    assert second.members == {"no_changes": True, **first.members}
    assert next(iter(second.members)) == "no_changes"
    assert source.calls["put_local"] == writes
    assert source.requests[-1].since == 6


async def test_a_later_run_goes_on_counting_and_keeps_the_history(
    runs: Runs, source: MemoryPeer, target: MemoryPeer
) -> None:
    first = await runs.run(source, target)
    source.put("z", "1-f")
    second = await runs.run(source, target)
    assert second.statistics == Statistics(6, 6, 6, 6, 0, 5, 5)
    assert second.members["history"][1:] == first.members["history"]
    assert second.members["history"][0]["start_last_seq"] == 6


async def test_the_history_has_no_more_than_fifty_sessions(runs: Runs, source: MemoryPeer, target: MemoryPeer) -> None:
    for number in range(60):
        source.put(f"doc{number}", "1-a")
        await runs.run(source, target)
    sessions = [entry["session_id"] for entry in checkpoint(target)["history"]]
    assert sessions == [f"session{number}" for number in range(60, 10, -1)]


async def test_doc_ids_give_the_flat_reply(runs: Runs, source: MemoryPeer, target: MemoryPeer) -> None:
    summary = await runs.run(source, target, doc_ids=("a", "nobody"))
    assert target.leaves() == {"a": ["1-a"]}
    assert list(summary.members) == [
        "session_id",
        "source_last_seq",
        "replication_id_version",
        "start_time",
        "end_time",
        "docs_read",
        "docs_written",
        "doc_write_failures",
        "history",
    ]
    assert summary.members["docs_written"] == 1


async def test_an_empty_source_leaves_no_checkpoint(runs: Runs, target: MemoryPeer) -> None:
    summary = await runs.run(MemoryPeer(), target)
    assert summary.members == {"no_changes": True}
    assert not target.locals


async def test_only_winners_if_so_asked(runs: Runs, source: MemoryPeer, target: MemoryPeer) -> None:
    await runs.run(source, target, winning_revs_only=True)
    assert target.leaves()["b"] == ["2-c"]


async def test_since_seq_counts_more_than_a_checkpoint(runs: Runs, source: MemoryPeer, target: MemoryPeer) -> None:
    summary = await runs.run(source, target, since_seq=4)
    assert set(target.trees) == {"gone", "_design/d"}
    assert summary.members["history"][0]["start_last_seq"] == 4


async def test_the_request_for_changes_has_all_that_chooses(runs: Runs, source: MemoryPeer, target: MemoryPeer) -> None:
    def accepts(document: dict[str, JsonValue]) -> bool:
        return True

    await runs.run(
        source,
        target,
        filter="d/f",
        query_params={"x": 1},
        accepts=accepts,
        worker_batch_size=7,
        connection_timeout=9.0,
    )
    await runs.run(source, target, selector={"n": 1})
    [first, second] = source.requests
    assert (first.filter, first.query_params, first.accepts) == ("d/f", {"x": 1}, accepts)
    assert (first.batch_rows, first.heartbeat) == (7, 3.0)
    assert second.selector == {"n": 1}


async def test_a_target_can_be_created(runs: Runs, source: MemoryPeer) -> None:
    target = MemoryPeer("target", exists=False)
    await runs.run(source, target, create_target=True, create_target_params={"q": 4, "partitioned": True, "n": None})
    assert target.created_with == {"q": "4", "partitioned": "true"}
    assert target.leaves() == source.leaves()


async def test_a_missing_end_is_told_before_anything_is_done(runs: Runs, source: MemoryPeer) -> None:
    with pytest.raises(PeerNotFound, match="could not open nowhere"):
        await runs.run(source, MemoryPeer("nowhere", exists=False))
    assert not source.requests


async def test_refused_documents_are_counted_and_nothing_else(
    runs: Runs, source: MemoryPeer, target: MemoryPeer
) -> None:
    target.refuses = lambda doc: ("forbidden", "no") if doc.id == "a" else None
    summary = await runs.run(source, target)
    assert summary.statistics.docs_written == 4
    assert summary.statistics.doc_write_failures == 1
    assert summary.members["source_last_seq"] == 6
    assert "a" not in target.trees
    assert (await runs.run(source, target)).no_changes


async def test_without_checkpoints_nothing_is_written_down(runs: Runs, source: MemoryPeer, target: MemoryPeer) -> None:
    summary = await runs.run(source, target, use_checkpoints=False)
    assert summary.members == {"use_checkpoints": False}
    assert not source.locals
    assert not target.locals
    assert target.leaves() == source.leaves()


async def test_progress_has_couchdbs_members(runs: Runs, source: MemoryPeer, target: MemoryPeer) -> None:
    replicator = runs.replicator(source, target, worker_batch_size=2)
    await replicator.run()
    assert replicator.progress.members() == {
        "revisions_checked": 5,
        "missing_revisions_found": 5,
        "docs_read": 5,
        "docs_written": 5,
        "changes_pending": 0,
        "doc_write_failures": 0,
        "bulk_get_docs": 4,
        "bulk_get_attempts": 4,
        "checkpointed_source_seq": 6,
        "source_seq": 6,
        "through_seq": 6,
    }
    assert runs.seen[0] is replicator.progress


async def test_what_earlier_runs_of_the_job_counted_is_not_forgotten(
    runs: Runs, source: MemoryPeer, target: MemoryPeer
) -> None:
    replicator = runs.replicator(source, target, statistics=Statistics(missing_checked=100))
    summary = await replicator.run()
    assert summary.statistics.missing_checked == 105


# --- batches at the same time


class Gates(MemoryPeer):
    """A target at which each batch waits until the test lets it go on."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.waiting: dict[str, asyncio.Event] = {}
        self.arrived = asyncio.Condition()

    async def write(self, docs: "list[FetchedDoc]") -> list:
        gate = self.waiting[docs[0].id] = asyncio.Event()
        async with self.arrived:
            self.arrived.notify_all()
        await gate.wait()
        return await super().write(docs)

    async def until(self, *doc_ids: str) -> None:
        async with asyncio.timeout(5), self.arrived:
            await self.arrived.wait_for(lambda: set(doc_ids) <= set(self.waiting))


def numbered(count: int) -> MemoryPeer:
    source = MemoryPeer("source")
    for number in range(1, count + 1):
        source.put(f"doc{number}", "1-a")
    return source


async def test_no_more_batches_are_at_work_than_there_are_workers(runs: Runs) -> None:
    source, target = numbered(6), Gates("target")
    run = asyncio.create_task(runs.run(source, target, worker_processes=3, worker_batch_size=1))
    await target.until("doc1", "doc2", "doc3")
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(target.waiting) == 3
    target.waiting["doc2"].set()
    await target.until("doc4")
    assert len(target.waiting) == 4
    run.cancel()
    await asyncio.wait([run])


async def test_a_checkpoint_never_passes_over_a_batch_that_is_not_done(runs: Runs) -> None:
    source, target = numbered(4), Gates("target")
    moved = asyncio.Event()
    replicator = runs.replicator(
        source, target, worker_processes=3, worker_batch_size=1, on_progress=lambda progress: moved.set()
    )
    run = asyncio.create_task(replicator.run())
    await target.until("doc1", "doc2", "doc3")
    target.waiting["doc1"].set()
    target.waiting["doc3"].set()
    await until(moved, lambda: replicator.progress.source_seq == 3)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert set(target.trees) == {"doc1", "doc3"}
    assert checkpoint(source)["source_last_seq"] == checkpoint(target)["source_last_seq"] == 1
    assert (replicator.progress.through_seq, replicator.progress.changes_pending) == (1, 3)
    target.write = super(Gates, target).write
    await runs.run(source, target)
    assert target.leaves() == source.leaves()


async def test_checkpoints_come_in_their_interval_while_batches_are_at_work(runs: Runs) -> None:
    source, target = numbered(3), Gates("target")
    seen = asyncio.Event()

    def look(progress: Progress) -> None:
        if progress.checkpointed_source_seq == 1:
            seen.set()

    options = {"worker_processes": 2, "worker_batch_size": 1, "checkpoint_interval": 0.0}
    run = asyncio.create_task(runs.run(source, target, on_progress=look, **options))
    await target.until("doc1", "doc2")
    target.waiting["doc1"].set()
    async with asyncio.timeout(5):
        await seen.wait()
    assert checkpoint(target)["source_last_seq"] == 1
    await target.until("doc3")
    for doc_id in ("doc2", "doc3"):
        target.waiting[doc_id].set()
    await run
    assert [entry["session_id"] for entry in checkpoint(target)["history"]] == ["session1"]


# --- continuous


async def test_a_continuous_run_goes_on_and_writes_a_checkpoint_when_it_is_cancelled(
    runs: Runs, source: MemoryPeer, target: MemoryPeer
) -> None:
    moved = asyncio.Event()
    replicator = runs.replicator(source, target, continuous=True, on_progress=lambda progress: moved.set())
    run = asyncio.create_task(replicator.run())
    await until(moved, lambda: target.leaves() == source.leaves())
    source.put("later", "1-a")
    await until(moved, lambda: replicator.progress.through_seq == source.seq)
    assert "later" in target.trees
    assert not target.locals
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert checkpoint(target)["source_last_seq"] == source.seq
    assert (await runs.run(source, target)).no_changes


async def test_a_continuous_run_writes_checkpoints_while_nothing_happens(
    runs: Runs, source: MemoryPeer, target: MemoryPeer
) -> None:
    moved = asyncio.Event()
    run = asyncio.create_task(
        runs.run(source, target, continuous=True, checkpoint_interval=0.01, on_progress=lambda progress: moved.set())
    )
    await until(moved, lambda: ID in target.locals)
    assert checkpoint(target)["source_last_seq"] == source.seq
    written = target.calls["put_local"]
    source.put("later", "1-a")
    await until(moved, lambda: target.calls["put_local"] == written + 1)
    run.cancel()
    await asyncio.wait([run])
    assert target.calls["put_local"] == written + 1


@pytest.mark.parametrize("end", ["source", "target"])
@pytest.mark.parametrize("instances", [True, False])
async def test_a_continuous_run_notices_an_end_that_went_back_though_nothing_happens(
    runs: Runs, source: MemoryPeer, target: MemoryPeer, monkeypatch: pytest.MonkeyPatch, end: str, instances: bool
) -> None:
    """By when the end says that it began, or by the checkpoint that is not there any more."""
    monkeypatch.setattr("docstore.replication.replicator.IDLE_LOOK_SECONDS", 0.01)
    moved = asyncio.Event()
    replicator = runs.replicator(
        source, target, continuous=True, checkpoint_interval=0.01, on_progress=lambda progress: moved.set()
    )
    run = asyncio.create_task(replicator.run())
    await until(moved, lambda: replicator.progress.checkpointed_source_seq == source.seq)
    went_back = {"source": source, "target": target}[end]
    if instances:
        went_back.started = "2"
    else:
        del went_back.locals[ID]
    async with asyncio.timeout(10):
        with pytest.raises(CheckpointFailed):
            await run


async def test_an_end_that_cannot_be_looked_at_does_not_end_a_continuous_run(
    runs: Runs, source: MemoryPeer, target: MemoryPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("docstore.replication.replicator.IDLE_LOOK_SECONDS", 0.01)
    moved = asyncio.Event()
    looks = 0

    def fault(name: str, moment: str) -> None:
        nonlocal looks
        if name == "info":
            looks += 1
            moved.set()
            if looks > 1:
                raise PeerUnreachable("away")

    run = asyncio.create_task(runs.run(source, FaultyPeer(target, fault), continuous=True))
    await until(moved, lambda: looks > 3)
    source.put("later", "1-a")
    await until(moved, lambda: "later" in target.trees)
    run.cancel()
    await asyncio.wait([run])


async def until(moved: asyncio.Event, holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not holds():
            await moved.wait()
            moved.clear()


# --- what goes wrong


def failing(method: str, when: str = "before", error: BaseException | None = None, *, after: int = 0) -> Callable:
    """A fault of one method, at its ``after``-th call and from then on."""
    left = after

    def fault(name: str, moment: str) -> None:
        nonlocal left
        if (name, moment) == (method, when):
            left -= 1
            if left < 0:
                raise error or PeerUnreachable("cut")

    return fault


@pytest.mark.parametrize("method", ["revs_diff", "write", "changes", "fetch"])
async def test_a_run_that_fails_leaves_no_checkpoint_beyond_what_is_there(
    runs: Runs, source: MemoryPeer, target: MemoryPeer, method: str
) -> None:
    ends = {"source": source, "target": target}
    end = "source" if method in ("changes", "fetch") else "target"
    ends[end] = FaultyPeer(ends[end], failing(method, after=0 if method == "changes" else 1))
    with pytest.raises(PeerUnreachable):
        await runs.run(ends["source"], ends["target"], worker_batch_size=1, worker_processes=1)
    assert not target.locals
    await runs.run(source, target)
    assert target.leaves() == source.leaves()


async def test_tasks_end_with_the_run_that_fails(runs: Runs) -> None:
    source, target = numbered(6), Gates("target")
    broken = FaultyPeer(source, failing("fetch", after=2))
    with pytest.raises(PeerUnreachable):
        await runs.run(broken, target, worker_processes=3, worker_batch_size=1)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_source_made_anew_ends_the_run_and_the_next_one_begins_with_it(
    runs: Runs, source: MemoryPeer, target: MemoryPeer
) -> None:
    await runs.run(source, target)
    source.put("z", "1-a")

    def recreate(progress: Progress) -> None:
        if progress.statistics.docs_written == 6 and source.started == "1":
            source.recreate()
            source.put("new", "1-e")

    with pytest.raises(CheckpointFailed) as failed:
        await runs.run(source, target, on_progress=recreate)
    assert failed.value.error == "checkpoint_commit_failure"
    assert failed.value.reason == "instance_start_time on source database has changed since last checkpoint."
    assert not source.locals
    await runs.run(source, target)
    assert target.leaves()["new"] == ["1-e"]
    assert source.requests[-1].since == 0


async def test_a_target_made_anew_ends_the_run_and_the_next_one_brings_everything(
    runs: Runs, source: MemoryPeer, target: MemoryPeer
) -> None:
    await runs.run(source, target)
    source.put("z", "1-a")

    def recreate(progress: Progress) -> None:
        if progress.statistics.docs_written == 6 and target.started == "1":
            target.recreate()

    with pytest.raises(CheckpointFailed, match="on target database"):
        await runs.run(source, target, on_progress=recreate)
    await runs.run(source, target)
    assert target.leaves() == source.leaves()


async def test_without_checkpoints_a_target_made_anew_is_noticed_too(
    runs: Runs, source: MemoryPeer, target: MemoryPeer
) -> None:
    def recreate(progress: Progress) -> None:
        if progress.statistics.docs_written == 5 and target.started == "1":
            target.recreate()

    with pytest.raises(CheckpointFailed, match="on target database"):
        await runs.run(source, target, on_progress=recreate, use_checkpoints=False)


@pytest.mark.parametrize("end", ["source", "target"])
async def test_a_checkpoint_lost_at_one_end_means_a_full_scan(
    runs: Runs, source: MemoryPeer, target: MemoryPeer, end: str
) -> None:
    await runs.run(source, target)
    {"source": source, "target": target}[end].locals.clear()
    summary = await runs.run(source, target)
    assert source.requests[-1].since == 0
    assert summary.statistics == Statistics(missing_checked=5)
    assert checkpoint(source) == checkpoint(target)
    assert [entry["session_id"] for entry in checkpoint(source)["history"]] == ["session2"]


async def test_a_checkpoint_written_at_one_end_only_means_going_on_from_the_one_before(
    runs: Runs, source: MemoryPeer, target: MemoryPeer
) -> None:
    await runs.run(source, target)
    source.put("y", "1-a")
    with pytest.raises(PeerUnreachable):
        await runs.run(source, FaultyPeer(target, failing("put_local")))
    assert checkpoint(source)["session_id"] == "session2"
    assert checkpoint(target)["session_id"] == "session1"
    source.put("z", "1-a")
    await runs.run(source, target)
    assert source.requests[-1].since == 6
    assert target.leaves() == source.leaves()
    assert checkpoint(source) == checkpoint(target)


async def test_another_replicators_checkpoint_is_a_conflict(runs: Runs, source: MemoryPeer, target: MemoryPeer) -> None:
    target.checks_locals = True

    def interfere(progress: Progress) -> None:
        if progress.statistics.docs_written == 5 and ID not in target.locals:
            target.locals[ID] = {"_rev": "0-9", "session_id": "somebody else"}

    with pytest.raises(CheckpointFailed, match="Error updating the target checkpoint document: conflict"):
        await runs.run(source, target, on_progress=interfere)
    await runs.run(source, target)
    assert checkpoint(source) == checkpoint(target)


async def test_a_conflict_with_the_same_session_is_an_answer_that_was_lost(
    runs: Runs, source: MemoryPeer, target: MemoryPeer
) -> None:
    source.checks_locals = target.checks_locals = True

    class Forgetful(MemoryPeer):
        async def put_local(self, doc_id: str, body: dict[str, JsonValue]) -> str:
            if not target.locals:
                await target.put_local(doc_id, body)
            return await target.put_local(doc_id, body)

    forgetful = Forgetful("target", trees=target.trees, bodies=target.bodies, locals=target.locals)
    await runs.run(source, forgetful)
    assert checkpoint(source) == checkpoint(target)


@pytest.mark.parametrize("end", ["source", "target"])
async def test_an_end_that_cannot_tell_what_is_on_disk_gets_no_checkpoint(
    runs: Runs, source: MemoryPeer, target: MemoryPeer, end: str
) -> None:
    ends: dict[str, Peer] = {"source": source, "target": target}
    ends[end] = FaultyPeer(ends[end], failing("ensure_full_commit"))
    with pytest.raises(CheckpointFailed, match=f"Failure on {end} commit: "):
        await runs.run(ends["source"], ends["target"])
    assert not source.locals


async def test_a_cancelled_run_that_cannot_write_a_checkpoint_ends_all_the_same(runs: Runs) -> None:
    source, target = numbered(3), Gates("target")
    broken = FaultyPeer(source, failing("ensure_full_commit"))
    run = asyncio.create_task(runs.run(broken, target, worker_processes=2, worker_batch_size=1))
    await target.until("doc1", "doc2")
    target.waiting["doc1"].set()
    await target.until("doc3")
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert not source.locals


# --- revisions that the source does not give


async def test_a_revision_that_was_purged_meanwhile_is_not_missed(
    runs: Runs, source: MemoryPeer, target: MemoryPeer
) -> None:
    class Purging(MemoryPeer):
        async def revs_diff(self, revs: dict[str, list[str]]) -> dict:
            if "a" in source.trees:
                source.purge("a", "1-a")
            return await super().revs_diff(revs)

    purging = Purging("target")
    summary = await runs.run(source, purging)
    assert purging.leaves() == source.leaves()
    assert summary.statistics.missing_found == 5
    assert summary.statistics.docs_read == 4
    assert runs.waited == [2.0]


async def test_a_revision_that_comes_late_is_asked_for_again(
    runs: Runs, source: MemoryPeer, target: MemoryPeer
) -> None:
    source.lost.add(("a", "1-a"))

    async def wait(seconds: float) -> None:
        source.lost.clear()

    runs.wait = wait
    await runs.run(source, target)
    assert target.leaves() == source.leaves()


async def test_a_leaf_that_the_source_does_not_give_fails_the_run(
    runs: Runs, source: MemoryPeer, target: MemoryPeer
) -> None:
    source.lost.add(("a", "1-a"))
    with pytest.raises(PeerBroken, match="has revision 1-a of 'a' and does not give it"):
        await runs.run(source, target)
    assert not target.locals


async def test_a_revision_that_goes_while_it_is_sent_is_asked_for_again(
    runs: Runs, source: MemoryPeer, target: MemoryPeer
) -> None:
    refused = []

    def once(doc: FetchedDoc) -> tuple[str, str] | None:
        if doc.id != "a" or refused:
            return None
        refused.append(doc)
        return "not_found", "missing"

    target.refuses = once
    summary = await runs.run(source, target)
    assert refused
    assert target.leaves() == source.leaves()
    assert summary.statistics.docs_read == summary.statistics.docs_written == 5
    assert summary.statistics.doc_write_failures == 0


async def test_errors_are_the_projects_own(runs: Runs, source: MemoryPeer) -> None:
    with pytest.raises(DocstoreError) as failed:
        await runs.run(source, MemoryPeer("http://host/db/", exists=False))
    assert (failed.value.error, failed.value.reason) == ("db_not_found", "could not open http://host/db/")
