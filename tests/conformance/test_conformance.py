"""Every recorded scenario, step by step, against a running server."""

from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest

from docstore.settings import Admin, SearchSettings
from docstore.testing import TestNode, run_node_in_thread
from tests.conformance.not_yet import NOT_YET
from tests.conformance.replay import Replay, Scenario, load_scenarios
from tests.conformance.wire import send
from tests.storage_findings import storage_findings

SCENARIOS = {scenario.name: scenario for scenario in load_scenarios()}
ADMIN = Admin("admin", "pass")  # as in the recordings; one of them sends it in a body
WITHOUT = SearchSettings(enabled=False)
"""The CouchDB that was recorded had no search."""
SYSTEM = ("/_replicator", "/_users")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestNode]:
    data: Path = tmp_path_factory.mktemp("conformance")
    with run_node_in_thread(data=data, admin=ADMIN, search=WITHOUT) as server:
        host = server.url.removeprefix("http://")
        for path in SYSTEM:
            step = {"method": "PUT", "path": path}
            assert send(host, f"{ADMIN.name}:{ADMIN.password}", step, {}).status == HTTPStatus.CREATED
        yield server
        assert storage_findings(server.node) == []


@pytest.fixture(scope="module")
def url(server: TestNode) -> str:
    return server.url.replace("://", f"://{ADMIN.name}:{ADMIN.password}@")


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=lambda scenario: scenario.name)
def test_scenario(url: str, scenario: Scenario) -> None:
    not_yet = NOT_YET.get(scenario.name, {})
    wrong, surprising = [], []
    for result in Replay(url, scenario).run():
        listed = result.index in not_yet
        if result.difference and not listed:
            wrong.append(str(result))
        elif listed and result.difference is None:
            surprising.append(f"step {result.index} passes now: take it off the list ({not_yet[result.index]})")
    assert not wrong + surprising, "\n".join([scenario.name, *wrong, *surprising])


def test_the_list_names_only_steps_that_exist() -> None:
    for name, steps in NOT_YET.items():
        assert name in SCENARIOS
        for index in steps:
            assert "expect" in SCENARIOS[name].steps[index], f"{name} step {index} expects nothing"
