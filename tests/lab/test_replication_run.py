from random import Random

import pytest

from docstore.errors import DocstoreError
from docstore.lab.edits import carry_out
from docstore.lab.nodes import LabNode
from docstore.lab.replication_run import FIRST_DAY, RunResult, replicate, replication_id
from docstore.lab.scenario import Write


@pytest.fixture
async def pair(tmp_path):
    """Two nodes with servers."""
    started = [LabNode(name, tmp_path) for name in ("left", "right")]
    for node in started:
        await node.start()
    yield started
    for node in started:
        await node.stop()


async def run(source, target, near, url=None, *, now=60.0):
    async def pause(seconds):
        raise AssertionError("nothing here has to wait")

    far = target if near is source else source
    looks = []
    result = await replicate(
        source,
        target,
        near,
        url or far.url,
        random=Random(1),
        clock=lambda: now,
        pause=pause,
        on_progress=lambda: looks.append(now),
    )
    assert looks or result.failure
    return result


async def test_it_runs_at_either_end(pair):
    left, right = pair
    await carry_out(left.database, Write(1, "left", "d", {"n": 1}))
    assert await run(left, right, left) == RunResult(written=1)
    await carry_out(left.database, Write(1, "left", "e", {"n": 1}))
    assert await run(left, right, right) == RunResult(written=1), "the count is that of this run alone"
    assert await run(left, right, right) == RunResult()
    assert right.database.open_doc("e").json == left.database.open_doc("e").json


async def test_checkpoints_have_scenario_time(pair):
    left, right = pair
    await carry_out(left.database, Write(1, "left", "d", {"n": 1}))
    await run(left, right, left, now=86_400.0)
    log = left.database.open_doc(f"_local/{replication_id('left', 'right')}").json
    assert b"Thu, 02 Jan 2025 00:00:00 GMT" in log
    assert FIRST_DAY == 1_735_689_600


async def test_a_failure_is_a_result_that_names_the_node(pair):
    left, right = pair
    await right.stop()
    await right.start()
    url = right.url
    await right.kill()
    result = await run(left, right, left, url)
    assert result.failure.startswith("right: no connection")
    await right.start()


def test_each_direction_has_its_own_checkpoint():
    assert replication_id("a", "b") == replication_id("a", "b")
    assert len({replication_id("a", "b"), replication_id("b", "a"), replication_id("a", "c")}) == 3


async def test_a_node_that_is_down_cannot_run_anything(pair):
    left, right = pair
    url = right.url
    await left.kill()
    with pytest.raises((RuntimeError, DocstoreError)):
        await run(left, right, left, url)
    await left.start()
