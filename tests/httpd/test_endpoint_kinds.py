"""What endpoints are called, and that classes and actions follow from it as Cloudant tells them."""

import pytest

from docstore.core.cloudant.actions import action_of
from docstore.core.cloudant.throughput import cost_of
from docstore.httpd.app import ROUTER
from docstore.httpd.endpoint_kinds import kind_of
from tests.httpd.cloudant.recorded import RECORDED

NEWER = {"account-uuids.read": "cluster-uuids.execute"}
"""Where IBM's page on access has another name by now than the replies had."""

IS_SEARCHED = any("_search_info" in route.pattern for route in ROUTER.routes)


def kind(path):
    segments = [part for part in path.split("/") if part]
    return kind_of(ROUTER.find(segments), segments), segments


@pytest.mark.parametrize(("method", "path", "request_class", "action"), RECORDED)
def test_classes_and_actions_are_those_of_an_account(method, path, request_class, action):
    if "/_search_" in path and not IS_SEARCHED:
        pytest.skip("there is no search")
    if path.startswith(("/_api", "/_search_analyze")):
        found, segments = "_api", [part for part in path.split("/") if part]
        assert action_of(method, "_search_analyze" if "analyze" in path else found, segments) == action
        return
    found, segments = kind(path)
    partitioned = len(segments) > 3 and segments[1] == "_partition"
    assert cost_of(method, found, partitioned=partitioned).request_class == request_class
    assert action_of(method, found, segments) == NEWER.get(action, action)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", "server"),
        ("/db", "database"),
        ("/db/a", "document"),
        ("/db/a/b/c", "attachment"),
        ("/db/_design/a", "_design"),
        ("/db/_design/a/b", "attachment"),
        ("/db/_local/a", "_local"),
        ("/db/_design/a/_view/v", "_view"),
        ("/db/_partition/p", "_partition"),
        ("/db/_partition/p/_find", "_find"),
        ("/db/_partition/p/_design/a/_view/v", "_view"),
        ("/_node/_local/_stats", "_stats"),
    ],
)
def test_kinds(path, expected):
    assert kind(path)[0] == expected
