"""``_all_docs``, ``_design_docs`` and ``_local_docs``: the text around the rows, parameters and errors."""

import pytest

REV = "1-967a00dff5e02add41819138abb3284d"


@pytest.fixture
async def letters(db):
    """The documents a to e, ``_design/x``, and a deleted one."""
    rows = (await db.post("_bulk_docs", {"docs": [{"_id": name} for name in ("gone", "_design/x", *"abcde")]})).json
    await db.delete(f"gone?rev={rows[0]['rev']}")
    return db


async def listed(db, query="", body=None, path="_all_docs"):
    answer = await (db.get(f"{path}{query}") if body is None else db.post(f"{path}{query}", body))
    assert answer.status == 200, answer
    return answer.json["offset"], [row.get("id", row["key"]) for row in answer.json["rows"]]


async def test_text(letters):
    answer = await letters.get('_all_docs?startkey="d"')
    row = '{{"id":"{0}","key":"{0}","value":{{"rev":"{1}"}}}}'
    rows = ",\r\n".join(row.format(name, REV) for name in "de")
    assert answer.body.decode() == f'{{"total_rows":6,"offset":4,"rows":[\r\n{rows}\r\n]}}\n'
    assert answer.headers["Cache-Control"] == "must-revalidate"
    assert "ETag" not in answer.headers


async def test_head(letters):
    answer = await letters.ask("HEAD", "/_all_docs")
    assert (answer.status, answer.body) == (200, b"")
    assert (await letters.ask("HEAD", "/_all_docs?limit=x")).status == 400


@pytest.mark.parametrize(
    ("query", "offset", "rows"),
    [
        ("", 0, ["_design/x", *"abcde"]),
        ('?startkey="b"&endkey="d"', 2, [*"bcd"]),
        ('?start_key="b"&end_key="d"&inclusive_end=false', 2, [*"bc"]),
        ('?startkey="d"&endkey="b"&descending=true', 1, [*"dcb"]),
        ('?startkey="d"&endkey="b"', 4, []),
        ("?limit=0", 0, []),
        ("?skip=10", 6, []),
        ("?descending=true&limit=2&skip=1", 1, [*"dc"]),
        ('?key="c"', 3, ["c"]),
        ('?key="gone"', 6, []),
        ("?key=5", 0, []),
        ("?startkey_docid=d", 4, [*"de"]),
        ("?endkey_docid=a", 0, ["_design/x", "a"]),
        ('?start_key_doc_id=x&startkey="d"&end_key_doc_id=a', 4, []),
        ('?key="a"&startkey="b"', 2, []),
        ('?startkey="b"&key="a"', 1, ["a"]),
        ('?key="a"&endkey="b"', 1, [*"ab"]),
        ('?endkey="b"&key="a"', 1, ["a"]),
        ('?keys=["c","gone","nope"]', None, ["c", "gone", "nope"]),
        ("?keys=[]", None, []),
        ("?limit=1&stable=true&update=lazy&sorted=false&attachments=true&unknown=x&=y", 0, ["_design/x"]),
        ("?limit=1&stale=ok&reduce=false&group=false&group_level=0", 0, ["_design/x"]),
        ("?DESCENDING=true&limit=1", 0, ["_design/x"]),
        ("?descending=TRUE&limit=1", 0, ["e"]),
    ],
)
async def test_parameters(letters, query, offset, rows):
    assert await listed(letters, query) == (offset, rows)


@pytest.mark.parametrize(
    ("query", "body", "offset", "rows"),
    [
        ("", {}, 0, ["_design/x", *"abcde"]),
        ("", {"limit": 1, "descending": True}, 0, ["e"]),
        ("?limit=2", {"limit": 1}, 0, ["_design/x", "a"]),
        ("", {"startkey": "b", "endkey": "c"}, 2, ["b", "c"]),
        ("", {"key": "c"}, 3, ["c"]),
        ("?descending=true", {"keys": ["a", "b"]}, None, ["b", "a"]),
        ("?limit=1&skip=1", {"keys": [*"abc"]}, None, ["b"]),
        ('?keys=["a"]', {"keys": ["a"]}, None, ["a"]),
        ("", {"start_key": "d", "keys": ["a"]}, None, ["a"]),
        ("", {"stable": True, "update": False, "limit": 1}, 0, ["_design/x"]),
    ],
)
async def test_parameters_in_the_body(letters, query, body, offset, rows):
    assert await listed(letters, query, body) == (offset, rows)


async def test_keys(letters):
    answer = await letters.post("_all_docs?include_docs=true", {"keys": ["a", "gone", "nope", 1, None]})
    first, gone, *missing = answer.json["rows"]
    assert first == {"id": "a", "key": "a", "value": {"rev": REV}, "doc": {"_id": "a", "_rev": REV}}
    assert (gone["value"]["deleted"], gone["doc"]) == (True, None)
    assert missing == [{"key": key, "error": "not_found"} for key in ("nope", 1, None)]


async def test_conflicts(letters):
    await letters.replicate({"_id": "a", "_rev": "1-0"})
    for query in ("?include_docs=true&conflicts=true", '?include_docs=true&conflicts=true&keys=["a"]'):
        rows = (await letters.get(f"_all_docs{query}")).json["rows"]
        assert next(row["doc"]["_conflicts"] for row in rows if row["id"] == "a") == ["1-0"]


async def test_update_seq(letters):
    answer = await letters.get("_all_docs?update_seq=true&limit=1")
    assert list(answer.json) == ["total_rows", "offset", "update_seq", "rows"]
    assert answer.json["update_seq"] == (await letters.get("")).json["update_seq"]
    assert (await letters.get('_all_docs?update_seq=true&keys=["a"]')).json["update_seq"] is None
    assert (await letters.get("_local_docs?update_seq=true")).json["update_seq"] is None
    assert (await letters.get("_design_docs?update_seq=true")).json["update_seq"] is not None


@pytest.mark.parametrize(
    ("query", "error", "reason"),
    [
        ("limit=-1", "query_parse_error", 'Invalid value for positive integer: "-1"'),
        ("limit=x", "query_parse_error", 'Invalid value for integer: "x"'),
        (f"limit={2**59}", "query_parse_error", "Limit is too large, must not exceed 576460752303423487"),
        ("skip=-1", "query_parse_error", 'Invalid value for positive integer: "-1"'),
        ("descending=x", "query_parse_error", 'Invalid boolean parameter: "x"'),
        ("inclusive_end=", "query_parse_error", "Invalid boolean parameter: []"),
        ("include_docs=1", "query_parse_error", 'Invalid boolean parameter: "1"'),
        ("conflicts=x", "query_parse_error", 'Invalid boolean parameter: "x"'),
        ("update_seq=x", "query_parse_error", 'Invalid boolean parameter: "x"'),
        ("stale=foo", "query_parse_error", "Invalid value for `stale`."),
        ("stable=foo", "query_parse_error", "Invalid value for `stable`."),
        ("update=foo", "query_parse_error", "Invalid value for `update`."),
        ("reduce=true", "query_parse_error", "Reduce is invalid for map-only views."),
        ("group=true", "query_parse_error", "Invalid use of grouping on a map view."),
        ("group_level=1", "query_parse_error", "Invalid use of grouping on a map view."),
        (
            "group=false&group_level=1",
            "query_parse_error",
            "Can't specify group=false and group_level>0 at the same time",
        ),
        ("partition=x", "query_parse_error", "`partition` parameter is not supported on this db"),
        (
            'keys=["a"]&key="b"',
            "query_parse_error",
            "`keys` is incompatible with `key`, `start_key` and `end_key`",
        ),
        ("startkey=foo", "bad_request", "invalid UTF-8 JSON"),
        ("key=", "bad_request", "invalid UTF-8 JSON"),
        ("keys=foo", "bad_request", "invalid UTF-8 JSON"),
        ("keys=5", "bad_request", "`keys` parameter must be an array."),
        ("keys=null", "bad_request", "`keys` parameter must be an array."),
    ],
)
async def test_bad_parameters(letters, query, error, reason):
    for path in ("_all_docs", "_design_docs", "_local_docs"):
        assert (await letters.get(f"{path}?{query}")).error == (400, error, reason)


@pytest.mark.parametrize(
    ("body", "error", "reason"),
    [
        (b"", "bad_request", "invalid UTF-8 JSON"),
        (b"{", "bad_request", "invalid UTF-8 JSON"),
        ([], "bad_request", "Request body must be a JSON object"),
        ({"keys": "a"}, "bad_request", "`keys` body member must be an array."),
        ({"keys": None}, "bad_request", "`keys` body member must be an array."),
        ({"limit": "5"}, "query_parse_error", 'Invalid value for integer: <<"5">>'),
        ({"descending": 5}, "query_parse_error", "Invalid boolean parameter: 5"),
        (
            {"keys": ["a"], "start_key": "b"},
            "query_parse_error",
            "`keys` is incompatible with `key`, `start_key` and `end_key`",
        ),
    ],
)
async def test_bad_bodies(letters, body, error, reason):
    assert (await letters.post("_all_docs", body)).error == (400, error, reason)


async def test_content_type(letters):
    answer = await letters.post("_all_docs", {}, Content_Type="text/plain")
    assert answer.error == (415, "bad_content_type", "Content-Type must be application/json")


async def test_wrong_methods(letters):
    for path in ("_all_docs", "_design_docs", "_local_docs"):
        answer = await letters.delete(path)
        assert answer.error == (405, "method_not_allowed", "Only GET,HEAD,POST allowed")
        answer = await letters.get(f"{path}/queries")
        assert answer.error == (405, "method_not_allowed", "Only POST allowed")


async def test_queries(letters):
    queries = [{"limit": 1}, {"keys": ["b", "nope"]}, {"startkey": "d", "descending": False}, {"descending": True}]
    answer = await letters.post("_all_docs/queries?descending=true", {"queries": queries})
    rows = [[row["key"] for row in result["rows"]] for result in answer.json["results"]]
    assert rows == [["e"], ["nope", "b"], ["d", "e"], ["e", "d", "c", "b", "a", "_design/x"]]
    assert (await letters.post("_all_docs/queries", {"queries": []})).json == {"results": []}
    assert (await letters.post("_all_docs/queries?group_level=1", {"queries": []})).status == 200
    refused = await letters.post("_all_docs/queries", {"queries": [{"group_level": 1}]})
    assert refused.error == (400, "query_parse_error", "Invalid use of grouping on a map view.")


async def test_text_of_queries(db):
    answer = await db.post("_all_docs/queries", {"queries": [{}, {}]}, Content_Type="text/plain")
    one = b'{"total_rows":0,"offset":0,"rows":[\r\n\r\n]}'
    assert answer.body == b'{"results":[\r\n%b,\r\n%b\r\n]}\n' % (one, one)


@pytest.mark.parametrize(
    ("body", "error", "reason"),
    [
        ({}, "bad_request", "POST body must include `queries` parameter."),
        ({"queries": "x"}, "bad_request", "`queries` member must be an array."),
        ({"queries": [5]}, "bad_request", "A query must be a JSON object."),
        ({"queries": [{}, {"limit": "x"}]}, "query_parse_error", 'Invalid value for integer: <<"x">>'),
        ({"queries": [{"keys": "x"}]}, "query_parse_error", "`keys` must be an array of strings."),
        ({"queries": [{"keys": None}]}, "query_parse_error", "`keys` must be an array of strings."),
    ],
)
async def test_bad_queries(letters, body, error, reason):
    assert (await letters.post("_all_docs/queries", body)).error == (400, error, reason)


async def test_design_docs(letters):
    assert await listed(letters, path="_design_docs") == (0, ["_design/x"])
    assert await listed(letters, "?descending=true&limit=1", path="_design_docs") == (1, ["_design/x"])
    assert (await letters.get("_design_docs")).json["total_rows"] == 1
    body = {"keys": ["_design/x", "a", "_design/q"]}
    assert await listed(letters, body=body, path="_design_docs") == (None, ["_design/x", "_design/q"])
    answer = await letters.post("_design_docs/queries", {"queries": [{"limit": 1}]})
    assert [row["id"] for row in answer.json["results"][0]["rows"]] == ["_design/x"]


async def test_local_docs(letters):
    for name in "yz":
        await letters.put(f"_local/{name}", {"n": name})
    answer = await letters.get("_local_docs?include_docs=true&limit=1")
    assert answer.json == {
        "total_rows": None,
        "offset": None,
        "rows": [
            {
                "id": "_local/y",
                "key": "_local/y",
                "value": {"rev": "0-1"},
                "doc": {"_id": "_local/y", "_rev": "0-1", "n": "y"},
            }
        ],
    }
    assert await listed(letters, "?descending=true", path="_local_docs") == (None, ["_local/z", "_local/y"])
    assert await listed(letters, body={"keys": ["_local/y", "_local/q", "a"]}, path="_local_docs") == (
        None,
        ["_local/y", "_local/q"],
    )


async def test_more_than_a_chunk(db):
    docs = [{"_id": f"d{number:04}", "s": "x" * 100} for number in range(3_000)]
    await db.post("_bulk_docs", {"docs": docs})
    offset, rows = await listed(db, "?include_docs=true")
    assert (offset, rows) == (0, [doc["_id"] for doc in docs])


@pytest.mark.parametrize("query", ["true&att_encoding_info=false", "false&att_encoding_info=true"])
async def test_an_option_of_documents_that_was_true_stays_so(db, query):
    await db.put(
        "d", {"_attachments": {"t": {"data": "aGVsbG8gaGVsbG8gaGVsbG8gaGVsbG8=", "content_type": "text/plain"}}}
    )
    [row] = (await db.get(f"_all_docs?include_docs=true&att_encoding_info={query}")).json["rows"]
    assert row["doc"]["_attachments"]["t"]["encoding"] == "gzip"
