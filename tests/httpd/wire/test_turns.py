"""Turns of the event loop."""

import asyncio

import pytest

from docstore.core.rev import parse_rev
from docstore.errors import BadRequest, InvalidRev
from docstore.httpd.params.documents import parse_many_revs
from docstore.httpd.wire import turns
from docstore.httpd.wire.turns import Turns


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


async def test_a_turn_lasts_a_millisecond(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(turns, "perf_counter", clock)
    with Turns() as work:
        clock.now = 0.0009
        assert not work.over()
        clock.now = 0.001
        assert work.over()
        await work.next()
        assert not work.over()


async def test_works_share_a_turn(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(turns, "perf_counter", clock)
    with Turns(), Turns() as second:
        clock.now = 0.0004
        assert not second.over()
        clock.now = 0.0005
        assert second.over()


async def test_others_go_on_between_turns():
    gone_on = []
    asyncio.get_running_loop().call_soon(gone_on.append, True)
    with Turns() as work:
        await work.next()
    assert gone_on


def test_ended_work_takes_no_share():
    with Turns():
        pass
    assert Turns._working == 0


async def test_a_long_list_of_revisions_is_read_in_turns(monkeypatch):
    monkeypatch.setattr(turns, "TURN_SECONDS", 0.0)
    gone_on = []
    asyncio.get_running_loop().call_soon(gone_on.append, True)
    with Turns() as work:
        assert await parse_many_revs(["1-a", "2-b"], work) == (parse_rev("1-a"), parse_rev("2-b"))
        assert gone_on
        for value, error in (("1-a", BadRequest), (None, BadRequest), (["1-a", "x"], InvalidRev), ([5], InvalidRev)):
            with pytest.raises(error):
                await parse_many_revs(value, work)
