"""``_conflicts``, and ``conflicts_only`` of ``_all_docs`` and ``_changes``."""

import pytest

IDS = ["_design/x", "a", "a/b", "c"]


@pytest.fixture
async def forked(db):
    for doc_id in IDS:
        revs = [{"_id": doc_id, "_rev": f"1-{letter * 32}", "n": letter} for letter in "abc"]
        await db.replicate(*revs, {"_id": doc_id, "_rev": "2-" + "d" * 32, "_deleted": True})
    await db.write("b", {})
    return db


def ids(answer):
    assert answer.status == 200, answer
    return [row["id"] for row in answer.json["rows"]]


async def test_the_text(forked):
    answer = await forked.get("_conflicts?limit=2&startkey=%22a%22")
    assert answer.body == (
        b'{"total_rows":4,"rows":[\r\n'
        b'{"id":"a","key":"a","value":{"rev":"1-%b","conflicts":["1-%b","1-%b"]}},\r\n'
        b'{"id":"a/b","key":"a/b","value":{"rev":"1-%b","conflicts":["1-%b","1-%b"]}}\r\n'
        b"]}\n" % tuple(letter * 32 for letter in (b"c", b"b", b"a", b"c", b"b", b"a"))
    )
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "must-revalidate"


async def test_no_conflicts(db):
    await db.write("a", {})
    assert (await db.get("_conflicts")).body == b'{"total_rows":0,"rows":[\r\n\r\n]}\n'


async def test_the_query_string(forked):
    assert ids(await forked.get("_conflicts")) == IDS
    assert ids(await forked.get("_conflicts?descending=true&limit=3&skip=1")) == IDS[-2::-1]
    assert ids(await forked.get('_conflicts?key="c"')) == ["c"]
    assert ids(await forked.get('_conflicts?start_key="a"&end_key="b"')) == ["a", "a/b"]
    assert ids(await forked.get('_conflicts?startkey="a"&endkey="c"&inclusive_end=false')) == ["a", "a/b"]
    [row] = (await forked.get('_conflicts?key="a"&include_docs=true&counts=true')).json["rows"]
    assert row["value"]["counts"] == {"live": 3, "deleted": 1}
    assert row["doc"] == {"_id": "a", "_rev": "1-" + "c" * 32, "n": "c"}
    [row] = (await forked.get('_conflicts?key="a"&include_docs=true&conflicts=true')).json["rows"]
    assert row["doc"]["_conflicts"] == row["value"]["conflicts"]
    assert "counts" not in row["value"]


async def test_the_body(forked):
    assert ids(await forked.post("_conflicts", {})) == IDS
    assert ids(await forked.post("_conflicts", {"startkey": "a", "limit": 1, "descending": False})) == ["a"]
    [row] = (await forked.post("_conflicts", {"key": "c", "counts": True, "include_docs": True})).json["rows"]
    assert (row["value"]["counts"]["live"], row["doc"]["n"]) == (3, "c")
    [row] = (await forked.post("_conflicts?counts=false&limit=1", {"counts": True})).json["rows"]
    assert "counts" not in row["value"], "the query string counts before the body"


@pytest.mark.parametrize(
    ("query", "body", "reason"),
    [
        ("limit=-1", {}, 'Invalid value for positive integer: "-1"'),
        ("descending=foo", {}, 'Invalid boolean parameter: "foo"'),
        ("counts=foo", {}, 'Invalid boolean parameter: "foo"'),
        ("", {"counts": 1}, "Invalid boolean parameter: 1"),
        ("", {"keys": ["a"]}, "`keys` is not supported by _conflicts; `conflicts_only` of _all_docs takes it."),
        ("reduce=true", {}, "Reduce is invalid for map-only views."),
    ],
)
async def test_what_cannot_be_asked(forked, query, body, reason):
    assert (await forked.post(f"_conflicts?{query}", body)).error == (400, "query_parse_error", reason)
    if not body:
        assert (await forked.get(f"_conflicts?{query}")).error == (400, "query_parse_error", reason)


async def test_methods_and_types(forked):
    head = await forked.ask("HEAD", "/_conflicts")
    assert (head.status, head.body) == (200, b"")
    assert (await forked.post("_conflicts", {}, Content_Type="text/plain")).status == 415
    answer = await forked.put("_conflicts", {})
    assert answer.error == (405, "method_not_allowed", "Only GET,HEAD,POST allowed")
    assert (await forked.client.get("/nope/_conflicts")).status == 404


async def test_a_resolved_conflict_is_gone(forked):
    for letter in "ab":
        assert (await forked.delete(f"c?rev=1-{letter * 32}")).status == 200
    assert ids(await forked.get("_conflicts")) == IDS[:-1]
    assert (await forked.get("_conflicts")).json["total_rows"] == 3


async def test_all_docs(forked):
    answer = await forked.get("_all_docs?conflicts_only=true&include_docs=true&conflicts=true")
    assert (answer.json["total_rows"], answer.json["offset"], ids(answer)) == (4, None, IDS)
    assert all(len(row["doc"]["_conflicts"]) == 2 for row in answer.json["rows"])
    assert ids(await forked.post("_all_docs", {"conflicts_only": True, "startkey": "b"})) == ["c"]
    assert ids(await forked.post("_all_docs?conflicts_only=true", {"keys": ["c", "b", "nope"]})) == ["c"]
    assert ids(await forked.get("_design_docs?conflicts_only=true")) == ["_design/x"]
    [first, second] = (
        await forked.post("_all_docs/queries", {"queries": [{"conflicts_only": True, "limit": 1}, {"limit": 1}]})
    ).json["results"]
    assert (first["offset"], second["offset"]) == (None, 0)
    wrong = await forked.get("_all_docs?conflicts_only=maybe")
    assert wrong.error == (400, "query_parse_error", 'Invalid boolean parameter: "maybe"')
    plain = await forked.get("_all_docs?conflicts_only=false")
    assert plain.body == (await forked.get("_all_docs")).body


async def test_changes(forked):
    answer = await forked.get("_changes?conflicts_only=true")
    assert [row["id"] for row in answer.json["results"]] == IDS
    assert answer.json["pending"] == 0
    assert answer.json["last_seq"] == (await forked.get("_changes")).json["last_seq"]
    limited = await forked.get("_changes?conflicts_only=true&limit=3")
    assert limited.json["pending"] == 2, "one in conflict and one that is not were not looked at"
    rest = await forked.get(f"_changes?conflicts_only=true&since={limited.json['last_seq']}")
    assert [row["id"] for row in rest.json["results"]] == IDS[3:]
    both = await forked.post("_changes?conflicts_only=true&filter=_doc_ids", {"doc_ids": ["a", "b"]})
    assert [row["id"] for row in both.json["results"]] == ["a"]
    ignored = await forked.get("_changes?conflicts_only=yes")
    assert len(ignored.json["results"]) == 5, "flags of _changes are set by the very word"


async def test_a_feed_tells_of_new_conflicts(forked):
    since = (await forked.get("_changes")).json["last_seq"]
    assert (await forked.get(f"_changes?conflicts_only=true&since={since}")).json["results"] == []
    await forked.write("d", {})
    await forked.replicate({"_id": "b", "_rev": "1-" + "a" * 32})
    answer = await forked.get(f"_changes?conflicts_only=true&feed=longpoll&since={since}")
    assert [row["id"] for row in answer.json["results"]] == ["b"]
