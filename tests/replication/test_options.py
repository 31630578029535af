"""Options: what is understood, and CouchDB's words for what is not."""

import pytest

from docstore.core.json_text import JsonValue
from docstore.errors import BadRequest
from docstore.replication.endpoint import Endpoint
from docstore.replication.options import (
    CancelRequest,
    InvalidReplication,
    RefusedReplication,
    ReplicationOptions,
    parse_replicate,
    parse_replication,
)

SOURCE, TARGET = "http://host/a", "http://host/b"
ENDS: dict[str, JsonValue] = {"source": SOURCE, "target": TARGET}
OPTIONS = ReplicationOptions(Endpoint(SOURCE + "/"), Endpoint(TARGET + "/"))


def refusal(members: dict[str, JsonValue]) -> InvalidReplication:
    with pytest.raises(InvalidReplication) as refused:
        parse_replication(members)
    return refused.value


def test_defaults_are_couchdbs() -> None:
    assert parse_replicate(ENDS) == parse_replication(ENDS) == OPTIONS
    assert (OPTIONS.worker_processes, OPTIONS.worker_batch_size) == (4, 500)
    assert (OPTIONS.http_connections, OPTIONS.retries_per_request) == (20, 5)
    assert (OPTIONS.connection_timeout, OPTIONS.checkpoint_interval) == (30.0, 30.0)
    assert OPTIONS.use_checkpoints
    assert OPTIONS.use_bulk_get


def test_all_options_are_read() -> None:
    members: dict[str, JsonValue] = {
        "continuous": True,
        "create_target": True,
        "create_target_params": {"q": 1},
        "filter": "d/f",
        "query_params": {"x": 1},
        "since_seq": "5-abc",
        "winning_revs_only": True,
        "use_checkpoints": False,
        "checkpoint_interval": 500,
        "use_bulk_get": False,
        "worker_processes": "2",
        "worker_batch_size": 10,
        "http_connections": 3,
        "connection_timeout": 1500,
        "retries_per_request": 0,
        "socket_options": "[{keepalive, true}]",
        "batch_size": "unknown, and passed over",
        "cancel": False,
        "_replication_id": "abc",
    }
    assert parse_replication(ENDS | members) == ReplicationOptions(
        OPTIONS.source,
        OPTIONS.target,
        continuous=True,
        create_target=True,
        create_target_params={"q": 1},
        filter="d/f",
        query_params={"x": 1},
        since_seq="5-abc",
        winning_revs_only=True,
        use_checkpoints=False,
        checkpoint_interval=0.5,
        use_bulk_get=False,
        worker_processes=2,
        worker_batch_size=10,
        http_connections=3,
        connection_timeout=1.5,
        retries_per_request=0,
    )


def test_large_numbers_are_as_good_as_larger_ones() -> None:
    options = parse_replication(ENDS | {"connection_timeout": 10**300, "worker_batch_size": "999999999999"})
    assert (options.connection_timeout, options.worker_batch_size) == (1_000_000.0, 1_000_000_000)


def test_doc_ids_are_decoded_sorted_and_single() -> None:
    ids: list[JsonValue] = ["b", "a%2Fb", "b", "ä", "100%", "a+b", "%ff"]
    assert parse_replication(ENDS | {"doc_ids": ids}).doc_ids == ("%ff", "100%", "a+b", "a/b", "b", "ä")
    assert parse_replication(ENDS | {"doc_ids": []}).doc_ids == ()
    assert parse_replication(ENDS | {"doc_ids": None, "selector": {"a": 1}}).doc_ids is None


def test_endpoints_are_urls_or_objects() -> None:
    members: dict[str, JsonValue] = {
        "source": {"url": "https://u:p@host:99/db?x=1", "headers": {"b": "2", "a": "1"}},
        "target": {"url": TARGET, "auth": {"basic": {"username": "u", "password": "p"}}},
        "proxy": "http://user:word@proxy:3128",
    }
    options = parse_replication(members)
    assert options.source == Endpoint(
        "https://u:p@host:99/db?x=1", (("a", "1"), ("b", "2")), {}, "http://user:word@proxy:3128"
    )
    assert options.target.url == "http://host/b/"
    assert options.target.credentials == ("u", "p")


def test_proxies_may_differ() -> None:
    options = parse_replication(ENDS | {"source_proxy": "socks5://s:1", "target_proxy": ""})
    assert (options.source.proxy, options.target.proxy) == ("socks5://s:1", None)


def test_a_request_may_name_databases_of_this_server() -> None:
    options = parse_replicate({"source": "a", "target": {"url": "b", "headers": {}}})
    assert isinstance(options, ReplicationOptions)
    assert (options.source, options.target) == (Endpoint("a"), Endpoint("b"))
    assert parse_replication({"source": "a", "target": "b"}, names=True).target == Endpoint("b")


def test_a_cancel_names_a_job_or_what_it_does() -> None:
    assert parse_replicate({"cancel": True, "_local_id": "abc+continuous"}) == CancelRequest(
        ("abc", "+continuous"), None
    )
    for name in ("replication_id", "id"):
        assert parse_replicate({"cancel": True, name: "abc"}) == CancelRequest(("abc", ""), None)
    assert parse_replicate(ENDS | {"cancel": True}) == CancelRequest(None, OPTIONS)


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ({"cancel": "yes"}, "parameter `cancel` must be a boolean"),
        ({"continuous": "yes"}, "parameter `continuous` must be a boolean"),
        ({"create_target": "x"}, "parameter `create_target` must be a boolean"),
        ({"create_target_params": 1}, "parameter `create_target_params` must be a JSON object"),
        ({"winning_revs_only": 1}, "parameter `winning_revs_only` must be a boolean"),
        ({"use_bulk_get": None}, "parameter `use_bulk_get` must be a boolean"),
        ({"query_params": []}, "parameter `query_params` must be an object"),
        ({"doc_ids": "x"}, "parameter `doc_ids` must be an array"),
        ({"selector": 5}, "parameter `selector` must be a JSON object"),
        ({"filter": "_view"}, "Invalid `view` parameter."),
        ({"worker_processes": 0}, "parameter `worker_processes` must be at least 1"),
    ],
)
def test_wrong_options_are_refused_in_couchdbs_words(members: dict[str, JsonValue], sentence: str) -> None:
    refused = refusal(ENDS | members)
    assert (refused.error, refused.reason) == ("bad_request", sentence)
    assert refused.document_reason == f'{{throw,{{bad_request,<<"{sentence}">>}}}}'


@pytest.mark.parametrize(
    ("members", "term"),
    [
        ({"source": 5}, "{error,function_clause}"),
        ({"target": None}, "{error,function_clause}"),
        ({"filter": 5}, "{error,badarg}"),
        ({"worker_batch_size": "many"}, "{error,badarg}"),
        ({"doc_ids": [1]}, "{error,function_clause}"),
        (
            {"doc_ids": ["a"], "filter": "x/y"},
            '{throw,{bad_request,"`doc_ids`,`filter`,`selector` are mutually exclusive"}}',
        ),
        (
            {"proxy": "http://p", "source_proxy": "http://q"},
            '{throw,{bad_request,"`proxy` is mutually exclusive with `source_proxy`"}}',
        ),
    ],
)
def test_documents_are_refused_with_erlang_terms(members: dict[str, JsonValue], term: str) -> None:
    assert refusal(ENDS | members).document_reason == term


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ({}, "Missing replicator database"),
        ({"source": SOURCE}, "Missing replicator database"),
        ({"source": "a", "target": TARGET}, "local_endpoints_not_supported"),
        ({"source": {"url": 5}, "target": TARGET}, "endpoint has an invalid url"),
        ({"source": {}, "target": TARGET}, "endpoint has an invalid url"),
        ({"source": {"url": "ftp://host/db"}, "target": TARGET}, "endpoint has an invalid url"),
        (ENDS | {"filter": "none"}, "Invalid filter. Must match `ddocname/filtername`."),
    ],
)
def test_what_is_no_replication_at_all(members: dict[str, JsonValue], sentence: str) -> None:
    refused = refusal(members)
    assert isinstance(refused, RefusedReplication)
    assert (refused.error, refused.reason, refused.document_reason) == ("error", sentence, sentence)


def test_the_first_mistake_is_told() -> None:
    assert "continuous" in refusal({"continuous": 1, "cancel": 1}).reason
    assert "cancel" in refusal({"cancel": 1, "continuous": 1}).reason
    assert refusal({"filter": 5}).reason == "Missing replicator database"


def test_a_wrong_selector_is_refused_as_find_refuses_it() -> None:
    refused = refusal(ENDS | {"selector": {"a": {"$where": 1}}})
    assert (refused.error, refused.reason) == ("not_supported", "Unsupported operator: $where")
    assert refused.document_reason.startswith("{throw,{mango_error,")


def test_a_remote_source_may_know_more_operators() -> None:
    selector = {"a": {"$new": 1}}
    with pytest.raises(InvalidReplication, match="Invalid operator: \\$new"):
        parse_replicate(ENDS | {"source": "a", "selector": selector})
    for remote in ("http://h/a", {"url": "http://h/a"}):
        found = parse_replicate(ENDS | {"source": remote, "selector": selector})
        assert isinstance(found, ReplicationOptions)
        assert found.selector == selector


@pytest.mark.parametrize("body", [None, [], "x", 5])
def test_a_request_is_an_object(body: JsonValue) -> None:
    with pytest.raises(BadRequest, match="Request body must be a JSON object"):
        parse_replicate(body)


@pytest.mark.parametrize(
    "members",
    [
        {"source": {"url": SOURCE, "headers": []}, "target": TARGET},
        {"source": {"url": SOURCE, "headers": {"a": 1}}, "target": TARGET},
        {"source": {"url": SOURCE, "headers": {"A": "b\r\nC: d"}}, "target": TARGET},
        {"source": {"url": SOURCE, "headers": {"A": "b\0"}}, "target": TARGET},
        {"source": {"url": SOURCE, "headers": {"no name": "b"}}, "target": TARGET},
        {"source": {"url": SOURCE, "headers": {"": "b"}}, "target": TARGET},
        {"source": {"url": SOURCE, "auth": "x"}, "target": TARGET},
        {"source": True, "target": TARGET},
        ENDS | {"proxy": "none"},
    ],
)
def test_odd_endpoints_are_refused(members: dict[str, JsonValue]) -> None:
    assert refusal(members).reason
