"""A checkpoint tells of nothing that a power cut can take: others rely on the source's alone."""

import aiohttp
import pytest

from docstore.core.document import parse_document
from docstore.lab.nodes import DATABASE
from docstore.lab.replication_run import replication_id
from docstore.replication.local.peer import LocalPeer
from docstore.replication.options import Endpoint, ReplicationOptions
from docstore.replication.remote.peer import RemotePeer
from docstore.replication.replicator import Replicator
from docstore.settings import Durability, Limits
from tests.simulation.fallible_node import FallibleNode

DOCUMENTS = [f"doc{number}" for number in range(5)]
durabilities = pytest.mark.parametrize("durability", list(Durability))


@pytest.fixture
async def nodes(tmp_path, durability):
    nodes = [FallibleNode(name, tmp_path, durability, serves=True) for name in ("source", "target")]
    for node in nodes:
        await node.start()
    yield nodes
    for node in nodes:
        await node.stop()


async def write(node):
    for doc in DOCUMENTS:
        await node.database.update_doc(parse_document({}, doc_id=doc, limits=Limits()))


def documents_of(node):
    return node.database.info().doc_count


@durabilities
@pytest.mark.parametrize("remote", [False, True])
async def test_what_a_checkpoint_tells_of_survives(nodes, remote):
    source, target = nodes
    await write(source)
    there = RemotePeer(f"{target.url}/{DATABASE}") if remote else LocalPeer(target.registry, DATABASE)
    replicator = Replicator(
        LocalPeer(source.registry, DATABASE),
        there,
        ReplicationOptions(Endpoint("source"), Endpoint("target")),
        replication_id=replication_id("source", "target"),
        clock=lambda: 0.0,
        new_session_id=lambda: "s",
    )
    await replicator.run()
    await there.close()
    await target.cut_power()
    await target.start()
    assert documents_of(target) == len(DOCUMENTS)


@durabilities
async def test_what_ensure_full_commit_answers_for_survives(nodes, durability):
    _, target = nodes
    await write(target)
    async with aiohttp.ClientSession() as session:
        headers = {"Content-Type": "application/json"}
        async with session.post(f"{target.url}/{DATABASE}/_ensure_full_commit", headers=headers) as response:
            started = (await response.json())["instance_start_time"]
    await target.cut_power()
    await target.start()
    assert documents_of(target) == len(DOCUMENTS)
    assert target.database.info().instance_start_time != started  # a replicator is told that it may have gone back


@pytest.mark.parametrize("durability", [Durability.RELAXED, Durability.NONE])
async def test_without_it_they_are_gone(nodes):
    """Or the tests above would prove nothing."""
    _, target = nodes
    await write(target)
    await target.cut_power()
    await target.start()
    assert documents_of(target) == 0
