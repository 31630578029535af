"""Requests drawn from the description of the API, and near to it: every one is answered, and none breaks the server.

A 5xx is only what is told on purpose. A database with a document, a design document and an attachment is there, and
half of the paths name it, so that not every request ends at a missing database.
"""

import itertools
import math
from collections import Counter
from typing import Any

import hypothesis
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st

from docstore.testing import TestNode, run_node_in_thread
from tests.storage_findings import storage_findings

SHORT, LONG = 80, 12_000
PARTS = 20
EVERY = 80
"""Of how many operations the short run takes one: to prepare one takes half a second."""
WAITING = ("longpoll", "continuous", "live", "eventsource")
"""Feeds that with a heartbeat, or a timeout of their own, wait for what nobody writes."""
THERE = {
    "db": "db",
    "doc": "doc",
    "view": "view",
    "path": "attachment",
    "partition": "p",
    "name": "_local",
    "section": "couchdb",
    "key": "uuid",
}
ON_PURPOSE = {
    ("not_implemented", 501),
    ("db_not_found", 500),  # of POST /_replicate, as in CouchDB; so is the next
    ("error", 500),
    ("service unavailable", 503),  # of searches
    ("required index service unavailable", 503),
    ("render_error", 500),
    ("compilation_error", 500),
}
Kind = tuple[str, schemathesis.GenerationMode]
"""An operation, and whether requests are as described or not."""

OF_STATUS = {501: "not_implemented", 503: "service unavailable"}
"""The error of a reply without a body."""


@pytest.fixture(scope="module")
def server():
    with run_node_in_thread(changes_timeout=0.02) as server:
        session = requests.Session()

        def put(path: str, **body: Any) -> None:
            assert session.put(f"{server.url}/{path}", **body).status_code == 201

        put("db")
        put("db/doc", json={"n": 1})
        put("db/_design/doc", json={"views": {"view": {"map": "function(doc) { emit(doc._id, doc.n); }"}}})
        put("db/other/attachment", data=b"bytes", headers={"Content-Type": "text/plain"})
        yield server
        assert storage_findings(server.node) == []


def known_paths(draw: st.DrawFn, path: dict[str, str]) -> dict[str, str]:
    """Half of the names are those that are there."""
    return {name: THERE[name] if name in THERE and draw(st.booleans()) else value for name, value in path.items()}


@st.composite
def cases(draw: st.DrawFn, operation: Any, mode: schemathesis.GenerationMode) -> Any:
    case = draw(operation.as_strategy(generation_mode=mode))
    case.path_parameters = known_paths(draw, case.path_parameters or {})
    if case.query and case.query.get("feed") in WAITING:
        case.query = {name: value for name, value in case.query.items() if name not in ("heartbeat", "timeout")}
    return case


def run(
    server: TestNode, count: int, *, first: int = 0, every: int = 1, seed: int = 0, hopeless: set[Kind] | None = None
) -> Counter[int]:
    """About so many requests, as many of each kind; from ``first`` on of one of so many operations.

    There are fewer where an operation has few ways to be asked, or nothing to be wrong about: such kinds are noted as
    ``hopeless``, since it takes half a second to find that out.
    """
    described = requests.get(f"{server.url}/_docstore/openapi.json", timeout=60).json()
    schema = schemathesis.openapi.from_dict(described)
    operations = [result.ok() for result in schema.get_all_operations()][first::every]
    statuses: Counter[int] = Counter()
    hopeless = set() if hopeless is None else hopeless
    kinds = {
        (operation.label, mode): operation
        for operation, mode in itertools.product(operations, schemathesis.GenerationMode)
        if operation.label != "DELETE /{db}"  # what is there stays
    }
    kinds = {kind: operation for kind, operation in kinds.items() if kind not in hopeless}
    for kind, operation in kinds.items():

        @hypothesis.seed(seed)
        @hypothesis.settings(
            max_examples=max(2, math.ceil(count / len(kinds))),
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @hypothesis.given(case=cases(operation, kind[1]))
        def ask(case: Any) -> None:
            reply = case.call(base_url=server.url, timeout=60)
            statuses[reply.status_code] += 1
            if reply.status_code >= 500:
                error = OF_STATUS.get(reply.status_code, "") if case.method == "HEAD" else reply.json()["error"]
                assert (error, reply.status_code) in ON_PURPOSE, (case.as_curl_command(), reply.text)

        try:
            ask()
        except hypothesis.errors.Unsatisfiable:
            hopeless.add(kind)
    return statuses


def test_a_few(server):
    assert run(server, SHORT, every=EVERY).total() >= SHORT // 4


@pytest.mark.long
@pytest.mark.parametrize("part", range(PARTS))
def test_many(server, part):
    count, seed, statuses, hopeless = LONG // PARTS, 0, Counter[int](), set[Kind]()
    while statuses.total() < count:
        wanted = max(count // 4, count - statuses.total())
        more = run(server, wanted, first=part, every=PARTS, seed=seed, hopeless=hopeless)
        assert more.total() > 0
        statuses += more
        seed += 1
