"""The lines about conflicts: the first few as they are, the others counted, and none lost."""

import asyncio
import logging
import re
import threading
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docstore.httpd.problems import conflict_log
from docstore.httpd.problems.conflict_log import MOST_TOLD, ConflictLog, summary
from docstore.testing import run_node
from tests.httpd.asking import Database
from tests.httpd.attaching import until

NAME = "docstore.httpd.conflicts"


@pytest.fixture
def lines(caplog):
    caplog.set_level(logging.INFO, NAME)
    return lambda: [record.getMessage() for record in caplog.records if record.name == NAME]


def add(log, kind="k", database="db", doc_id="doc", text="a line"):
    if log.wants_line(kind, database, doc_id):
        log.add(lambda: text)


async def test_the_first_are_written_as_they_are_and_the_others_counted(lines):
    log = ConflictLog(2)
    for number in range(5):
        add(log, text=f"line {number}")
    add(log, kind="other", doc_id="a/b")
    add(log, doc_id="")
    await log.close()
    assert lines() == ["line 0", "line 1", "more=5 k/db/doc=3 other/db/a%2Fb=1 k/db/-=1"]


async def test_each_second_begins_anew(lines, monkeypatch):
    monkeypatch.setattr(conflict_log, "SECOND", 0.0)
    log = ConflictLog(1)
    for number in range(3):
        add(log, text=f"line {number}")
        add(log)
        await until(lambda: log._timer is None)
    await log.close()
    assert lines() == ["line 0", "more=1 k/db/doc=1", "line 1", "more=1 k/db/doc=1", "line 2", "more=1 k/db/doc=1"]


async def test_what_is_counted_apart_is_bounded(lines, monkeypatch):
    monkeypatch.setattr(conflict_log, "MOST_COUNTED", 20)
    log = ConflictLog(0)
    for number in range(100):
        add(log, doc_id=str(number))
    assert len(log._counts) == 20
    await log.close()
    [line] = lines()
    assert line.startswith("more=100 ")
    assert line.endswith(f" others={100 - MOST_TOLD}")


@given(st.dictionaries(st.tuples(st.text(), st.text(), st.text()), st.integers(1, 9), max_size=30), st.integers(0, 9))
def test_a_summary_loses_no_number(counts, uncounted):
    words = summary(Counter(counts), uncounted).split(" ")
    assert words[0] == f"more={sum(counts.values()) + uncounted}"
    assert sum(int(word.rpartition("=")[2]) for word in words[1:]) == sum(counts.values()) + uncounted
    assert len(words) <= MOST_TOLD + 2


async def test_a_log_that_takes_nothing_holds_up_nobody(lines):
    """The loop goes on while the line is being written."""
    log, free, written = ConflictLog(1), threading.Event(), threading.Event()

    def slow():
        written.set()
        assert free.wait(10)
        return "slow"

    assert log.wants_line("k", "db", "doc")
    log.add(slow)
    await asyncio.to_thread(written.wait)
    add(log)
    assert lines() == []
    free.set()
    await log.close()
    assert lines() == ["slow", "more=1 k/db/doc=1"]


async def test_nothing_is_made_where_nobody_reads(caplog):
    caplog.set_level(logging.WARNING, NAME)
    log = ConflictLog(1)
    add(log)
    assert log._timer is None
    assert log._thread is None
    await log.close()


async def test_a_stop_loses_none(tmp_path, lines):
    """Lines and counts together are as many as the refusals, and the counters are exact."""
    async with run_node(data=tmp_path, conflict_lines=3) as server:
        import aiohttp

        async with aiohttp.ClientSession(server.url) as client:
            db = await Database(client).create()
            await db.write("a", {})
            for _ in range(20):
                assert (await db.put("a", {})).status == 409
            async with client.get("/_docstore/conflict_stats") as reply:
                stats = await reply.json()
    assert stats["kinds"] == {"document-already-exists": 20}
    assert stats["documents"]["most"] == [{"db": "db", "id": "a", "conflicts": 20, "error": 0}]
    told = [int(found[1]) if (found := re.match(r"more=(\d+) ", line)) else 1 for line in lines()]
    assert sum(told) == 20
    assert told[:3] == [1, 1, 1]
