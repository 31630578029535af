"""``POST /_replicate``: replies, errors, and what it has to do with the jobs."""

import pytest

from tests.httpd.asking import Database
from tests.httpd.replicating import Server, present


@pytest.fixture
async def s(server, client):
    made = Server(server, client)
    await made.a.create()
    await made.b.create()
    await made.a.write("x", {"v": 1})
    return made


async def test_names_urls_and_objects(s):
    for source, target in (("a", "b"), (f"{s.url}/a", {"url": f"{s.url}/b"}), ({"url": f"{s.url}/a/"}, "b")):
        answer = await s.replicate(source=source, target=target)
        assert answer.status == 200
        assert next(iter(answer.json)) == "ok"
        assert answer.json["history"][0]["missing_checked"] == 1
    assert (await s.b.get("x")).json["v"] == 1
    assert await s.jobs() == []


async def test_a_second_run_has_nothing_to_do(s):
    await s.replicate(**s.ends())
    assert (await s.replicate(**s.ends())).json["no_changes"] is True


async def test_a_missing_database_is_told_as_500_and_leaves_no_job(s):
    answer = await s.replicate(source="a", target=f"{s.url}/none")
    assert answer.error == (500, "db_not_found", f"could not open {s.url}/none/")
    assert (await s.replicate(source="none", target="b")).error == (500, "db_not_found", "could not open none")
    assert await s.jobs() == []


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"source": "a"}, (500, "error", "Missing replicator database")),
        (
            {"source": "a", "target": "b", "continuous": 1},
            (400, "bad_request", "parameter `continuous` must be a boolean"),
        ),
        (
            {"source": "a", "target": "b", "query_params": [1]},
            (400, "bad_request", "parameter `query_params` must be an object"),
        ),
        (
            {"source": "a", "target": "b", "selector": {"n": {"$regex": "("}}},
            (400, "bad_arg", "Bad argument for operator $regex: <<40>>"),
        ),
        ({"source": "a", "target": "b", "filter": "none/such"}, 404),
        ([], (400, "bad_request", "Request body must be a JSON object")),
    ],
)
async def test_refused(s, body, error):
    answer = await s.ask("POST", "_replicate", body)
    assert (answer.status if isinstance(error, int) else answer.error) == error
    assert await s.jobs() == []


async def test_parameters_of_a_filter_may_be_any_json(s):
    answer = await s.replicate(**s.ends(filter="_design", query_params={"n": 1, "list": [1], "no": None}))
    assert answer.status == 200


async def test_the_body_is_json(s):
    answer = await Database(s.root.client, "_replicate").ask("POST", "", b"{}", Content_Type="text/plain")
    assert answer.error[:2] == (415, "bad_content_type")
    assert (await s.ask("GET", "_replicate")).status == 405


async def test_continuous(s):
    answer = await s.replicate(**s.ends(continuous=True))
    job_id = answer.json["_local_id"]
    assert answer.status == 202
    assert answer.json == {"ok": True, "_local_id": job_id}
    assert job_id.endswith("+continuous")
    [job] = await s.until(s.jobs)
    assert (job["id"], job["database"], job["doc_id"]) == (job_id, None, None)
    await s.a.write("y", {})
    await s.until(lambda: present(s.b, "y"))
    again = await s.replicate(**s.ends(continuous=True))
    assert (again.status, again.json) == (202, answer.json)
    assert len(await s.jobs()) == 1


@pytest.mark.parametrize("by", ["id", "_local_id", "replication_id", "options"])
async def test_cancel(s, by):
    job_id = (await s.replicate(**s.ends(continuous=True))).json["_local_id"]
    request = s.ends(continuous=True) if by == "options" else {by: job_id}
    answer = await s.replicate(cancel=True, **request)
    assert (answer.status, answer.json) == (200, {"ok": True, "_local_id": job_id})
    assert await s.jobs() == []
    assert (await s.replicate(cancel=True, **request)).error == (404, "not_found", "missing")


async def test_a_cancelled_replication_has_its_checkpoint(s):
    await s.replicate(**s.ends(continuous=True))

    async def done():
        [job] = await s.jobs()
        return job if (job["info"] or {}).get("through_seq") else None  # the document is there a little earlier

    job = await s.until(done)
    await s.replicate(cancel=True, id=job["id"])
    checkpoint = await s.b.get(f"_local/{job['id'].removesuffix('+continuous')}")
    assert checkpoint.json["history"][0]["docs_written"] == 1


async def test_active_tasks(s):
    await s.replicate(**s.ends(continuous=True))
    await s.until(lambda: present(s.b, "x"))

    async def told():
        [task] = (await s.ask("GET", "_active_tasks")).json
        return task if task.get("docs_written") == 1 and task["through_seq"] else None

    task = await s.until(told)
    [job] = await s.jobs()
    assert task | {"started_on": 0, "updated_on": 0, "node": ""} == job["info"] | {
        "node": "",
        "pid": job["pid"],
        "type": "replication",
        "started_on": 0,
        "updated_on": 0,
        "user": None,
        "replication_id": job["id"],
        "database": None,
        "doc_id": None,
        "source": f"{s.url}/a/",
        "target": f"{s.url}/b/",
        "continuous": True,
        "checkpoint_interval": 30_000,
    }
    await s.replicate(cancel=True, id=job["id"])
    assert (await s.ask("GET", "_active_tasks")).json == []


async def test_credentials_are_not_shown(s):
    url = s.url.replace("//", "//user:secret@")
    await s.replicate(source=f"{url}/a", target=f"{url}/b", continuous=True)
    shown = [await s.ask("GET", path) for path in ("_scheduler/jobs", "_active_tasks")]
    assert shown[0].json["jobs"][0]["source"] == f"{s.url}/a/"
    assert not any(b"secret" in answer.body for answer in shown)
