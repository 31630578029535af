"""Last-Modified of documents, and the conditions that are stated by it (RFC 9110, 13.1.3, 13.1.4, 13.2.2)."""

import time

import pytest

from docstore.httpd.wire.http_dates import format_date
from tests.httpd.asking import Database

DAY = 86_400
NOW = int(time.time()) - 10 * DAY


class Clock:
    """The time of writes, in microseconds; that of replies is the real one."""

    def __init__(self) -> None:
        self.now = NOW * 1_000_000

    def __call__(self) -> int:
        return self.now

    def go(self, seconds: float) -> None:
        self.now += int(seconds * 1_000_000)


@pytest.fixture
def clock(server):
    server.node.registry._clock = clock = Clock()
    return clock


@pytest.fixture
async def db(clock, client):
    return await Database(client).create()


def date(after: int = 0) -> str:
    return format_date(NOW + after)


async def dated(db, path="a", **headers):
    return (await db.get(path, **headers)).headers.get("Last-Modified")


async def test_a_document_says_when_it_was_written(db, clock):
    rev = await db.write("a", {})
    assert await dated(db) == date()
    for query in ("?revs=true", "?attachments=true", f"?rev={rev}", "?local_seq=false"):
        assert await dated(db, f"a{query}") == date(), query
    assert (await db.ask("HEAD", "/a")).headers["Last-Modified"] == date()
    for query in ("?local_seq=true", "?revs_info=true", "?open_revs=all"):
        assert await dated(db, f"a{query}") is None, "where there is no ETag either"
    clock.go(60)
    await db.write("a", {"_rev": rev, "n": 1})
    assert await dated(db) == date(60)
    assert await dated(db, f"a?rev={rev}") is None, "of what is no leaf any more nobody knows"


async def test_no_cache_takes_it_for_fresh_because_it_is_old(db):
    await db.write("a", {})
    assert (await db.get("a")).headers["Expires"] == "0"
    await db.replicate({"_id": "b", "_rev": "1-" + "a" * 32})
    assert "Expires" not in (await db.get("b")).headers


async def test_of_large_attachments_too(db):
    await db.write("a", {"_attachments": {"x": {"content_type": "image/png", "data": "AAAA" * 400_000}}})
    assert await dated(db, "a?attachments=true") == date()
    assert await dated(db, "a?attachments=true", Accept="multipart/related") == date()
    assert (await db.get("a?attachments=true", If_Modified_Since=date())).status == 304
    assert "Last-Modified" not in (await db.get("a/x")).headers, "it may be older than the revision"


async def test_no_date_stands_for_two_states(db, clock):
    rev = await db.write("a", {})
    clock.go(0.5)
    rev = await db.write("a", {"_rev": rev, "n": 1})
    assert await dated(db) is None
    assert (await db.get("a", If_Modified_Since=date())).status == 200
    clock.go(-3600)
    rev = await db.write("a", {"_rev": rev, "n": 2})
    assert await dated(db) is None
    clock.go(3601)
    await db.write("a", {"_rev": rev, "n": 3})
    assert await dated(db) == date(1)


async def test_none_is_told_before_its_time(db, clock):
    clock.go(20 * DAY)
    await db.write("a", {})
    assert await dated(db) is None


async def test_nor_of_what_came_from_elsewhere_or_has_several_leaves(db, clock):
    await db.replicate({"_id": "a", "_rev": "1-" + "a" * 32})
    assert await dated(db) is None
    rev = await db.write("a", {"_rev": "1-" + "a" * 32, "n": 1})
    assert await dated(db) == date()
    await db.replicate({"_id": "a", "_rev": "1-" + "b" * 32})
    assert await dated(db) is None
    assert (await db.get("a", If_Modified_Since=date(DAY))).status == 200
    assert (await db.post("_purge", {"a": ["1-" + "b" * 32]})).status == 201
    assert await dated(db) is None, "though it is as it was"
    clock.go(1)
    await db.write("a", {"_rev": rev, "n": 2})
    assert await dated(db) == date(1)


@pytest.mark.parametrize("query", ["", "?revs=true"])
async def test_if_modified_since(db, query):
    await db.write("a", {})
    path = f"a{query}"
    known = await db.get(path, If_Modified_Since=date())
    assert (known.status, known.body) == (304, b"")
    assert known.headers["ETag"] == (await db.get(path)).headers["ETag"]
    assert (await db.get(path, If_Modified_Since=date(1))).status == 304
    assert (await db.get(path, If_Modified_Since=date(-1))).status == 200
    assert (await db.ask("HEAD", f"/{path}", If_Modified_Since=date())).status == 304
    for no_date in ("yesterday", "", "0", date().replace("GMT", "CET"), f"{date()}, {date()}"):
        assert (await db.get(path, If_Modified_Since=no_date)).status == 200, no_date


async def test_old_spellings_of_dates_are_read(db):
    await db.write("a", {})
    for form in ("%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"):
        assert (await db.get("a", If_Modified_Since=time.strftime(form, time.gmtime(NOW)))).status == 304, form
        assert (await db.get("a", If_Modified_Since=time.strftime(form, time.gmtime(NOW - 1)))).status == 200, form


async def test_tags_go_before_dates(db):
    rev = await db.write("a", {})
    assert (await db.get("a", If_None_Match='"1-x"', If_Modified_Since=date())).status == 200
    assert (await db.get("a", If_None_Match=f'"{rev}"', If_Modified_Since=date(-1))).status == 304
    assert (await db.get("a", If_Match='"1-x"', If_Unmodified_Since=date(-1))).status == 200, "If-Match as in CouchDB"
    assert (await db.get("a", If_None_Match=f'"{rev}"', If_Unmodified_Since=date(-1))).status == 412


async def test_if_unmodified_since_in_a_get(db):
    await db.write("a", {})
    assert (await db.get("a", If_Unmodified_Since=date())).status == 200
    assert (await db.get("a", If_Unmodified_Since="never")).status == 200
    refused = await db.get("a", If_Unmodified_Since=date(-1))
    assert refused.error == (
        412,
        "precondition_failed",
        "If-Unmodified-Since failed: it was modified after that.",
    )


async def test_if_unmodified_since_in_a_write(db, clock):
    rev = await db.write("a", {})
    refused = await db.put("a", {"_rev": rev}, If_Unmodified_Since=date(-1))
    assert refused.error[:2] == (412, "precondition_failed")
    assert (await db.delete(f"a?rev={rev}", If_Unmodified_Since=date(-1))).status == 412
    assert (await db.put("a", {}, If_Unmodified_Since=date(-1))).status == 412, "before a conflict is told"
    assert (await db.put("a", {}, If_Unmodified_Since=date())).status == 409, "it names no revision"
    assert (await db.get("a")).json["_rev"] == rev, "nothing was written"
    taken = await db.put("a", {"_rev": rev, "n": 1}, If_Unmodified_Since=date(-1), If_Match=f'"{rev}"')
    assert taken.status == 201, "beside If-Match it counts for nothing"
    clock.go(60)
    rev = (await db.put("a", {"_rev": taken.json["rev"], "n": 2}, If_Unmodified_Since=date())).json["rev"]
    assert await dated(db) == date(60)
    body = {"_rev": rev, "_attachments": {"x": {"data": "AAAA"}}}
    assert (await db.put("a", body, If_Unmodified_Since=date(59))).status == 412
    assert (await db.put("a", body, If_Unmodified_Since="never")).status == 201


async def test_where_there_is_no_date_it_counts_for_nothing(db):
    assert (await db.put("new", {}, If_Unmodified_Since=date(-1))).status == 201
    await db.replicate({"_id": "a", "_rev": "1-" + "a" * 32})
    assert (await db.put("a", {"_rev": "1-" + "a" * 32}, If_Unmodified_Since=date(-DAY))).status == 201
    rev = await db.write("gone", {})
    await db.delete(f"gone?rev={rev}")
    assert (await db.put("gone", {}, If_Unmodified_Since=date(-1))).status == 201
    await db.write("_local/a", {})
    assert (await db.put("_local/a", {}, If_Unmodified_Since=date(-1))).status == 201
    assert "Last-Modified" not in (await db.get("_local/a")).headers


async def test_a_write_that_is_not_waited_for_is_with_such_a_condition(db):
    rev = await db.write("a", {})
    assert (await db.put("a?batch=ok", {"_rev": rev}, If_Unmodified_Since=date(-1))).status == 412


async def test_the_condition_is_part_of_what_a_key_stands_for(db):
    rev = await db.write("a", {})
    body = {"_rev": rev, "n": 1}
    first = await db.put("a", body, If_Unmodified_Since=date(), Idempotency_Key="k")
    assert first.status == 201
    again = await db.put("a", body, If_Unmodified_Since=date(), Idempotency_Key="k")
    assert (again.status, again.json) == (201, first.json)
    assert (await db.put("a", body, If_Unmodified_Since=date(1), Idempotency_Key="k")).status == 422
