"""Snapshots: what they show, how many, and how all of them end when the map must be replaced."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from time import monotonic

import lmdb
import pytest

from docstore.errors import Unavailable
from docstore.settings import MIB, StorageSettings
from docstore.storage import keys
from docstore.storage.engine.environment import Environment
from docstore.storage.engine.snapshot_gate import SnapshotGate
from docstore.storage.engine.transactions import Snapshot
from docstore.storage.tables import Tables

FOREVER = 60.0
SETTINGS = StorageSettings(
    max_snapshots=8, snapshot_reserve=3, snapshot_max_age=FOREVER, snapshot_linger=FOREVER, close_patience=0.01
)

MakeGate = Callable[..., SnapshotGate]


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
def make_gate(bare: lmdb.Environment) -> MakeGate:
    tables = Tables.open(bare)
    return lambda **settings: SnapshotGate(bare.begin, tables, replace(SETTINGS, **settings))


@pytest.fixture
def gate(make_gate: MakeGate) -> SnapshotGate:
    return make_gate()


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


def test_age_makes_it_expire(environment: Environment, make_gate: MakeGate) -> None:
    gate = make_gate(snapshot_max_age=0.0)
    with gate.open() as snapshot:
        assert snapshot.expired
        assert 0 < snapshot.age <= gate.oldest_age
    assert gate.oldest_age == 0
    with environment.snapshot() as young:
        assert not young.expired


def test_the_oldest_commit_that_is_shown(bare: lmdb.Environment) -> None:
    gate = SnapshotGate(bare.begin, Tables.open(bare), SETTINGS)
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

    gate = SnapshotGate(begin, Tables.open(bare), SETTINGS)
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
    make_gate: MakeGate,
) -> None:
    gate = make_gate(snapshot_max_age=0.0)
    ours = gate.open()
    theirs = await asyncio.to_thread(gate.open)
    gate.end_old()
    assert (ours.closed, theirs.closed) == (True, False)
    theirs.close()


def test_what_a_thread_left_open_when_it_ended_is_taken_away(gate: SnapshotGate) -> None:
    with ThreadPoolExecutor(1) as other:
        left = other.submit(gate.open).result(10)
    with ThreadPoolExecutor(1) as other:
        other.submit(gate.run_alone, lambda: None, patience=FOREVER).result(10)
    assert left.closed


def test_nothing_is_taken_from_a_thread_that_goes_on_reading(
    gate: SnapshotGate, pool: ThreadPoolExecutor, caplog: pytest.LogCaptureFixture
) -> None:
    ran: list[int] = []
    held = gate.open()
    with pytest.raises(Unavailable, match="still reads"):
        pool.submit(gate.run_alone, lambda: ran.append(1), patience=0.01).result(10)
    assert ran == []
    assert value_of(held, b"a") is None
    assert "1 snapshots are still open" in caplog.text
    assert not held.expired
    pool.submit(lambda: gate.open().close()).result(10)  # nobody waits at the gate any more
    held.close()
    gate.run_alone(lambda: ran.append(2), patience=0)
    assert ran == [2]


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


def refuse() -> "lmdb.Transaction[bytes]":
    raise Unavailable("closed")


def test_who_waits_at_the_gate_of_a_store_being_closed_is_refused(gate: SnapshotGate, pool: ThreadPoolExecutor) -> None:
    gate.open()
    alone = pool.submit(gate.run_alone, lambda: None, patience=FOREVER)
    wait_until_waiting(gate)
    late = pool.submit(gate.open)
    gate.refuse(refuse)
    alone.result(10)
    with pytest.raises(Unavailable, match="closed"):
        late.result(10)
    assert gate.drain(FOREVER)


def test_a_thread_is_asked_and_waited_for_at_the_end(gate: SnapshotGate, pool: ThreadPoolExecutor) -> None:
    opened, asked, go_on = threading.Event(), threading.Event(), threading.Event()

    def read() -> bytes | None:
        with gate.open() as snapshot:
            opened.set()
            while not snapshot.expired:
                value_of(snapshot, b"a")
            asked.set()
            go_on.wait()
            return value_of(snapshot, b"a")  # it is still there

    reading = pool.submit(read)
    opened.wait()
    ours = gate.open()
    gate.refuse(refuse)
    assert ours.closed
    asked.wait()
    assert not gate.drain(0.01)
    assert not gate.drain(FOREVER)  # it is not waited for twice
    go_on.set()
    reading.result(10)
    assert gate.drain(FOREVER)


def test_an_action_that_waits_when_a_store_is_closed_is_given_up_if_a_thread_reads(
    gate: SnapshotGate, pool: ThreadPoolExecutor
) -> None:
    ran: list[int] = []
    with ThreadPoolExecutor(1) as reader:
        held = reader.submit(gate.open).result(10)
        alone = pool.submit(gate.run_alone, lambda: ran.append(1), patience=FOREVER)
        wait_until_waiting(gate)
        gate.refuse(refuse)
        assert not gate.drain(0.01)
        with pytest.raises(Unavailable):
            alone.result(10)
        held.close()
    assert ran == []


def idle(snapshot: Snapshot, since: float, *, lent: bool) -> Snapshot:
    snapshot.idle_since, snapshot.lent = since, lent
    return snapshot


async def test_readers_in_slices_leave_a_reserve(gate: SnapshotGate) -> None:
    gate.attach_loop(asyncio.get_running_loop())
    for _ in range(5):
        gate.open_long()
    with pytest.raises(Unavailable, match="Too many"):
        gate.open_long()
    for _ in range(3):
        gate.open()
    with pytest.raises(Unavailable, match="Too many"):
        gate.open()


@pytest.mark.parametrize("opened", ["open", "open_long"])
async def test_the_one_idle_for_longest_makes_room_before_anybody_is_refused(gate: SnapshotGate, opened: str) -> None:
    gate.attach_loop(asyncio.get_running_loop())
    read = gate.open_long()
    between_turns = idle(gate.open_long(), 1.0, lent=False)
    lent_later, lent_first = idle(gate.open_long(), 3.0, lent=True), idle(gate.open_long(), 2.0, lent=True)
    another = idle(gate.open_long(), 2.5, lent=False)
    for _ in range(3):
        gate.open()
    for taken in (lent_first, lent_later, between_turns, another):
        assert not taken.closed
        getattr(gate, opened)()
        assert taken.closed
    assert not read.closed
    with pytest.raises(Unavailable, match="Too many"):
        getattr(gate, opened)()


async def test_a_thread_gets_room_from_the_readers_of_the_loop(gate: SnapshotGate, pool: ThreadPoolExecutor) -> None:
    gate.attach_loop(asyncio.get_running_loop())
    held = [idle(gate.open_long(), float(place), lent=True) for place in range(5)]
    for _ in range(3):
        gate.open()

    def read() -> None:
        with gate.open() as snapshot:
            value_of(snapshot, b"a")

    await asyncio.gather(*(asyncio.wrap_future(pool.submit(read)) for _ in range(4)))
    assert held[0].closed
    assert not gate.open().closed


async def until_closed(snapshot: Snapshot) -> None:
    for _ in range(10_000):
        if snapshot.closed:
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it is still open")


async def test_expired_ones_end_without_a_commit(make_gate: MakeGate) -> None:
    gate = make_gate(snapshot_max_age=0.001)
    gate.attach_loop(asyncio.get_running_loop())
    for _ in range(2):  # also after none was open for a while
        held = gate.open()
        theirs = await asyncio.to_thread(gate.open)
        await until_closed(held)
        assert not theirs.closed
        theirs.close()
        await asyncio.sleep(0.01)


async def test_lent_ones_end_soon_and_others_stay(make_gate: MakeGate) -> None:
    gate = make_gate(snapshot_linger=0.001)
    gate.attach_loop(asyncio.get_running_loop())
    read, waits = gate.open_long(), idle(gate.open_long(), 0.0, lent=False)
    await until_closed(idle(gate.open_long(), monotonic(), lent=True))
    assert (read.closed, waits.closed) == (False, False)


def test_no_reader_slot_left_is_no_fault_of_ours(bare: lmdb.Environment) -> None:
    def full() -> "lmdb.Transaction[bytes]":
        raise lmdb.ReadersFullError

    gate = SnapshotGate(full, Tables.open(bare), SETTINGS)
    with pytest.raises(Unavailable, match="Too many"):
        gate.open()
    assert gate.open_snapshots == 0


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
