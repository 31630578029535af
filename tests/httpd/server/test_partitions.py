"""Partitioned databases: ids, what a partition tells, and what can be asked of one."""

import json

import pytest

from tests.httpd.asking import Database

NO_PARTITION = (400, "illegal_docid", "Doc id must be of form partition:id")


@pytest.fixture
async def parts(client):
    """A partitioned database with two partitions, and one deleted document."""
    db = Database(client)
    assert (await db.ask("PUT", "?partitioned=true")).status == 201
    docs = [{"_id": f"{name}:{n}", "n": n, "text": name * 9} for name in "ab" for n in range(4)]
    await db.post("_bulk_docs", {"docs": docs})
    assert (await db.delete(f"b:3?rev={await rev_of(db, 'b:3')}")).status == 200
    return db


async def rev_of(db, doc_id):
    return (await db.get(doc_id)).json["_rev"]


async def ids(db, path):
    answer = await db.get(path)
    assert answer.status == 200, answer
    return [row["id"] for row in answer.json["rows"]]


async def test_the_database_tells_that_it_is_partitioned(parts, client):
    assert (await parts.get("")).json["props"] == {"partitioned": True}
    assert (await (await client.get("/_dbs_info")).json())[0]["info"]["props"] == {"partitioned": True}
    assert "partitioned" in (await (await client.get("/")).json())["features"]


@pytest.mark.parametrize("name", ["_users", "_replicator", "_global_changes", "a%2F_users", "a%2F_replicator"])
async def test_databases_of_the_system_have_none(client, name):
    answer = await Database(client, name).ask("PUT", "?partitioned=true")
    assert answer.error == (400, "bad_request", "Cannot partition a system database")
    assert (await client.get(f"/{name}")).status == 404


WRITES = [
    ("PUT", "nopart", {}),
    ("PUT", "nopart?batch=ok", {}),
    ("PUT", "nopart?new_edits=false", {"_rev": "1-" + "a" * 32}),
    ("PUT", "a:9", {"_id": "nopart"}),
    ("POST", "", {"_id": "nopart"}),
    ("POST", "", {}),
    ("POST", "?batch=ok", {}),
    ("POST", "_bulk_docs", {"docs": [{"_id": "a:9"}, {"_id": "nopart"}]}),
    ("POST", "_bulk_docs", {"docs": [{"_id": "a:9"}, {}]}),
    ("POST", "_bulk_docs", {"docs": [{"_id": "nopart", "_attachments": {"a": {"data": ""}}}]}),
    ("POST", "_bulk_docs", {"docs": [{"_id": "nopart", "_rev": "1-" + "a" * 32}], "new_edits": False}),
    ("PUT", "nopart/att", b"bytes"),
]


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
async def test_no_write_makes_a_document_outside_of_partitions(parts, method, path, body):
    before = (await parts.get("")).json
    assert (await parts.ask(method, f"/{path}", body)).error == NO_PARTITION
    after = (await parts.get("")).json
    assert (after["doc_count"], after["update_seq"]) == (before["doc_count"], before["update_seq"])


READS = [
    ("GET", "nopart", None),
    ("GET", "nopart?revs=true", None),
    ("GET", "nopart?open_revs=all", None),
    ("GET", 'nopart?open_revs=["1-a"]', None),
    ("GET", "nopart/att", None),
    ("DELETE", "nopart", None),
    ("DELETE", "nopart?rev=x", None),
    ("DELETE", "nopart/att", None),
    ("POST", "_revs_diff", {"a:1": ["1-a"], "nopart": []}),
    ("POST", "_missing_revs", {"nopart": ["1-a"]}),
    ("POST", "_purge", {"a:1": ["1-" + "a" * 32], "nopart": ["1-" + "a" * 32]}),
    ("GET", '_all_docs?keys=["a:1","nopart"]', None),
    ("POST", "_all_docs", {"keys": ["nopart", 5]}),
    ("POST", "_all_docs/queries", {"queries": [{"limit": 1}, {"keys": ["a:1", "nopart"]}]}),
]


@pytest.mark.parametrize(("method", "path", "body"), READS)
async def test_no_read_asks_for_one(parts, method, path, body):
    assert (await parts.ask(method, f"/{path}", body)).error == NO_PARTITION


async def test_rows_of_bulk_get_that_ask_for_one(parts):
    asked = [{"id": "nopart", "rev": "1-a"}, {"id": ":x"}, {"id": "a:1"}]
    found = (await parts.post("_bulk_get", {"docs": asked})).json["results"]
    told = [row["docs"][0].get("error") for row in found]
    assert told[0] == {"id": "nopart", "rev": None, "error": "illegal_docid", "reason": NO_PARTITION[2]}
    assert told[1] == {"id": ":x", "rev": None, "error": "illegal_partition", "reason": "Partition must not be empty"}
    assert told[2] is None


async def test_ids_that_are_odd_otherwise_are_just_not_there(parts):
    for doc_id in (":x", "a:", "_x"):
        assert (await parts.get(doc_id)).error == (404, "not_found", "missing")


@pytest.mark.parametrize(
    ("docs", "error", "reason"),
    [
        ([{}, {"_id": ":x"}], "illegal_partition", "Partition must not be empty"),
        ([{"_id": "nopart"}, {"_id": "_bad"}], "illegal_docid", NO_PARTITION[2]),
        (
            [{"_id": "_bad"}, {"_id": "nopart"}],
            "illegal_docid",
            "Only reserved document ids may start with underscore.",
        ),
        ([{"_id": f"a:{n}", "text": "x" * 300} for n in range(900)] + [{"_id": ":x"}, {}], "illegal_partition", None),
    ],
)
async def test_the_first_bad_document_is_told(parts, docs, error, reason):
    answer = await parts.post("_bulk_docs", {"docs": docs, "all_or_nothing": True})
    assert (answer.status, answer.json["error"]) == (400, error)
    assert reason is None or answer.json["reason"] == reason
    assert (await parts.get("")).json["doc_count"] == 7


async def test_many_documents_at_once(parts):
    docs = [{"_id": f"c:{n:04}", "text": "x" * 300} for n in range(1200)]
    assert all(row["ok"] for row in (await parts.post("_bulk_docs", {"docs": docs})).json)
    assert (await parts.get("_partition/c")).json["doc_count"] == 1200


async def test_a_write_with_an_idempotency_key_is_refused_too(parts):
    for method, path, body in WRITES:
        answer = await parts.ask(method, f"/{path}", body, Idempotency_Key='"k"')
        assert answer.json["error"] == "illegal_docid"


@pytest.mark.parametrize(
    "headers",
    [{"Upload-Complete": "?0"}, {"Tus-Resumable": "1.0.0", "Upload-Length": "7"}],
)
async def test_no_upload_begins_for_such_a_document(parts, headers):
    method = "POST" if "Tus-Resumable" in headers else "PUT"
    answer = await parts.ask(method, "/nopart/att", b"", **headers)
    assert answer.json["error"] == "illegal_docid"


async def test_a_copy_into_no_partition_is_refused(parts):
    assert (await parts.ask("COPY", "/a:0", Destination="nopart")).error == NO_PARTITION
    assert (await parts.ask("COPY", "/a:0", Destination="c:0")).status == 201


async def test_functions_that_update_are_held_to_it(parts):
    updates = {"u": "function(doc, req) { return [{_id: 'nopart'}, 'done']; }"}
    await parts.write("_design/u", {"updates": updates})
    assert (await parts.post("_design/u/_update/u", {})).error == NO_PARTITION
    assert (await parts.post("_partition/a/_design/u/_update/u", {})).error == NO_PARTITION


async def test_design_and_local_documents_are_in_no_partition(parts):
    await parts.write("_design/d", {})
    assert (await parts.put("_local/l", {})).status == 201
    assert (await parts.get("_partition/a")).json["doc_count"] == 4


async def test_what_a_partition_holds(parts):
    told = (await parts.get("_partition/b")).json
    assert list(told) == ["db_name", "sizes", "partition", "doc_count", "doc_del_count"]
    sizes = told.pop("sizes")
    assert told == {"db_name": "db", "partition": "b", "doc_count": 3, "doc_del_count": 1}
    bodies = [json.dumps({"n": n, "text": "b" * 9}, separators=(",", ":")) for n in range(3)]
    assert sizes["external"] == sum(map(len, bodies))
    assert sizes["active"] > sizes["external"]
    assert (await parts.ask("HEAD", "/_partition/b")).status == 200


async def test_bounds_of_a_partition(parts):
    await parts.post("_bulk_docs", {"docs": [{"_id": "a;:x"}, {"_id": "a/:x"}, {"_id": "a\x00:x"}, {"_id": "aa:x"}]})
    assert (await parts.get("_partition/a")).json["doc_count"] == 4
    assert await ids(parts, "_partition/a/_all_docs") == [f"a:{n}" for n in range(4)]
    assert await ids(parts, "_partition/a%3B/_all_docs") == ["a;:x"]
    assert await ids(parts, "_partition/a%00/_all_docs") == ["a\x00:x"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "0123"),
        ("?descending=true", "3210"),
        ('?startkey="a:2"', "23"),
        ('?endkey="a:2"&inclusive_end=false', "01"),
        ('?startkey="a:2"&endkey="b:1"', "23"),
        ('?startkey="A"&endkey="a:0"', "0"),
        ('?startkey="b:0"', ""),
        ('?descending=true&startkey="a:1"', "10"),
        ('?descending=true&startkey="b:1"&endkey="a:2"', "32"),
        ("?startkey=5", "0123"),
        ("?endkey=5", ""),
        ("?skip=1&limit=2", "12"),
        ('?key="a:1"', "1"),
        ('?key="b:1"', ""),
        ("?partition=a", "0123"),
        ("?startkey_docid=a:2&endkey_docid=a:2", "0123"),
    ],
)
async def test_documents_of_a_partition(parts, query, expected):
    assert await ids(parts, f"_partition/a/_all_docs{query}") == [f"a:{n}" for n in expected]
    separator = "&" if query else "?"
    if "partition=" not in query:
        assert await ids(parts, f"_all_docs{query}{separator}partition=a") == [f"a:{n}" for n in expected]


@pytest.mark.parametrize(
    ("query", "offset"),
    [
        ("", 4),
        ("?skip=2", 6),
        ("?skip=9", 7),
        ('?startkey="b:1"&skip=9', 7),
        ('?endkey="b:1"&skip=9', 6),
        ('?endkey="b:1"&inclusive_end=false&skip=9', 5),
        ('?startkey="b:7"&skip=1', 7),
        ("?descending=true", 0),
        ("?descending=true&skip=9", 3),
        ('?descending=true&endkey="b:1"&skip=9', 2),
        ('?descending=true&endkey="b:1"&inclusive_end=false&skip=9', 1),
        ("?limit=0&skip=2", 6),
    ],
)
async def test_the_offset_counts_no_further_than_the_partition(parts, query, offset):
    assert (await parts.get(f"_partition/b/_all_docs{query}")).json["offset"] == offset


async def test_several_listings_of_a_partition(parts):
    queries = [{"limit": 1}, {"keys": ["a:1", "b:1"]}]
    answer = await parts.post("_partition/b/_all_docs/queries", {"queries": queries})
    assert [[row["id"] for row in one["rows"]] for one in answer.json["results"]] == [["b:0"], ["a:1", "b:1"]]
    posted = await parts.post("_partition/b/_all_docs", {"startkey": "b:2"})
    assert [row["id"] for row in posted.json["rows"]] == ["b:2"]


REFUSED = [
    ("GET", "_partition", "bad_request", "invalid_partition_req"),
    ("GET", "_partition/_p", "illegal_partition", "Partition must not start with an underscore"),
    ("POST", "_partition/_p", "illegal_partition", "Partition must not start with an underscore"),
    ("GET", "_partition/a:b", "illegal_partition", "Partition must not contain a colon"),
    ("GET", "_partition/a:b/_all_docs", "illegal_partition", "Partition must not contain a colon"),
    ("GET", "_partition/a/_all_docs?partition=b", "bad_request", "Conflicting value for `partition` in query string"),
    ("GET", "_all_docs?partition=_a", "illegal_partition", "Partition must not start with an underscore"),
    ("GET", "_all_docs?partition=", "illegal_partition", "Partition must not be empty"),
    ("GET", "_partition/%FF/_all_docs", "illegal_partition", "Partition must be valid UTF-8"),
]


@pytest.mark.parametrize(("method", "path", "error", "reason"), REFUSED)
async def test_what_is_refused(parts, method, path, error, reason):
    assert (await parts.ask(method, f"/{path}")).error == (400, error, reason)


@pytest.mark.parametrize("path", ["_changes", "_bulk_get", "_security", "a:1", "_design", "_design/d", "_design/d/x"])
async def test_other_endpoints_are_not_below_a_partition(parts, path):
    await parts.write("_design/d", {})
    assert (await parts.get(f"_partition/a/{path}")).error == (404, "not_found", "missing")


async def test_options_are_asked_of_what_is_below_the_partition(parts):
    answer = await parts.ask("OPTIONS", "/_partition/a/_find")
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")
    assert (await parts.ask("OPTIONS", "/_partition/a/x")).error == (404, "not_found", "missing")
    assert (await parts.ask("OPTIONS", "/_partition")).error == (400, "bad_request", "invalid_partition_req")


async def test_methods(parts):
    for method in ("POST", "PUT", "DELETE"):
        answer = await parts.ask(method, "/_partition/a")
        assert (answer.status, answer.headers["Allow"]) == (405, "GET")
    answer = await parts.ask("PUT", "/_partition/a/_all_docs", {})
    assert (answer.status, answer.headers["Allow"]) == (405, "GET,HEAD,POST")


@pytest.mark.parametrize("path", ["_partition/a", "_partition/a/_all_docs", "_partition/_x/_all_docs"])
async def test_a_database_without_partitions(db, path):
    assert (await db.get(path)).error == (400, "bad_request", "database is not partitioned")


async def test_a_database_without_partitions_takes_no_such_parameter(db):
    assert (await db.get("")).json["props"] == {}
    reason = "`partition` parameter is not supported on this db"
    assert (await db.get("_all_docs?partition=a")).error == (400, "query_parse_error", reason)
    assert (await db.get("_partition/_x")).json["error"] == "illegal_partition"
    assert (await Database(db.client, "none").get("_partition/a")).status == 404


VIEWS = {
    "map": {"map": "function(doc) { emit(doc.n, doc.text.length); }"},
    "sum": {"map": "function(doc) { emit([doc.n % 2, doc.n], 1); }", "reduce": "_sum"},
}


async def test_views_of_a_partition(parts):
    await parts.write("_design/v", {"views": VIEWS})
    answer = await parts.get("_partition/b/_design/v/_view/map?startkey=1")
    assert answer.json == {
        "total_rows": 7,
        "offset": 5,
        "rows": [{"id": f"b:{n}", "key": n, "value": 9} for n in (1, 2)],
    }
    path = "_partition/a/_design/v/_view/sum"
    assert (await parts.get(path)).json["rows"] == [{"key": None, "value": 4}]
    assert (await parts.get(f"{path}?group_level=1")).json["rows"] == [{"key": [n], "value": 2} for n in (0, 1)]
    assert (await parts.get("_partition/none/_design/v/_view/sum")).json["rows"] == []
    queries = {"queries": [{"keys": [2, 0]}, {"limit": 1, "descending": True}]}
    found = (await parts.post("_partition/b/_design/v/_view/map/queries", queries)).json["results"]
    assert [[row["id"] for row in one["rows"]] for one in found] == [["b:2", "b:0"], ["b:2"]]
    await parts.write("b:0:more", {"n": 0, "text": ""})
    assert await ids(parts, "_partition/b/_design/v/_view/map?key=0") == ["b:0", "b:0:more"]
    assert (await parts.get("_partition/a/_design/v/_view/map?skip=9")).json["offset"] == 4


async def test_partitioned_and_global_views_in_one_database(parts):
    await parts.write("_design/p", {"views": VIEWS, "options": {"partitioned": True}})
    await parts.write("_design/g", {"views": VIEWS, "options": {"partitioned": False}})
    mandatory = "`partition` parameter is mandatory for queries to this view."
    not_supported = "`partition` parameter is not supported in this design doc"
    assert (await parts.get("_design/p/_view/map")).error == (400, "query_parse_error", mandatory)
    assert (await parts.get("_partition/a/_design/g/_view/map")).error == (400, "query_parse_error", not_supported)
    assert await ids(parts, "_design/g/_view/map?key=1") == ["a:1", "b:1"]
    assert await ids(parts, "_design/p/_view/map?key=1&partition=a") == ["a:1"]


async def test_lists_of_a_partition(parts):
    lists = {"l": "function(head, req) { var row; while (row = getRow()) send(row.id + ' '); }"}
    await parts.write("_design/v", {"views": VIEWS, "lists": lists})
    assert (await parts.get("_partition/a/_design/v/_list/l/map?limit=2")).body == b"a:0 a:1 "


async def test_a_view_of_design_documents_has_none_of_them_in_partitions(parts):
    views = {"all": {"map": "function(doc) { emit(doc._id); }"}}
    await parts.write("_design/v", {"views": views, "options": {"include_design": True}})
    assert len(await ids(parts, "_partition/a/_design/v/_view/all")) == 4


async def test_a_replication_makes_a_partitioned_database(parts, client):
    body = {"source": "db", "target": "copy", "create_target": True, "create_target_params": {"partitioned": True}}
    answer = await client.post("/_replicate", json=body)
    assert answer.status == 200, await answer.text()
    copy = Database(client, "copy")
    assert (await copy.get("")).json["props"] == {"partitioned": True}
    assert await ids(copy, "_partition/a/_all_docs") == [f"a:{n}" for n in range(4)]


@pytest.mark.parametrize(("source", "target"), [("plain", "db"), ("{url}/plain", "db"), ("plain", "{url}/db")])
async def test_what_belongs_to_no_partition_is_not_replicated(parts, client, server, source, target):
    plain = await Database(client, "plain").create()
    await plain.post("_bulk_docs", {"docs": [{"_id": "nopart"}, {"_id": "c:1"}, {"_id": "_design/d"}]})
    await plain.put("nopart2", {"_attachments": {"a": {"data": "eA==", "content_type": "image/png"}}})
    body = {"source": source.format(url=server.url), "target": target.format(url=server.url)}
    answer = await (await client.post("/_replicate", json=body)).json()
    assert answer["history"][0]["doc_write_failures"] == 2
    assert answer["history"][0]["docs_written"] == 2
    assert await ids(parts, "_partition/c/_all_docs") == ["c:1"]


async def test_a_local_document_is_in_no_partition_but_its_body_may_not_tell_a_bad_id(parts):
    assert (await parts.put("_local/l", {"_id": "other"})).error == NO_PARTITION
    for told in ("a:1", "_local/x"):
        assert (await parts.put("_local/l", {"_id": told})).status == 201
