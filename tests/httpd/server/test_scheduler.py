"""``/_scheduler``: jobs and replication documents, with their filters and pages; documents of ``_replicator``."""

import re

import pytest

from docstore.settings import ReplicatorSettings
from docstore.testing import run_node
from tests.httpd.asking import Database
from tests.httpd.replicating import Server, present

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@pytest.fixture
async def s(server, client):
    made = Server(server, client)
    await made.a.create()
    await made.b.create()
    await made.a.write("x", {"v": 1})
    return made


@pytest.fixture
async def r(s):
    """The database ``_replicator``."""
    return await Database(s.root.client, "_replicator").create()


async def state(s, doc_id, wanted, database="_replicator"):
    """The row of a document, once it is in this state."""

    async def told():
        answer = await s.ask("GET", f"_scheduler/docs/{database}/{doc_id}")
        return answer.json if answer.json.get("state") == wanted else None

    return await s.until(told)


async def listed(s, query=""):
    answer = await s.ask("GET", f"_scheduler/docs{query}")
    assert answer.status == 200, answer
    return answer.json["total_rows"], answer.json["offset"], [row["doc_id"] for row in answer.json["docs"]]


# --- documents


async def test_a_document_is_carried_out_and_says_so(s, r):
    rev = await r.write("d", s.ends())
    row = await state(s, "d", "completed")
    info = row.pop("info")
    assert info["docs_written"] == 1
    assert TIME.fullmatch(row.pop("last_updated"))
    assert TIME.fullmatch(row.pop("start_time"))
    assert row == {
        "database": "_replicator",
        "doc_id": "d",
        "id": None,
        "source": f"{s.url}/a/",
        "target": f"{s.url}/b/",
        "state": "completed",
        "error_count": 0,
    }
    document = (await r.get("d")).json
    assert document.pop("_rev") != rev
    assert TIME.fullmatch(document.pop("_replication_state_time"))
    stats = document.pop("_replication_stats")
    assert stats.pop("start_time")
    assert stats == info
    assert document == {"_id": "d", **s.ends(), "owner": None, "_replication_state": "completed"}
    assert await present(s.b, "x")


async def test_a_continuous_document_runs(s, r):
    await r.write("d", s.ends(continuous=True))
    row = await state(s, "d", "running")
    assert row["id"].endswith("+continuous")
    assert row["node"] == "docstore@127.0.0.1"
    assert (row["source_proxy"], row["target_proxy"], row["error_count"]) == (None, None, 0)
    [job] = await s.jobs()
    assert (job["database"], job["doc_id"], job["id"]) == ("_replicator", "d", row["id"])
    assert [event["type"] for event in job["history"]] == ["started", "added"]
    await s.until(lambda: present(s.b, "x"))
    rev = (await r.get("d")).json["_rev"]
    await r.delete(f"d?rev={rev}")

    async def gone():
        return await s.jobs() == []

    await s.until(gone)
    assert (await s.ask("GET", "_scheduler/docs/_replicator/d")).error == (404, "not_found", "missing")


async def test_a_crashing_document_does_not_change(s, r):
    rev = await r.write("d", s.ends(target=f"{s.url}/none"))
    row = await state(s, "d", "crashing")
    assert row["info"] == {"error": f"db_not_found: could not open {s.url}/none/"}
    assert row["error_count"] == 1
    [job] = await s.jobs()
    assert job["pid"] is None
    assert [event["type"] for event in job["history"]] == ["crashed", "started", "added"]
    assert job["history"][0]["reason"] == row["info"]["error"]
    assert (await r.get("d")).json["_rev"] == rev


async def test_documents_are_checked_before_they_are_written(s, r):
    refused = (403, "forbidden", "Missing replicator database")
    assert (await r.put("d", {})).error == refused
    assert (await s.ask("POST", "_replicator", {"_id": "d"})).error == refused
    good = {"_id": "e", **s.ends()}
    assert (await r.post("_bulk_docs", {"docs": [good, {"_id": "d"}]})).error == refused
    assert (await r.get("_all_docs")).json["rows"] == []
    assert (await r.put("d?new_edits=false", {"_rev": "1-a"})).status == 201
    assert (await state(s, "d", "failed"))["info"] == {"error": "Missing replicator database"}
    assert (await r.put("_design/d", {})).status == 201
    assert (await r.put("_local/d", {})).status == 201


async def test_a_duplicate_fails(s, r):
    await r.write("d", s.ends(continuous=True))
    job_id = (await state(s, "d", "running"))["id"]
    await r.write("e", s.ends(continuous=True))
    row = await state(s, "e", "failed")
    assert row["info"] == {
        "error": f"Replication `{job_id}` specified by document `e` already started, triggered by document `d` from db"
        " `_replicator`"
    }
    assert row["start_time"] == row["last_updated"]


async def test_a_request_for_what_a_document_does_joins_it(s, r):
    await r.write("d", s.ends(continuous=True))
    job_id = (await state(s, "d", "running"))["id"]
    assert (await s.replicate(**s.ends(continuous=True))).json == {"ok": True, "_local_id": job_id}
    [job] = await s.jobs()
    assert job["doc_id"] == "d"


async def test_other_replicator_databases(s):
    other = await Database(s.root.client, "x%2Fy%2F_replicator").create()
    await other.write("d", s.ends())
    for path in ("x%2Fy%2F_replicator", "x/y/_replicator"):
        assert (await state(s, "d", "completed", path))["database"] == "x/y/_replicator"
        assert (await s.ask("GET", f"_scheduler/docs/{path}")).json["docs"][0]["doc_id"] == "d"
    await other.write("e", s.ends(continuous=True))
    await state(s, "e", "running", "x%2Fy%2F_replicator")
    await other.delete("")

    async def gone():
        return await s.jobs() == []

    await s.until(gone)


# --- lists


async def test_without_the_database(s):
    assert (await s.ask("GET", "_scheduler/docs")).error == (404, "not_found", "Database does not exist.")
    assert (await s.ask("GET", "_scheduler/jobs")).json == {"total_rows": 0, "offset": 0, "jobs": []}


async def test_an_empty_list(s, r):
    answer = await s.ask("GET", "_scheduler/docs")
    assert answer.body == b'{"total_rows":0,"offset":0,"docs":[\r\n\r\n]}\n'
    assert (await s.ask("HEAD", "_scheduler/docs")).status == 200


async def test_pages_and_states(s, r):
    for name in ("d1", "d2"):
        await r.write(name, {**s.ends(), "doc_ids": [name]})
        await state(s, name, "completed")
    for name in ("c1", "c2"):
        await r.write(name, {**s.ends(continuous=True), "doc_ids": [name]})
        await state(s, name, "running")
    await r.write("bad", s.ends(source=f"{s.url}/none"))
    await state(s, "bad", "crashing")
    assert await listed(s) == (5, 0, ["bad", "c1", "c2", "d1", "d2"])
    assert await listed(s, "/_replicator?descending=true") == (5, 0, ["d2", "d1", "c2", "c1", "bad"])
    assert await listed(s, "?skip=1&limit=2") == (5, 1, ["c1", "c2"])
    assert await listed(s, "?limit=0") == (5, 0, [])
    assert await listed(s, "?skip=9") == (5, 5, [])
    assert await listed(s, '?startkey="c2"') == (5, 2, ["c2", "d1", "d2"])
    assert await listed(s, "?states=completed") == (5, 0, ["d1", "d2"])
    assert await listed(s, "?states=completed,crashing") == (5, 0, ["bad", "d1", "d2"])
    assert await listed(s, "?states=COMPLETED&skip=1&limit=1") == (5, 1, ["d2"])
    assert await listed(s, "?states=failed") == (5, 0, [])
    answer = await s.ask("GET", "_scheduler/jobs?limit=2&skip=1")
    everything = [job["id"] for job in await s.jobs()]
    assert everything == sorted(everything)
    assert [job["id"] for job in answer.json["jobs"]] == everything[1:3]
    assert (answer.json["total_rows"], answer.json["offset"]) == (3, 1)
    assert (await s.ask("GET", "_scheduler/jobs?skip=9")).json == {"total_rows": 3, "offset": 3, "jobs": []}


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("jobs?limit=x", "limit must be an integer"),
        ("jobs?skip=-1", "skip not in range of [0,infinity]"),
        ("docs?limit=x", 'Invalid value for integer: "x"'),
        (
            "docs?states=completed,sleeping",
            "States must be one or more of [initializing,error,running,pending,crashing,completed,failed]",
        ),
    ],
)
async def test_bad_parameters(s, r, path, reason):
    assert (await s.ask("GET", f"_scheduler/{path}")).error == (400, "query_parse_error", reason)


@pytest.mark.parametrize("path", ["a/b", "a", "_replicator/d/e", "x/_replicator/d/e"])
async def test_paths_that_name_no_replicator_database(s, r, path):
    assert (await s.ask("GET", f"_scheduler/docs/{path}")).error == (400, "bad_request", "")


async def test_what_is_missing(s, r):
    missing = (404, "not_found", "missing")
    for path in ("jobs/none", "docs/_replicator/none", "none"):
        assert (await s.ask("GET", f"_scheduler/{path}")).error == missing
    answer = await s.ask("PUT", "_scheduler/jobs", {})
    assert (answer.status, answer.headers["Allow"]) == (405, "GET,HEAD")


async def test_one_job(s):
    job_id = (await s.replicate(**s.ends(continuous=True))).json["_local_id"]
    [job] = await s.jobs()
    for path in (job_id, job_id.replace("+", "%2B"), job_id.replace("+", "%20")):
        answer = (await s.ask("GET", f"_scheduler/jobs/{path}")).json
        assert answer | {"info": None} == job | {"info": None}


# --- restart


async def test_restart(tmp_path):
    import aiohttp

    async with run_node(data=tmp_path) as server, aiohttp.ClientSession(server.url) as client:
        s = Server(server, client)
        await s.a.create()
        await s.b.create()
        for name in ("_replicator", "x%2F_replicator"):
            await Database(client, name).create()
        r, x = Database(client, "_replicator"), Database(client, "x%2F_replicator")
        await r.write("done", s.ends())
        await state(s, "done", "completed")
        await r.write("on", {"source": {"url": f"{s.url}/a"}, "target": f"{s.url}/none", "continuous": True})
        await x.write("x", {**s.ends(target=f"{s.url}/none"), "doc_ids": ["x"]})
        await state(s, "on", "crashing")
        await state(s, "x", "crashing", "x%2F_replicator")
        done = (await r.get("done")).json["_rev"]
        port = int(server.url.rpartition(":")[2])
    async with run_node(data=tmp_path, port=port) as server, aiohttp.ClientSession(server.url) as client:
        s = Server(server, client)
        await state(s, "on", "crashing")
        await state(s, "x", "crashing", "x%2F_replicator")
        assert {job["doc_id"] for job in await s.jobs()} == {"on", "x"}
        assert (await Database(client, "_replicator").get("done")).json["_rev"] == done


async def test_turns(tmp_path):
    """With one place and two continuous replications, both get everything."""
    import aiohttp

    quick = ReplicatorSettings(max_jobs=1, interval=0.2)
    async with run_node(data=tmp_path, replicator=quick) as server, aiohttp.ClientSession(server.url) as client:
        s = Server(server, client)
        await s.a.create()
        await s.b.create()
        other = await Database(client, "c").create()
        await s.a.write("x", {})
        await s.replicate(**s.ends(continuous=True))
        await s.replicate(**s.ends(target=f"{s.url}/c", continuous=True))
        await s.until(lambda: present(other, "x"))

        async def shared():
            jobs = await s.jobs()
            kinds = [[event["type"] for event in job["history"]] for job in jobs]
            return all(kind.count("started") >= 2 and "stopped" in kind for kind in kinds)

        await s.until(shared)
