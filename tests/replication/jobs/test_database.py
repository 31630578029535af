"""Documents become jobs and learn how these end; with a database of a real node, and runs that the test ends."""

import asyncio

import pytest

from docstore.core.json_text import decode
from docstore.database.database import Database
from docstore.errors import DocstoreError, NotFound
from docstore.node import Node
from docstore.replication.jobs.database import ReplicatorDatabase
from docstore.replication.jobs.job import Job, Origin
from docstore.replication.jobs.scheduler import Scheduler
from docstore.replication.options import parse_replication
from docstore.settings import ReplicatorSettings, Settings
from tests.database.helpers import document, replicated, settings
from tests.replication.fake_clock import FakeClock, settle
from tests.replication.fake_jobs import Runs

URLS = {"source": "http://host:5984/a", "target": "http://host:5984/b"}
STATS = {"docs_read": 1}
DEADLINE = 20.0


class Bench:
    """A replicator database, its jobs, and the documents as the test writes them."""

    def __init__(self, node: Node, database: Database, **replicator: object) -> None:
        self.node = node
        self.clock = FakeClock()
        self.runs = Runs()
        self.trouble: DocstoreError | None = None
        self.filter_code = "1"
        options = ReplicatorSettings(stop_grace=0.01, **replicator)
        self.scheduler = Scheduler(self.runs, options, self.clock, lambda: 0.0, self.crashed)
        self.settings = Settings(data=node.settings.data, replicator=options)
        self.followed: dict[int, ReplicatorDatabase] = {}
        self.tasks: list[asyncio.Task[None]] = []
        self.db = database
        self.follow(database)

    def follow(self, database: Database) -> ReplicatorDatabase:
        found = self.followed[database.number] = ReplicatorDatabase(
            database,
            self.scheduler,
            self.identify,
            self.is_current,
            settings=self.settings,
            node_name="n@h",
            clock=self.clock,
            random=lambda: 0.0,
        )
        self.tasks.append(asyncio.create_task(found.follow()))
        return found

    async def identify(self, options):
        if self.trouble is not None:
            raise self.trouble
        name = options.source.public.strip("/").rpartition("/")[2]
        return name + (self.filter_code if options.filter else ""), "+continuous" if options.continuous else ""

    def is_current(self, origin: Origin) -> bool:
        return origin.database is None or (
            self.node.registry.exists(origin.database)
            and self.node.registry.open(origin.database).number == origin.number
        )

    def crashed(self, job: Job, error: DocstoreError) -> None:
        self.followed[job.origin.number].crashed(job, error)

    async def put(self, doc_id: str, *, database: Database | None = None, **members: object) -> None:
        database = database or self.db
        try:
            rev = database.open_doc(doc_id).rev
        except NotFound:
            rev = None
        await database.update_doc(document(doc_id, rev, **members))
        await self.rest()

    async def delete(self, doc_id: str) -> None:
        await self.db.delete_doc(doc_id, self.db.open_doc(doc_id).rev)
        await self.rest()

    def get(self, doc_id: str) -> dict[str, object]:
        members = decode(self.db.open_doc(doc_id).json)
        return {name: value for name, value in members.items() if name not in ("_id", "_rev")}

    def row(self, doc_id: str) -> dict[str, object] | None:
        return self.followed[self.db.number].summary(doc_id)

    async def rest(self) -> None:
        """Until what was written so far has been read and answered."""
        before = None
        while before != (before := self.node.registry.exists(self.db.name) and self.db.update_seq()):
            await settle()

    async def until(self, holds) -> None:
        async with asyncio.timeout(DEADLINE):
            while True:
                if holds():
                    return
                await asyncio.sleep(0)

    async def complete(self, doc_id: str) -> None:
        """The work of a job is done."""
        job = self.scheduler.of_document(self.db.number, doc_id)
        await self.followed[self.db.number].completed(job, STATS)
        if job.id in self.runs.now:
            self.runs.complete(job.id)
        await self.rest()

    async def stop(self) -> None:
        for task in self.tasks:
            task.cancel()
        for found in self.followed.values():
            await found.stop()
        await self.scheduler.stop()


@pytest.fixture
async def bench(tmp_path):
    made = []
    async with Node(settings(tmp_path / "data")) as node:

        async def make(**replicator: object) -> Bench:
            database = await node.registry.create("_replicator")
            made.append(Bench(node, database, **replicator))
            return made[-1]

        yield make
        for one in made:
            await one.stop()


async def test_a_document_becomes_a_job(bench):
    b = await bench()
    await b.put("d", **URLS)
    await b.until(lambda: b.runs.running == ["a"])
    assert b.row("d")["state"] == "running"
    assert b.row("d")["doc_id"] == "d"
    assert b.get("d") == URLS, "a running replication does not touch its document"


async def test_completion_is_written_and_the_document_left_alone(bench):
    b = await bench()
    await b.put("d", **URLS)
    await b.until(lambda: b.runs.running == ["a"])
    await b.complete("d")
    await b.until(lambda: b.row("d") is None)
    assert b.get("d") == {
        **URLS,
        "_replication_state": "completed",
        "_replication_state_time": "1970-01-12T13:46:40Z",
        "_replication_stats": STATS,
    }
    assert b.scheduler.jobs() == []
    assert b.runs.started == ["a"]


async def test_a_job_that_has_written_its_completion_is_left_to_end_by_itself(bench):
    b = await bench()
    await b.put("d", **URLS)
    await b.until(lambda: b.runs.running == ["a"])
    await b.followed[b.db.number].completed(b.scheduler.job("a"), STATS)
    await b.until(lambda: b.row("d") is None)
    await settle()
    assert b.runs.running == ["a"]


async def test_what_was_unfinished_is_taken_up_again(bench):
    b = await bench()
    await b.put("d", **URLS)
    await b.put("e", source="http://host/e", target="http://host/f")
    await b.until(lambda: b.runs.running == ["a", "e"])
    await b.complete("d")
    await b.stop()
    again = Bench(b.node, b.db)
    await again.until(lambda: again.runs.running == ["e"])
    await again.rest()
    assert again.runs.started == ["e"]
    await again.stop()


async def test_documents_with_a_final_state_and_design_documents_are_left_alone(bench):
    b = await bench()
    await b.put("_design/d", views={})
    await b.put("done", **URLS, _replication_state="completed")
    await b.put("failed", **URLS, _replication_state="failed")
    await b.put("d", source="http://host/d", target="http://host/f")
    await b.until(lambda: b.runs.running == ["d"])
    assert b.runs.started == ["d"]


async def test_deleting_stops(bench):
    b = await bench()
    await b.put("d", **URLS)
    await b.until(lambda: b.runs.running == ["a"])
    await b.delete("d")
    await b.until(lambda: not b.runs.running)
    assert b.scheduler.jobs() == []
    assert b.row("d") is None


async def test_an_edit_that_changes_the_replication_restarts(bench):
    b = await bench()
    await b.put("d", **URLS)
    await b.until(lambda: b.runs.running == ["a"])
    await b.put("d", **{**URLS, "source": "http://host/c"})
    await b.until(lambda: b.runs.running == ["c"])
    await b.put("d", **{**URLS, "source": "http://host/c", "worker_processes": 1})
    await b.until(lambda: b.runs.started == ["a", "c", "c"] and b.runs.running == ["c"])
    assert len(b.scheduler.jobs()) == 1


async def test_an_edit_that_does_not_change_the_replication_changes_nothing(bench):
    b = await bench()
    await b.put("d", **URLS)
    await b.until(lambda: b.runs.running == ["a"])
    await b.put("d", **URLS, comment="mine")
    await b.put("e", source="http://host/e", target="http://host/f")
    await b.until(lambda: b.runs.running == ["a", "e"])
    assert b.runs.started == ["a", "e"]


async def test_taking_the_state_away_starts_anew(bench):
    b = await bench()
    await b.put("d", **URLS)
    await b.until(lambda: b.runs.running == ["a"])
    await b.complete("d")
    await b.put("d", **URLS)
    await b.until(lambda: b.runs.running == ["a"])
    assert b.runs.started == ["a", "a"]


async def test_an_edit_during_completion_is_not_overwritten(bench):
    b = await bench()
    await b.put("d", **URLS)
    await b.until(lambda: b.runs.running == ["a"])
    job = b.scheduler.job("a")
    await b.db.update_doc(document("d", b.db.open_doc("d").rev, **{**URLS, "source": "http://host/c"}))
    await b.followed[b.db.number].completed(job, STATS)
    await b.until(lambda: b.runs.running == ["c"])
    assert "_replication_state" not in b.get("d")


async def test_an_unrelated_edit_during_completion_is_kept(bench):
    b = await bench()
    await b.put("d", **URLS)
    await b.until(lambda: b.runs.running == ["a"])
    await b.db.update_doc(document("d", b.db.open_doc("d").rev, **URLS, comment="mine"))
    await b.complete("d")
    assert b.get("d")["_replication_state"] == "completed"
    assert b.get("d")["comment"] == "mine"


async def test_a_document_that_is_no_replication_fails(bench):
    b = await bench()
    await b.db.update_docs([replicated("d", "1-a", source=5)], new_edits=False)
    await b.until(lambda: "_replication_state" in b.get("d"))
    assert b.get("d") == {
        "source": 5,
        "_replication_state": "failed",
        "_replication_state_time": "1970-01-12T13:46:40Z",
        "_replication_state_reason": "{error,function_clause}",
    }


async def test_a_duplicate_fails(bench):
    b = await bench()
    await b.put("d", **URLS)
    await b.until(lambda: b.runs.running == ["a"])
    await b.put("e", **URLS)
    await b.until(lambda: "_replication_state" in b.get("e"))
    assert b.get("e")["_replication_state_reason"] == (
        "Replication `a` specified by document `e` already started, triggered by document `d` from db `_replicator`"
    )
    assert b.runs.started == ["a"]
    assert b.row("e") is None


async def test_a_duplicate_of_a_deleted_document_is_none(bench):
    b = await bench()
    b.runs.slow.add("a")
    await b.put("d", **URLS)
    await b.until(lambda: b.runs.running == ["a"])
    await b.delete("d")
    await b.put("e", **URLS)
    await b.until(lambda: b.runs.started == ["a", "a"])
    assert b.row("e")["state"] == "running"


async def test_a_duplicate_of_a_request_waits_for_its_end(bench):
    b = await bench()
    transient = Job("a", "", parse_replication(URLS), 0.0)
    await b.scheduler.add(transient)
    await b.put("d", **URLS)
    await b.until(lambda: b.row("d") is not None and b.row("d")["state"] == "error")
    row = b.row("d")
    assert row["error_count"] == 1
    assert row["info"] == {
        "error": "Replication `a` specified by document `d` already running as a transient replication, started via"
        " `_replicate` API endpoint"
    }
    b.runs.complete("a")
    await b.clock.advance(60)
    await b.until(lambda: b.runs.running == ["a"])
    assert b.row("d")["error_count"] == 0


async def test_trouble_is_met_with_patience(bench):
    b = await bench()
    b.trouble = NotFound("no such filter")
    await b.put("d", **URLS)
    await b.until(lambda: b.row("d") is not None and b.row("d")["state"] == "error")
    assert b.row("d")["info"] == {"error": "no such filter"}
    assert b.row("d")["id"] is None
    await b.clock.advance(1)
    await b.until(lambda: b.row("d")["error_count"] == 2)
    b.trouble = None
    await b.clock.advance(1)
    await b.until(lambda: b.runs.running == ["a"])


async def test_another_filter_code_is_another_job(bench):
    b = await bench()
    await b.put("d", **URLS, filter="f/x")
    await b.until(lambda: b.runs.running == ["a1"])
    await b.clock.advance(60)
    assert b.runs.started == ["a1"]
    b.trouble = NotFound("the source is away")
    await b.clock.advance(60)
    assert b.row("d")["state"] == "running", "the job that there is goes on"
    b.trouble, b.filter_code = None, "2"
    await b.clock.advance(60)
    await b.until(lambda: b.runs.running == ["a2"])
    assert [job.id for job in b.scheduler.jobs()] == ["a2"]


async def test_a_cancelled_job_comes_back_with_the_next_edit(bench):
    b = await bench()
    await b.put("d", **URLS)
    await b.until(lambda: b.runs.running == ["a"])
    job = b.scheduler.job("a")
    b.scheduler.dismiss(job)
    await b.scheduler.gone(job)
    assert b.row("d") is None
    await b.put("d", **URLS, comment="again")
    await b.until(lambda: b.runs.running == ["a"])


async def test_deleting_the_database_stops_all(bench):
    b = await bench()
    await b.put("d", **URLS)
    await b.put("e", source="http://host/e", target="http://host/f")
    await b.until(lambda: b.runs.running == ["a", "e"])
    await b.node.registry.delete("_replicator")
    await b.until(lambda: not b.scheduler.jobs())
    assert b.runs.running == []
    await b.until(b.tasks[0].done)


async def test_a_database_made_anew_begins_anew(bench):
    b = await bench()
    b.runs.slow.add("a")
    await b.put("d", **URLS)
    await b.until(lambda: b.runs.running == ["a"])
    await b.node.registry.delete("_replicator")
    b.db = await b.node.registry.create("_replicator")
    b.follow(b.db)
    await b.put("d", **URLS)
    await b.until(lambda: b.runs.started == ["a", "a"])
    assert b.scheduler.job("a").origin.number == b.db.number


async def test_a_job_of_a_database_that_is_gone_is_no_duplicate(bench):
    b = await bench()
    await b.put("d", **URLS)
    await b.until(lambda: b.runs.running == ["a"])
    b.tasks[0].cancel()  # nobody has noticed yet that it is gone
    await b.node.registry.delete("_replicator")
    b.db = await b.node.registry.create("_replicator")
    b.follow(b.db)
    await b.put("d", **URLS)
    await b.until(lambda: b.runs.started == ["a", "a"])
    assert "_replication_state" not in b.get("d")


async def test_crashes_stay_out_of_the_document(bench):
    b = await bench()
    await b.put("d", **URLS)
    await b.until(lambda: b.runs.running == ["a"])
    b.runs.crash("a")
    await b.until(lambda: b.row("d")["state"] == "crashing")
    assert b.row("d")["info"] == {"error": "db_not_found: could not open it"}
    await b.rest()
    assert b.get("d") == URLS


async def test_states_are_written_where_the_settings_say_so(bench):
    b = await bench(update_docs=True)
    await b.put("d", **URLS)
    await b.until(lambda: b.get("d").get("_replication_state") == "triggered")
    assert b.get("d")["_replication_id"] == "a"
    b.runs.crash("a")
    await b.until(lambda: b.get("d").get("_replication_state") == "error")
    assert b.get("d")["_replication_state_reason"] == "db_not_found: could not open it"
    await b.clock.advance(30)
    await b.until(lambda: b.runs.running == ["a"])
    await b.complete("d")
    assert b.get("d")["_replication_state"] == "completed"
    await b.rest()
    assert b.runs.started == ["a", "a"]


async def test_what_is_told_late_does_not_take_a_final_state_away(bench):
    b = await bench(update_docs=True)
    await b.put("d", **URLS)
    await b.until(lambda: b.runs.running == ["a"])
    job = b.scheduler.job("a")
    await b.complete("d")
    b.followed[b.db.number].crashed(job, DocstoreError("late"))
    await b.rest()
    assert b.get("d")["_replication_state"] == "completed"


async def test_states_that_an_older_server_left_are_taken_away(bench):
    b = await bench()
    await b.put("d", **URLS, _replication_state="triggered", _replication_id="old")
    await b.until(lambda: b.runs.running == ["a"] and b.get("d") == URLS)
