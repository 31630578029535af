"""Slices of long reads, and snapshots that are renewed between them."""

import asyncio
from time import sleep

import pytest

from docstore.database.slices import SLICE_SECONDS, LongSnapshot, SliceClock
from docstore.errors import Unavailable
from docstore.node import Node
from tests.database.helpers import settings


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
    async with Node(settings(tmp_path, snapshot_max_age=0.0)) as node:
        with LongSnapshot(node.env) as snapshot:
            await node.registry.create("db")
            with pytest.raises(Unavailable):
                snapshot.current.get(node.env.tables.databases, b"db")
            assert snapshot.renew()
            assert snapshot.current.get(node.env.tables.databases, b"db") is not None
