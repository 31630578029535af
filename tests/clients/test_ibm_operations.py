"""Every operation of IBM's SDK for Python against a server that looks like Cloudant."""

import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest
from ibm_cloud_sdk_core import ApiException
from ibmcloudant.cloudant_v1 import CloudantV1

from docstore.httpd.app import ROUTER
from docstore.testing import TestNode
from tests.clients.ibm_operations import OPERATIONS, cloudant_server, prepared

pytestmark = pytest.mark.clients

PAGE = Path(__file__).parents[2] / "docs" / "cloudant.md"
NEED_SEARCH = frozenset(
    {
        "get_search_disk_size",
        "get_search_info",
        "post_partition_search",
        "post_partition_search_as_stream",
        "post_search",
        "post_search_analyze",
        "post_search_as_stream",
    }
)
IS_SEARCHED = any("_search_info" in route.pattern for route in ROUTER.routes)


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[TestNode, CloudantV1]]:
    with cloudant_server() as running:
        yield running


def names() -> set[str]:
    """The operations that the SDK has."""
    methods = vars(CloudantV1).items()
    return {name for name, value in methods if inspect.isfunction(value) and not name.startswith("_")}


def test_none_is_left_out() -> None:
    assert set(OPERATIONS) == names()
    assert len(OPERATIONS) == 100


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation(server: tuple[TestNode, CloudantV1], name: str) -> None:
    if name in NEED_SEARCH and not IS_SEARCHED:
        pytest.skip("there is no search")
    node, service = server
    operation = OPERATIONS[name]
    with prepared(node, service) as own:
        if operation.refused:
            with pytest.raises(ApiException) as refusal:
                operation.call(own)
            assert refusal.value.status_code == operation.status
            assert operation.refused in str(refusal.value.message)
            return
        answer = operation.call(own)
        assert answer.get_status_code() == operation.status
        assert operation.check(answer.get_result())
    assert answer.get_headers()["X-Cloudant-Action"].startswith("cloudantnosqldb.")
    assert node.journal.requests(operation=name)


def test_the_page_has_all_of_them() -> None:
    page = PAGE.read_text()
    for name in OPERATIONS:
        assert f"| `{name}` |" in page, name
