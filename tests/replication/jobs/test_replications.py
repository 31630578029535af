"""The replications of a node as a whole: begun with its server, stopped with it, and begun again."""

import asyncio

import pytest

from docstore.core.security.user import SERVER, UserContext
from docstore.database.reading.all_docs import Namespace
from docstore.errors import Unavailable
from docstore.node import Node
from docstore.replication.errors import PeerBusy
from docstore.replication.jobs.replications import _gentle, _shared_rate
from docstore.replication.options import CancelRequest, parse_replicate
from tests.database.helpers import all_docs, document, settings
from tests.replication.fake_clock import settle
from tests.replication.fake_jobs import options

DEADLINE = 20.0

SUE = UserContext("sue", ("_admin",))


@pytest.fixture
async def node(tmp_path):
    async with Node(settings(tmp_path / "data")) as node:
        source = await node.registry.create("a")
        await node.registry.create("b")
        await source.update_doc(document("x", v=1))
        yield node


async def until(holds):
    async with asyncio.timeout(DEADLINE):
        while True:
            if holds():
                return
            await asyncio.sleep(0)


async def test_between_databases_of_the_node(node):
    replications = node.replications
    job = await replications.job_for(parse_replicate({"source": "a", "target": "b"}), SUE)
    assert job.user == "sue"
    summary = await replications.perform(job)
    assert summary.statistics.docs_written == 1
    assert node.registry.open("b").open_doc("x").json == node.registry.open("a").open_doc("x").json
    assert node.active_tasks.entries() == []


async def test_cancel(node):
    replications = node.replications
    asked = parse_replicate({"source": "a", "target": "b", "continuous": True})
    job = await replications.begin(await replications.job_for(asked, SERVER))
    assert replications.job(job.id) is job
    assert await replications.cancel(CancelRequest(None, asked), SERVER) == job.id
    assert await replications.cancel(CancelRequest((job.base_id, job.extension), None), SERVER) is None
    assert replications.jobs() == []


async def test_counts_go_on_from_run_to_run(node):
    asked = parse_replicate({"source": "a", "target": "b", "continuous": True})
    job = await node.replications.begin(await node.replications.job_for(asked, SERVER))
    await until(lambda: job.progress is not None and job.progress.through_seq)
    before = job.progress
    assert before.statistics.docs_written == 1
    job.task.cancel()
    await until(lambda: job.progress is not before)
    assert job.progress.statistics.docs_written == 1


async def test_documents_are_carried_out_while_there_is_a_server(node):
    database = await node.registry.create("x/_replicator")
    await database.update_doc(document("d", source="http://127.0.0.1:9/a", target="http://127.0.0.1:9/b"))
    await settle()
    assert node.replications.jobs() == []
    assert node.replications.of_document(database, "d") is None
    for _ in range(2):
        node.replications.start("http://127.0.0.1:5984")
        await until(node.replications.jobs)
        [job] = node.replications.jobs()
        assert (job.origin.database, job.origin.doc_id) == ("x/_replicator", "d")
        assert node.replications.of_document(database, "d")["id"] == job.id
        await node.replications.stop()
        assert node.replications.jobs() == []


async def test_a_new_replicator_database_is_followed(node):
    node.replications.start("http://127.0.0.1:5984")
    database = await node.registry.create("_replicator")
    await database.update_doc(document("d", source="http://127.0.0.1:9/a", target="http://127.0.0.1:9/b"))
    await until(node.replications.jobs)
    await node.registry.delete("_replicator")
    await until(lambda: not node.replications.jobs())


async def test_without_replicator_databases_nothing_is_left_to_do(node):
    before = asyncio.all_tasks()
    node.replications.start("http://127.0.0.1:5984")
    await settle()
    assert asyncio.all_tasks() == before


async def test_whoever_waits_is_told_of_the_stop(node):
    replications = node.replications
    asked = parse_replicate({"source": "a", "target": "b", "continuous": True})
    waiting = asyncio.create_task(replications.perform(await replications.job_for(asked, SERVER)))
    await until(lambda: any(job.progress and job.progress.through_seq for job in replications.jobs()))
    await replications.stop()
    with pytest.raises(Unavailable):
        await waiting
    _, _, rows = await all_docs(node.registry.open("b"), namespace=Namespace.LOCAL)
    assert len(rows) == 1, "the last checkpoint"


def test_after_a_peer_asked_for_patience_a_job_asks_for_less():
    gentle = _gentle(options(worker_processes=1))
    assert (gentle.worker_processes, gentle.worker_batch_size, gentle.http_connections) == (1, 100, 5)
    assert gentle.checkpoint_interval == 5.0
    assert gentle.source == options().source
    assert PeerBusy().error == "too_many_requests"


def test_the_pace_is_shared_by_the_ends_of_one_server():
    assert _shared_rate(options()) is not None
    assert _shared_rate(options(target="http://other:5984/b")) is None
    assert _shared_rate(parse_replicate({"source": "a", "target": "b"})) is None
