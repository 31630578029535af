"""Slices of long reads, and snapshots that are renewed between them."""

import asyncio
from time import sleep

import pytest

from docstore.database.slices import SLICE_SECONDS, LongSnapshot, SliceClock
from docstore.errors import Unavailable
from docstore.node import Node
from tests.database.helpers import settings, until_none_is_open


def test_a_slice_is_over_after_its_time():
    clock = SliceClock()
    assert not clock.over
    sleep(2 * SLICE_SECONDS)
    assert clock.over


async def test_a_young_snapshot_stays(node):
    with LongSnapshot(node.env) as snapshot:
        first = snapshot.current
        assert not snapshot.renew()
        assert snapshot.current is first
    assert node.env.open_snapshots == 0


async def test_an_expired_snapshot_is_replaced(tmp_path):
    async with Node(settings(tmp_path, snapshot_max_age=0.0)) as node:
        with LongSnapshot(node.env) as snapshot:
            first = snapshot.current
            await asyncio.sleep(0.001)
            assert snapshot.renew()
            assert snapshot.current is not first
            assert first.closed
            assert node.env.open_snapshots == 1
        assert node.env.open_snapshots == 0


async def test_a_snapshot_that_was_taken_away_is_replaced(tmp_path):
    async with Node(settings(tmp_path, snapshot_linger=0.001)) as node:
        await node.registry.create("db")
        with LongSnapshot(node.env) as snapshot:
            snapshot.lend()
            await until_none_is_open(node.env)
            with pytest.raises(Unavailable):
                snapshot.current.get(node.env.tables.databases, b"db")
            assert snapshot.renew()
            assert snapshot.current.get(node.env.tables.databases, b"db") is not None


async def test_what_is_read_is_not_taken_away_whoever_asks(tmp_path):
    async with Node(settings(tmp_path, max_snapshots=2, snapshot_reserve=1)) as node:
        with LongSnapshot(node.env) as lent:
            lent.lend()
            with LongSnapshot(node.env) as reading:
                assert lent.current.closed
                with pytest.raises(Unavailable):
                    lent.renew()
                assert not reading.renew()
                turn = asyncio.ensure_future(reading.turn())
                await asyncio.sleep(0)
                assert lent.renew()
                assert reading.current.closed
                await turn
