"""The counters over HTTP, and the log line of a conflict."""

import logging

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from docstore.database.conflicts.statistics import SLOT_SECONDS, SLOTS
from docstore.settings import Admin
from docstore.testing import run_node
from docstore.workers.errors import WorkerFailed
from tests.httpd.asking import Database
from tests.httpd.attaching import until

PROBLEM = "application/problem+json"


async def metrics(client: aiohttp.ClientSession) -> dict[tuple[str, tuple], float]:
    """The samples by name and labels."""
    async with client.get("/_node/_local/_prometheus") as reply:
        assert (reply.status, reply.headers["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
        text = await reply.text()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_prometheus(client, db, server):
    await db.write("a", {"n": 1})
    await db.put("a", {"n": 2})
    await db.put("a", {"n": 1}, Prefer="handling=lenient")
    await db.put("a", {"n": 2}, Accept=PROBLEM)
    for _ in range(2):
        await db.put("b", {"n": 1}, Idempotency_Key="k")
    await db.ask("TRACE", "/a")
    found = await metrics(client)
    assert found["couchdb_httpd_requests_total", ()] == 8
    assert found["couchdb_httpd_request_methods", (("method", "PUT"),)] == 7
    assert found["couchdb_httpd_request_methods", (("method", "other"),)] == 1
    assert found["couchdb_httpd_status_codes", (("code", "409"),)] == 2
    assert found["couchdb_open_databases", ()] == 1
    assert found["couchdb_request_time_seconds_count", ()] == 8
    assert found["couchdb_request_time_seconds_sum", ()] > 0
    quantiles = [found["couchdb_request_time_seconds", (("quantile", name),)] for name in ("0.5", "0.75", "0.999")]
    assert quantiles == sorted(quantiles)
    assert found["couchdb_document_writes_total", ()] == 2
    assert found["couchdb_couch_replicator_jobs_running", ()] == 0
    assert found["couchdb_uptime_seconds", ()] >= 0
    assert found["docstore_conflicts_total", (("db", "db"), ("kind", "document-already-exists"))] == 2
    assert found["docstore_idempotent_replays_total", (("db", "db"),)] == 1
    assert found["docstore_lenient_successes_total", (("db", "db"),)] == 1
    assert found["docstore_document_conflicts_last_hour", (("db", "db"), ("doc", "a"))] == 2
    assert found["docstore_group_commits_total", ()] >= 3
    assert found["docstore_commands_total", ()] >= found["docstore_group_commits_total", ()]
    assert found["docstore_open_snapshots", ()] == 0
    assert found["docstore_data_file_bytes", ()] > 0
    assert found["process_open_fds", ()] > 0
    server.node.uploads.counts["bytes"] += 7
    assert (await metrics(client))["docstore_upload_bytes_total", ()] == 7


async def test_worker_processes(client, server):
    before = await metrics(client)
    assert before["docstore_worker_changes_total", (("event", "started"),)] == 0
    assert before["docstore_workers", ()] == 0
    await server.node.pool.run("docstore.core.rev:id_from_text", "x")
    with pytest.raises(WorkerFailed):
        await server.node.pool.run("docstore.core.rev:id_from_text", None)
    found = await metrics(client)
    assert found["docstore_worker_changes_total", (("event", "started"),)] == 1
    assert found["docstore_worker_jobs_total", (("outcome", "done"),)] == 1
    assert found["docstore_worker_jobs_total", (("outcome", "failed"),)] == 1
    assert found["docstore_worker_jobs_total", (("outcome", "lost"),)] == 0
    assert found["docstore_worker_wait_seconds_total", ()] > 0
    assert (found["docstore_workers", ()], found["docstore_workers_busy", ()]) == (1, 0)


async def test_ids_of_any_text(client, db):
    odd = 'new\nline "quoted" \\ é'
    for _ in range(2):
        await db.post("", {"_id": odd})
    found = await metrics(client)
    assert found["docstore_document_conflicts_last_hour", (("db", "db"), ("doc", odd))] == 1


async def test_of_which_node(client):
    async with client.get("/_node/docstore@127.0.0.1/_prometheus") as reply:
        assert reply.status == 200
    async with client.get("/_node/other/_prometheus") as reply:
        assert reply.status == 404


async def test_conflict_stats(client, db):
    async with client.get("/_docstore/conflict_stats") as reply:
        assert await reply.json() == {
            "conflicts": 0,
            "kinds": {},
            "databases": {},
            "idempotent_replays": {},
            "lenient_successes": {},
            "documents": {"seconds": SLOT_SECONDS * SLOTS, "most": []},
        }
    other = await Database(client, "other").create()
    for one in (db, other):
        first = await one.write("a", {"n": 1})
        await one.write(f"a?rev={first}", {"n": 2})
        await one.put("a", {"n": 3})
    await db.put(f"a?rev={first}", {"n": 3})
    await db.put("a", {"n": 1}, Prefer="handling=lenient")
    for _ in range(2):
        await other.put("b", {"n": 1}, Idempotency_Key="k")
    async with client.get("/_docstore/conflict_stats") as reply:
        assert await reply.json() == {
            "conflicts": 3,
            "kinds": {"document-already-exists": 2, "revision-superseded": 1},
            "databases": {
                "db": {"document-already-exists": 1, "revision-superseded": 1},
                "other": {"document-already-exists": 1},
            },
            "idempotent_replays": {"other": 1},
            "lenient_successes": {"db": 1},
            "documents": {
                "seconds": 3600,
                "most": [
                    {"db": "db", "id": "a", "conflicts": 2, "error": 0},
                    {"db": "other", "id": "a", "conflicts": 1, "error": 0},
                ],
            },
        }


async def test_only_for_the_administrator(tmp_path):
    async with (
        run_node(data=tmp_path / "closed", admin=Admin("anna", "pw")) as server,
        aiohttp.ClientSession(server.url) as client,
    ):
        for path in ("/_docstore/conflict_stats", "/_node/_local/_prometheus"):
            async with client.get(path) as reply:
                assert reply.status == 401


@pytest.fixture
def lines(caplog):
    """The log lines of conflicts so far."""
    caplog.set_level(logging.INFO, "docstore.httpd.conflicts")
    return lambda: [record.getMessage() for record in caplog.records if record.name == "docstore.httpd.conflicts"]


async def test_a_line_for_each_conflict(db, lines):
    first = await db.write("a", {"n": 1})
    await db.write(f"a?rev={first}", {"n": 2})
    plain = await db.put(f"a?rev={first}", {"n": 3})
    told = await db.put("a", {"n": 1}, Accept=PROBLEM)
    await db.put("", None)
    await db.put("a", {"n": 1}, Prefer="handling=lenient")
    rows = await db.post("_bulk_docs", {"docs": [{"_id": "b"}, {"_id": "a", "n": 7}]})
    ids = [answer.headers["X-Couch-Request-ID"] for answer in (plain, told, rows)]
    await until(lambda: len(lines()) == 3)
    assert lines() == [
        f"kind=revision-superseded method=PUT db=db doc=a rev={first} row=- id={ids[0]} user=-",
        f"kind=already-applied method=PUT db=db doc=a rev=- row=- id={ids[1]} user=-",
        f"kind=document-already-exists method=POST db=db doc=a rev=- row=1 id={ids[2]} user=-",
    ]


async def test_nobody_writes_lines_of_their_own(db, lines):
    for _ in range(2):
        await db.post("", {"_id": "x\nkind=forged db=y"})
    await until(lines)
    [line] = lines()
    assert "\n" not in line
    assert "doc=x%0Akind%3Dforged%20db%3Dy rev=-" in line
