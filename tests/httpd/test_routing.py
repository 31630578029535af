import pytest

from docstore.errors import MethodNotAllowed, NotFound
from docstore.httpd.app import ROUTER
from docstore.httpd.wire.paths import split_path


@pytest.mark.parametrize(
    ("path", "pattern", "doc_id", "rest"),
    [
        ("/", "/", "", ""),
        ("/_up", "/_up", "", ""),
        ("/_all_dbs/", "/_all_dbs", "", ""),
        ("/_node", "/_node", "", ""),
        ("/_node/_local", "/_node/{name}", "", ""),
        ("/_node/_local/_stats", "/_node/{name}/_stats", "", ""),
        ("/_node/_local/_stats/couchdb/httpd", "/_node/{name}/_stats/{path...}", "", "couchdb/httpd"),
        ("/_nope", "/{db}", "", ""),
        ("/favicon.ico", "/favicon.ico", "", ""),
        ("/db", "/{db}", "", ""),
        ("/db/doc", "/{db}/{doc}", "doc", ""),
        ("/_up2/doc", "/{db}/{doc}", "doc", ""),
        ("/db/a%2Fb", "/{db}/{doc}", "a/b", ""),
        ("/db/a/b", "/{db}/{doc}/{path...}", "a", "b"),
        ("/db/a/b%2Fc/d", "/{db}/{doc}/{path...}", "a", "b/c/d"),
        ("/db/_foo", "/{db}/{doc}", "_foo", ""),
        ("/db/_bulk_docs", "/{db}/_bulk_docs", "", ""),
        ("/db/_bulk_docs/x", "/{db}/{doc}/{path...}", "_bulk_docs", "x"),
        ("/db/_all_docs/queries", "/{db}/_all_docs/queries", "", ""),
        ("/db/_compact", "/{db}/_compact", "", ""),
        ("/db/_compact/dd", "/{db}/_compact/{name}", "", ""),
        ("/db/_design", "/{db}/{doc}", "_design", ""),
        ("/db/_design/", "/{db}/{doc}", "_design", ""),
        ("/db/_design/a", "/{db}/_design/{doc}", "_design/a", ""),
        ("/db/_design/a%2Fb", "/{db}/_design/{doc}", "_design/a/b", ""),
        ("/db/_design/a/b/c", "/{db}/_design/{doc}/{path...}", "_design/a", "b/c"),
        ("/db/_design%2Fa", "/{db}/_design%2F{doc}", "_design/a", ""),
        ("/db/_design%2Fa/b", "/{db}/_design%2F{doc}/{path...}", "_design/a", "b"),
        ("/db/_local", "/{db}/_local", "", ""),
        ("/db/_local/", "/{db}/_local", "", ""),
        ("/db/_local/x", "/{db}/_local/{doc}", "_local/x", ""),
        ("/db/_local%2Fx", "/{db}/_local%2F{doc}", "_local/x", ""),
        ("/db/_local/x/y", "/{db}/_local/{doc}/{path...}", "_local/x", "y"),
        ("/db/_local_docs", "/{db}/_local_docs", "", ""),
        ("/db/_designs", "/{db}/{doc}", "_designs", ""),
        ("/db/_conflicts", "/{db}/_conflicts", "", ""),
        ("/db/a/_tree", "/{db}/{doc}/_tree", "a", ""),
        ("/db/a%2Fb/_tree", "/{db}/{doc}/_tree", "a/b", ""),
        ("/db/_x/_tree", "/{db}/{doc}/_tree", "_x", ""),
        ("/db/a/_tree/b", "/{db}/{doc}/{path...}", "a", "_tree/b"),
        ("/db/a/b/_tree", "/{db}/{doc}/{path...}", "a", "b/_tree"),
        ("/db/_design/a/_tree", "/{db}/_design/{doc}/_tree", "_design/a", ""),
        ("/db/_design/a/_tree/b", "/{db}/_design/{doc}/{path...}", "_design/a", "_tree/b"),
        ("/db/_design/_tree", "/{db}/_design/{doc}", "_design/_tree", ""),
        ("/db/_design%2Fa/_tree", "/{db}/_design%2F{doc}/_tree", "_design/a", ""),
        ("/db/_design%2Fa/b/_tree", "/{db}/_design%2F{doc}/{path...}", "_design/a", "b/_tree"),
        ("/db/_local/a/_tree", "/{db}/_local/{doc}/{path...}", "_local/a", "_tree"),
    ],
)
def test_a_path_finds_its_row(path, pattern, doc_id, rest):
    segments = split_path(path)
    row = ROUTER.find(segments)
    assert row.pattern == pattern
    assert row.doc_id(segments) == doc_id
    assert row.rest(segments) == rest or not row.has_rest


@pytest.mark.parametrize("path", ["/_up/x", "/_all_dbs/x/y", "/_node/_local/_config/a/b/c", "/_node/_local/_system/x"])
def test_nothing_below_an_endpoint_of_the_server(path):
    with pytest.raises(NotFound):
        ROUTER.find(split_path(path))


def test_every_row_can_be_reached():
    for row in ROUTER.routes:
        path = (
            row.pattern.replace("{path...}", "x/y").replace("{db}", "db").replace("{doc}", "id").replace("{name}", "n")
        )
        assert ROUTER.find(split_path(path)) is row


def test_head_goes_where_get_goes():
    row = ROUTER.find(["_uuids"])
    assert row.handler("HEAD") is row.handler("GET")
    with pytest.raises(MethodNotAllowed, match="Only POST allowed"):
        ROUTER.find(["db", "_bulk_docs"]).handler("HEAD")


def test_a_method_that_is_not_there():
    with pytest.raises(MethodNotAllowed) as error:
        ROUTER.find(["db", "doc"]).handler("PATCH")
    assert error.value.allowed == "DELETE,GET,HEAD,POST,PUT,COPY"
    assert error.value.reason == "Only DELETE,GET,HEAD,POST,PUT,COPY allowed"
