"""Snapshots: what they show, how many, and how all of them end when the map must be replaced."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import lmdb
import pytest

from docstore.errors import Unavailable
from docstore.settings import MIB, StorageSettings
from docstore.storage import keys
from docstore.storage.environment import Environment
from docstore.storage.snapshot_gate import SnapshotGate
from docstore.storage.tables import Tables
from docstore.storage.transactions import Snapshot

FOREVER = 60.0


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[Environment]:
    settings = StorageSettings(map_size=MIB, map_size_smallest=MIB, max_snapshots=8)
    with Environment.open(tmp_path, settings) as opened:
        yield opened


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[lmdb.Environment]:
    path = str(tmp_path / "bare")
    with lmdb.open(path, subdir=False, sync=False, max_dbs=keys.MAX_TABLES, max_spare_txns=1) as opened:
        yield opened


@pytest.fixture
def make_gate(bare: lmdb.Environment) -> Callable[[float], SnapshotGate]:
    tables = Tables.open(bare)
    return lambda max_age: SnapshotGate(bare.begin, tables, max_snapshots=8, max_age=max_age)


@pytest.fixture
def gate(make_gate: Callable[[float], SnapshotGate]) -> SnapshotGate:
    return make_gate(FOREVER)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as threads:
        yield threads


def put(environment: Environment, key: bytes, value: bytes) -> None:
    transaction = environment.begin_write()
    try:
        transaction.put(transaction.tables.docs, key, value)
        transaction.transaction.commit()
    finally:
        transaction.transaction.abort()


def value_of(snapshot: Snapshot, key: bytes) -> bytes | None:
    return snapshot.get(snapshot.tables.docs, key)


def wait_until_waiting(gate: SnapshotGate) -> None:
    """Until another thread's ``run_alone`` waits for us; it holds the lock until it does."""
    for _ in range(10_000):
        if gate.waiting_since is not None:
            return
        threading.Event().wait(0.001)
    raise AssertionError("nobody waits at the gate")


def test_a_snapshot_shows_one_commit(environment: Environment) -> None:
    put(environment, b"a", b"1")
    with environment.snapshot() as before:
        put(environment, b"a", b"2")
        with environment.snapshot() as after:
            assert (value_of(before, b"a"), value_of(after, b"a")) == (b"1", b"2")
            assert after.txnid == before.txnid + 1


def test_only_so_many_are_open(environment: Environment) -> None:
    held = [environment.snapshot() for _ in range(8)]
    with pytest.raises(Unavailable, match="Too many snapshots"):
        environment.snapshot()
    held[3].close()
    held[3].close()
    assert environment.open_snapshots == 7
    environment.snapshot().close()


def test_a_closed_snapshot_answers_nothing(environment: Environment) -> None:
    put(environment, b"a", b"1")
    with environment.snapshot() as snapshot:
        cursor = snapshot.cursor(snapshot.tables.docs)
    assert snapshot.closed
    assert snapshot.expired
    for use in (
        lambda: value_of(snapshot, b"a"),
        lambda: snapshot.getmulti(snapshot.tables.docs, [b"a"]),
        lambda: snapshot.cursor(snapshot.tables.docs),
        lambda: snapshot.txnid,
    ):
        with pytest.raises(Unavailable):
            use()
    with pytest.raises(lmdb.Error):
        cursor.first()


def test_age_makes_it_expire(environment: Environment, make_gate: Callable[[float], SnapshotGate]) -> None:
    gate = make_gate(0.0)
    with gate.open() as snapshot:
        assert snapshot.expired
        assert 0 < snapshot.age <= gate.oldest_age
    assert gate.oldest_age == 0
    with environment.snapshot() as young:
        assert not young.expired


def test_the_oldest_commit_that_is_shown(bare: lmdb.Environment) -> None:
    gate = SnapshotGate(bare.begin, Tables.open(bare), max_snapshots=8, max_age=FOREVER)
    assert gate.oldest_txnid is None
    with gate.open() as old:
        with bare.begin(write=True) as transaction:
            transaction.put(b"k", b"v")
        with gate.open() as young:
            assert young.txnid == old.txnid + 1
            assert gate.oldest_txnid == old.txnid
            old.close()
            assert gate.oldest_txnid == young.txnid
    assert gate.oldest_txnid is None


def test_the_garbage_collector_may_close_one_while_another_is_opened(bare: lmdb.Environment) -> None:
    forgotten: list[Snapshot] = []

    def begin() -> "lmdb.Transaction[bytes]":
        while forgotten:  # as __del__ of a holder would, at any allocation
            forgotten.pop().close()
        return bare.begin()

    gate = SnapshotGate(begin, Tables.open(bare), max_snapshots=8, max_age=FOREVER)
    forgotten.append(gate.open())
    with gate.open() as snapshot:
        assert gate.open_snapshots == 1
        assert value_of(snapshot, b"a") is None


def test_without_snapshots_the_action_runs_at_once_and_its_error_is_raised(gate: SnapshotGate) -> None:
    ran: list[int] = []
    gate.run_alone(lambda: ran.append(1), patience=0)
    with pytest.raises(ZeroDivisionError):
        gate.run_alone(lambda: ran.append(1 // 0), patience=0)
    assert ran == [1]
    with gate.open() as snapshot:
        assert not snapshot.expired


def test_it_waits_for_other_threads_and_they_wait_for_it(gate: SnapshotGate, pool: ThreadPoolExecutor) -> None:
    order: list[str] = []
    held = gate.open()
    alone = pool.submit(gate.run_alone, lambda: order.append("action"), patience=FOREVER)
    wait_until_waiting(gate)
    assert held.expired

    def late() -> None:
        with gate.open():
            order.append("late snapshot")

    waiting = pool.submit(late)
    with gate.open() as second:  # who holds one may have more, or he could never finish
        assert value_of(second, b"a") is None
    assert order == []
    held.close()
    alone.result(10)
    waiting.result(10)
    assert order == ["action", "late snapshot"]


async def test_what_a_coroutine_holds_is_taken_away(gate: SnapshotGate) -> None:
    gate.attach_loop(asyncio.get_running_loop())
    held = gate.open()
    await asyncio.to_thread(gate.run_alone, lambda: None, patience=FOREVER)
    assert held.closed
    assert held.expired
    with pytest.raises(Unavailable, match="ended"):
        value_of(held, b"a")
    held.close()
    with gate.open() as fresh:
        assert not fresh.expired


async def test_the_event_loop_never_waits(gate: SnapshotGate, pool: ThreadPoolExecutor) -> None:
    gate.attach_loop(asyncio.get_running_loop())
    opened, release, ran = threading.Event(), threading.Event(), threading.Event()

    def hold() -> None:
        with gate.open():
            opened.set()
            release.wait()

    holder = pool.submit(hold)
    opened.wait()
    alone = pool.submit(gate.run_alone, ran.set, patience=FOREVER)
    wait_until_waiting(gate)
    with gate.open() as point_read:
        assert not point_read.expired
        assert value_of(point_read, b"a") is None
    kept = gate.open()
    await asyncio.sleep(0)
    assert kept.closed
    assert not ran.is_set()
    release.set()
    await asyncio.wrap_future(alone)
    assert ran.is_set()
    holder.result()


async def test_steady_point_reads_do_not_keep_it_waiting(gate: SnapshotGate) -> None:
    gate.attach_loop(asyncio.get_running_loop())
    alone = asyncio.ensure_future(asyncio.to_thread(gate.run_alone, lambda: None, patience=FOREVER))
    while not alone.done():
        for _ in range(100):
            with gate.open() as snapshot:
                value_of(snapshot, b"a")
        await asyncio.sleep(0)
    await alone


async def test_feeds_that_reopen_do_not_keep_it_waiting(gate: SnapshotGate) -> None:
    gate.attach_loop(asyncio.get_running_loop())
    stop = False
    reopened = 0

    async def feed() -> None:
        nonlocal reopened
        snapshot = gate.open()
        while not stop:
            if snapshot.expired:
                snapshot.close()
                snapshot = gate.open()
                reopened += 1
            value_of(snapshot, b"a")
            await asyncio.sleep(0)
        snapshot.close()

    feeds = [asyncio.ensure_future(feed()) for _ in range(5)]
    await asyncio.sleep(0)
    for _ in range(3):
        await asyncio.to_thread(gate.run_alone, lambda: None, patience=FOREVER)
    stop = True
    await asyncio.gather(*feeds)
    assert reopened >= 15


async def test_old_ones_are_taken_from_suspended_coroutines_alone(
    make_gate: Callable[[float], SnapshotGate],
) -> None:
    gate = make_gate(0.0)
    ours = gate.open()
    theirs = await asyncio.to_thread(gate.open)
    gate.end_old()
    assert (ours.closed, theirs.closed) == (True, False)
    theirs.close()


def test_a_forgotten_snapshot_is_taken_away_in_the_end(gate: SnapshotGate, caplog: pytest.LogCaptureFixture) -> None:
    held = gate.open()
    with ThreadPoolExecutor(1) as other:
        other.submit(gate.run_alone, lambda: None, patience=0.01).result(10)
    assert held.closed
    assert "1 snapshots are still open" in caplog.text


def test_two_who_want_to_be_alone_take_turns(gate: SnapshotGate, pool: ThreadPoolExecutor) -> None:
    inside: list[str] = []

    def action(name: str) -> Callable[[], None]:
        return lambda: inside.extend([name, name])

    held = gate.open()
    both = [pool.submit(gate.run_alone, action(name), patience=FOREVER) for name in ("a", "b")]
    wait_until_waiting(gate)
    held.close()
    for alone in both:
        alone.result(10)
    assert sorted([inside[:2], inside[2:]]) == [["a", "a"], ["b", "b"]]


def test_who_waits_at_the_gate_of_a_store_being_closed_is_refused(gate: SnapshotGate, pool: ThreadPoolExecutor) -> None:
    def refuse() -> "lmdb.Transaction[bytes]":
        raise Unavailable("closed")

    gate.open()
    alone = pool.submit(gate.run_alone, lambda: None, patience=FOREVER)
    wait_until_waiting(gate)
    late = pool.submit(gate.open)
    gate.shut(refuse)
    alone.result(10)
    with pytest.raises(Unavailable, match="closed"):
        late.result(10)


async def test_the_map_grows_under_concurrent_readers(environment: Environment, pool: ThreadPoolExecutor) -> None:
    """A store of 1 MiB grows several times beside point reads, feeds and a reading thread; nobody reads wrong data."""
    environment.attach_loop(asyncio.get_running_loop())
    put(environment, b"a", b"1" * 1000)
    done = threading.Event()
    reads = 0

    async def point_reads() -> None:
        nonlocal reads
        while not done.is_set():
            with environment.snapshot() as snapshot:
                assert value_of(snapshot, b"a") == b"1" * 1000
                reads += 1
            await asyncio.sleep(0)

    async def feed() -> None:
        while not done.is_set():
            with environment.snapshot() as snapshot:
                while not done.is_set() and not snapshot.expired:
                    assert value_of(snapshot, b"a") == b"1" * 1000
                    await asyncio.sleep(0)

    def thread() -> None:
        while not done.is_set():
            with environment.snapshot() as snapshot:
                while not done.is_set() and not snapshot.expired:
                    assert value_of(snapshot, b"a") == b"1" * 1000

    def write() -> int:
        grown = 0
        try:
            for number in range(40):
                while True:
                    try:
                        put(environment, b"%d" % number, bytes(MIB // 4))
                        break
                    except lmdb.MapFullError:
                        environment.grow_map()
                        grown += 1
        finally:
            done.set()
        return grown

    reading = pool.submit(thread)
    readers = [asyncio.ensure_future(coroutine) for coroutine in (point_reads(), feed(), feed())]
    grown = await asyncio.to_thread(write)
    await asyncio.gather(*readers)
    reading.result(10)
    assert grown == 4
    assert environment.map_size == 16 * MIB
    assert reads > 10
