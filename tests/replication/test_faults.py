"""Replications over HTTP when things break: each ends in the right words, and the next run leaves nothing missing."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random
from uuid import uuid4

import pytest

from docstore.core.document import parse_document
from docstore.core.json_text import JsonValue
from docstore.database.database import Database
from docstore.errors import Forbidden, NotFound
from docstore.replication import patience
from docstore.replication.checkpoint import CheckpointFailed
from docstore.replication.connect import connect
from docstore.replication.errors import PeerError, PeerNotFound, PeerUnauthorized, PeerUnreachable
from docstore.replication.local.peer import LocalPeer
from docstore.replication.options import parse_replication
from docstore.replication.peer import Peer
from docstore.replication.remote import http_client
from docstore.replication.remote.rate_control import RateController
from docstore.replication.replicator import Progress, Replicator, Summary
from docstore.replication.retry import backoff
from docstore.settings import Admin, Limits
from docstore.testing import TestNode, run_node
from tests.replication.bad_proxy import BadProxy, CutReply, CutRequest, Fate, Refuse
from tests.replication.stores import contents

ID = "0123456789abcdef0123456789abcdef"
LIMITS = Limits()
LARGE = bytes(range(256)) * 400


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between attempts there is next to no time."""

    def short(random: Random, retries: int | None = None) -> Iterator[float]:
        return backoff(random, retries, first=0.001)

    monkeypatch.setattr(patience, "backoff", short)
    monkeypatch.setattr(http_client, "backoff", short)


class Skipping:
    """Time passes only while somebody waits, and then at once."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += seconds
        await asyncio.sleep(0)

    def rate(self) -> RateController:
        return RateController(clock=self.now, sleep=self.sleep, random=Random(1))


@pytest.fixture
async def server() -> AsyncIterator[TestNode]:
    async with run_node() as running:
        yield running


async def filled(server: TestNode, name: str, count: int = 60) -> Database:
    """A database of so many documents, some in conflict, some deleted, some with attachments."""
    database = await server.node.registry.create(name)
    members: list[dict[str, JsonValue]] = [{"_id": f"doc{number:03}", "n": number} for number in range(count)]
    await database.update_docs([parse_document(each, limits=LIMITS) for each in members])
    for number in range(0, count, 10):
        rev = str(database.open_doc(f"doc{number:03}").rev)
        attachment = await server_attachment(database, LARGE[number:])
        await database.put_attachment(f"doc{number:03}", database.open_doc(f"doc{number:03}").rev, attachment)
        other = {"_id": f"doc{number:03}", "_rev": f"2-{'f' * 32}", "_revisions": revisions(2, "f" * 32, rev[2:])}
        await database.update_docs([parse_document(other, limits=LIMITS)], new_edits=False)
        await database.delete_doc(f"doc{number + 1:03}", database.open_doc(f"doc{number + 1:03}").rev)
    return database


async def server_attachment(database: Database, data: bytes):
    async with database.blobs.stage("image/png") as staging:
        await staging.write(data)
        return (await staging.seal()).linked("pixels", "image/png")


def revisions(start: int, *ids: str) -> JsonValue:
    return {"start": start, "ids": list(ids)}


class Job:
    """A replication that can be run several times."""

    def __init__(self, source: JsonValue, target: JsonValue, **options: JsonValue) -> None:
        defaults: dict[str, JsonValue] = {"worker_batch_size": 10, "retries_per_request": 0}
        self.options = parse_replication({"source": source, "target": target, **defaults, **options})
        self.progress: Progress | None = None

    async def run(self, on_progress: Callable[[Progress], None] | None = None) -> Summary:
        async with AsyncExitStack() as stack:
            ends: list[Peer] = []
            for endpoint in (self.options.source, self.options.target):
                peer = connect(endpoint, self.options, rate=Skipping().rate())
                stack.push_async_callback(peer.close)
                ends.append(peer)
            replicator = Replicator(
                *ends,
                self.options,
                replication_id=ID,
                clock=lambda: 0.0,
                new_session_id=lambda: uuid4().hex,
                on_progress=on_progress,
                wait=lambda seconds: asyncio.sleep(0),
            )
            self.progress = replicator.progress
            async with asyncio.timeout(30):
                return await replicator.run()


def url(server: TestNode | BadProxy, name: str) -> str:
    return f"{server.url}/{name}"


async def test_everything_goes_over_and_a_second_run_is_short(server: TestNode) -> None:
    source = await filled(server, "source")
    job = Job(url(server, "source"), url(server, "target"), create_target=True)
    summary = await job.run()
    assert await contents(server.node.registry.open("target")) == await contents(source)
    assert summary.statistics.docs_written == 66
    assert summary.statistics.bulk_get_attempts == 66
    assert summary.statistics.bulk_get_docs == 60
    assert (await job.run()).no_changes


async def test_a_missing_database(server: TestNode) -> None:
    await filled(server, "source", 10)
    job = Job(url(server, "source"), url(server, "target"))
    with pytest.raises(PeerNotFound) as failed:
        await job.run()
    assert (failed.value.error, failed.value.reason) == ("db_not_found", f"could not open {server.url}/target/")


async def test_wrong_credentials() -> None:
    async with run_node(admin=Admin("admin", "pass")) as server:
        source = await filled(server, "source", 10)
        await server.node.registry.create("target")
        good = server.url.replace("//", "//admin:pass@")
        bad = server.url.replace("//", "//admin:word@")
        job = Job(f"{good}/source", f"{bad}/target")
        with pytest.raises(PeerUnauthorized) as failed:
            await job.run()
        assert failed.value.error == "unauthorized"
        assert failed.value.reason == f"unauthorized to access or create database {server.url}/target/"
        target = server.node.registry.open("target")
        assert await contents(target) == {}
        await Job(f"{good}/source", {"url": f"{server.url}/target", "auth": basic("admin", "pass")}).run()
        assert await contents(target) == await contents(source)


def basic(user: str, password: str) -> JsonValue:
    return {"basic": {"username": user, "password": password}}


async def test_a_target_that_dies_in_the_middle(server: TestNode, tmp_path: Path) -> None:
    source = await filled(server, "source")
    async with AsyncExitStack() as stack:
        target = await stack.enter_async_context(run_node(data=tmp_path / "target"))
        job = Job(url(server, "source"), url(target, "target"), create_target=True, worker_processes=2)
        dying: list[asyncio.Task[bool]] = []

        def die(progress: Progress) -> None:
            if progress.statistics.docs_written >= 20 and not dying:
                dying.append(asyncio.create_task(stack.__aexit__(None, None, None)))

        with pytest.raises((PeerUnreachable, CheckpointFailed)):
            await job.run(die)
        await dying[0]
    assert not local_docs(source)
    async with run_node(data=tmp_path / "target") as target:
        await Job(url(server, "source"), url(target, "target")).run()
        assert await contents(target.node.registry.open("target")) == await contents(source)


def local_docs(database: Database) -> bool:
    try:
        database.open_doc(f"_local/{ID}")
    except NotFound:
        return False
    return True


async def test_a_source_that_is_deleted_and_made_anew_in_the_middle(server: TestNode) -> None:
    await filled(server, "source")
    registry = server.node.registry
    job = Job(url(server, "source"), url(server, "target"), create_target=True, worker_processes=1)
    recreating: list[asyncio.Task[None]] = []

    async def recreate() -> None:
        await registry.delete("source")
        await filled(server, "source", 20)

    def begin(progress: Progress) -> None:
        if progress.statistics.docs_written >= 10 and not recreating:
            recreating.append(asyncio.create_task(recreate()))

    with pytest.raises((CheckpointFailed, PeerNotFound)) as failed:
        await job.run(begin)
    assert failed.value.reason in (
        "instance_start_time on source database has changed since last checkpoint.",
        f"could not open {server.url}/source/",
    )
    await recreating[0]
    assert not local_docs(registry.open("source"))
    await job.run()
    there, here = await contents(registry.open("target")), await contents(registry.open("source"))
    assert here.keys() <= there.keys()
    for doc_id, leaves in here.items():
        assert leaves.keys() <= there[doc_id].keys()


@pytest.mark.parametrize("end", ["source", "target"])
async def test_a_checkpoint_that_is_lost_at_one_end(server: TestNode, end: str) -> None:
    source = await filled(server, "source", 20)
    job = Job(url(server, "source"), url(server, "target"), create_target=True)
    await job.run()
    database = server.node.registry.open(end)
    await database.delete_doc(f"_local/{ID}", None)
    await source.update_doc(parse_document({"_id": "more"}, limits=LIMITS))
    summary = await job.run()
    assert (summary.statistics.missing_checked, summary.statistics.missing_found) == (23, 1)
    assert await contents(server.node.registry.open("target")) == await contents(source)
    assert local_docs(server.node.registry.open("target"))
    assert local_docs(source)


class Storm:
    """A share of the requests is refused, by a seeded choice, until so many were."""

    def __init__(self, fate: Fate, share: float, most: int, only: str = "") -> None:
        self.random = Random(7)
        self.fate, self.share, self.left, self.only = fate, share, most, only

    def __call__(self, method: str, path: str) -> Fate:
        if self.left and self.only in f"{method} {path}" and self.random.random() < self.share:
            self.left -= 1
            return self.fate
        return None


@pytest.mark.parametrize("end", ["source", "target"])
async def test_a_storm_of_429(server: TestNode, end: str) -> None:
    source = await filled(server, "source")
    proxy = BadProxy(server.url, Storm(Refuse(429, {"Retry-After": "0"}), 0.5, 30))
    async with proxy.running():
        ends = {"source": url(server, "source"), "target": url(server, "target")} | {end: url(proxy, end)}
        job = Job(ends["source"], ends["target"], create_target=True, retries_per_request=10)
        await job.run()
    assert proxy.seen["Refuse"] > 5
    assert await contents(server.node.registry.open("target")) == await contents(source)


@pytest.mark.parametrize(
    ("end", "fate", "only"),
    [
        ("target", CutRequest(30_000), "PUT /target/doc"),
        ("target", CutReply(5), "PUT /target/doc"),
        ("target", CutRequest(100), "POST /target/_bulk_docs"),
        ("target", CutReply(5), "POST /target/_bulk_docs"),
        ("source", CutReply(30_000), "/source/"),
        ("source", CutReply(500), "POST /source/_bulk_get"),
        ("source", CutReply(200), "/source/_changes"),
        ("source", Refuse(500), "/source/"),
    ],
)
async def test_connections_that_break(server: TestNode, end: str, fate: Fate, only: str) -> None:
    source = await filled(server, "source")
    proxy = BadProxy(server.url, Storm(fate, 0.6, 6, only))
    async with proxy.running():
        ends = {"source": url(server, "source"), "target": url(server, "target")} | {end: url(proxy, end)}
        job = Job(ends["source"], ends["target"], create_target=True, retries_per_request=10)
        summary = await job.run()
    assert proxy.seen[type(fate).__name__] >= 2
    assert await contents(server.node.registry.open("target")) == await contents(source)
    assert summary.statistics.doc_write_failures == 0


async def test_connections_that_break_too_often_end_the_run_and_the_next_one_goes_on(server: TestNode) -> None:
    source = await filled(server, "source")
    proxy = BadProxy(server.url, Storm(CutRequest(30_000), 1.0, 1000, "PUT /target/doc"))
    async with proxy.running():
        job = Job(url(server, "source"), url(proxy, "target"), create_target=True)
        with pytest.raises(PeerUnreachable):
            await job.run()
        assert not local_docs(source)
        proxy.fate = lambda method, path: None
        await job.run()
    assert await contents(server.node.registry.open("target")) == await contents(source)


async def test_a_document_over_the_targets_limit(server: TestNode, caplog: pytest.LogCaptureFixture) -> None:
    source = await filled(server, "source", 20)
    large: dict[str, JsonValue] = {"_id": "large", "text": "x" * 20_000}
    await source.update_doc(parse_document(large, limits=LIMITS))
    async with run_node(limits=Limits(max_document_size=10_000)) as other:
        job = Job(url(server, "source"), url(other, "target"), create_target=True)
        with caplog.at_level(logging.ERROR):
            summary = await job.run()
        target = other.node.registry.open("target")
        assert (summary.statistics.docs_written, summary.statistics.doc_write_failures) == (22, 1)
        there, here = await contents(target), await contents(source)
        del here["large"]
        assert there == here
        assert "document_too_large" in caplog.text
        assert (await job.run()).no_changes


async def test_what_a_validation_refuses_is_counted_and_passed_over(server: TestNode) -> None:
    source = await filled(server, "source", 20)
    registry = server.node.registry
    await registry.create("target")

    def validate(document: dict[str, JsonValue], *_: object) -> None:
        if document["_id"] == "doc005":
            raise Forbidden("no fives")

    options = parse_replication({"source": "source", "target": "target"}, names=True)
    replicator = Replicator(
        LocalPeer(registry, "source"),
        LocalPeer(registry, "target", validate=validate),
        options,
        replication_id=ID,
        clock=lambda: 0.0,
        new_session_id=lambda: "s",
    )
    summary = await replicator.run()
    assert (summary.statistics.docs_written, summary.statistics.doc_write_failures) == (21, 1)
    there, here = await contents(registry.open("target")), await contents(source)
    del here["doc005"]
    assert there == here


async def test_a_filter_of_python_chooses_documents(server: TestNode) -> None:
    await filled(server, "source", 20)
    registry = server.node.registry
    await registry.create("target")
    options = parse_replication({"source": "source", "target": "target", "filter": "d/even"}, names=True)
    replicator = Replicator(
        LocalPeer(registry, "source"),
        LocalPeer(registry, "target"),
        options,
        replication_id=ID,
        clock=lambda: 0.0,
        new_session_id=lambda: "s",
        accepts=lambda document: document.get("n") in (2, 4),
    )
    await replicator.run()
    assert set(await contents(registry.open("target"))) == {"doc002", "doc004"}


# --- all at once


class Weather:
    """Anything may happen to a request, by a seeded choice."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.rate = 0.15

    def __call__(self, method: str, path: str) -> Fate:
        if self.random.random() >= self.rate:
            return None
        cut = self.random.choice([0, 1, 50, 1_000, 40_000, 150_000])
        return self.random.choice([Refuse(500), Refuse(503), Refuse(429), CutRequest(cut), CutReply(cut)])


async def through_bad_weather(seed: int) -> None:
    """Runs that break until one comes through, and the two databases are equal."""
    async with run_node() as server:
        source = await filled(server, "source", 40)
        await server.node.registry.create("target")
        weather = Weather(seed)
        proxy = BadProxy(server.url, weather)
        async with proxy.running():
            job = Job(url(proxy, "source"), url(proxy, "target"), retries_per_request=2, checkpoint_interval=0)
            for attempt in range(30):
                weather.rate = max(0.0, 0.15 - attempt / 200)
                try:
                    await job.run()
                except (PeerError, CheckpointFailed):
                    continue
                break
            weather.rate = 0.0
            summary = await job.run()
        assert summary.no_changes
        assert await contents(server.node.registry.open("target")) == await contents(source)


@pytest.mark.parametrize("seed", range(3))
async def test_bad_weather(seed: int) -> None:
    await through_bad_weather(seed)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3, 60))
async def test_bad_weather_for_long(seed: int) -> None:
    await through_bad_weather(seed)
