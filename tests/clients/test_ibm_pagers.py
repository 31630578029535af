"""All pagers of IBM's SDK for Python: whatever the page size, each row comes once and in order."""

from collections.abc import Iterator
from typing import Any

import pytest
from ibmcloudant.cloudant_v1 import CloudantV1
from ibmcloudant.features.pagination import PagerType, Pagination

from docstore.httpd.app import ROUTER
from docstore.testing import TestNode
from tests.clients.ibm_operations import DESIGN, PARTED, cloudant_server

pytestmark = pytest.mark.clients

COUNT = 45
IS_SEARCHED = any("_search_info" in route.pattern for route in ROUTER.routes)
DOCS = [{"_id": f"x:{number:03}", "n": number % 7 + 1} for number in range(COUNT)]
PAGERS: dict[PagerType, dict[str, Any]] = {
    PagerType.POST_ALL_DOCS: {"db": "plain"},
    PagerType.POST_DESIGN_DOCS: {"db": "designs"},
    PagerType.POST_VIEW: {"db": "plain", "ddoc": "d", "view": "n", "reduce": False},
    PagerType.POST_FIND: {"db": "plain", "selector": {"n": {"$gt": 0}}},
    PagerType.POST_SEARCH: {"db": "plain", "ddoc": "d", "index": "text", "query": "n:[1 TO 9]"},
    PagerType.POST_PARTITION_ALL_DOCS: {"db": "parts", "partition_key": "x"},
    PagerType.POST_PARTITION_VIEW: {"db": "parts", "partition_key": "x", "ddoc": "d", "view": "n", "reduce": False},
    PagerType.POST_PARTITION_FIND: {"db": "parts", "partition_key": "x", "selector": {"n": {"$gt": 0}}},
    PagerType.POST_PARTITION_SEARCH: {
        "db": "parts",
        "partition_key": "x",
        "ddoc": "d",
        "index": "text",
        "query": "n:[1 TO 9]",
    },
}


@pytest.fixture(scope="module")
def account() -> Iterator[tuple[TestNode, CloudantV1]]:
    with cloudant_server() as (server, service):
        service.put_database("plain")
        service.put_database("parts", partitioned=True)
        service.put_database("designs")
        service.post_bulk_docs("plain", {"docs": [*DOCS, {"_id": "_design/d", **DESIGN}]})
        other = [{"_id": f"y:{number}", "n": 1} for number in range(9)]
        service.post_bulk_docs("parts", {"docs": [*DOCS, *other, {"_id": "_design/d", **PARTED}]})
        service.post_bulk_docs("designs", {"docs": [{"_id": f"_design/d{number:03}"} for number in range(COUNT)]})
        yield server, service


@pytest.fixture
def service(account: tuple[TestNode, CloudantV1]) -> CloudantV1:
    """The client, in a second in which nothing was asked yet: five hundred queries are all that an account may have."""
    server, service = account
    server.clock.advance(2)
    return service


def test_every_kind_is_here() -> None:
    assert set(PAGERS) == set(PagerType)


@pytest.mark.parametrize("limit", [1, 7, 45, 200])
@pytest.mark.parametrize("kind", PAGERS, ids=lambda kind: kind.name)
def test_each_row_comes_once(service: CloudantV1, kind: PagerType, limit: int) -> None:
    if "SEARCH" in kind.name and not IS_SEARCHED:
        pytest.skip("there is no search")
    pagination = Pagination.new_pagination(service, kind, limit=limit, **PAGERS[kind])
    rows = list(pagination.rows())
    ids = [row["_id"] if isinstance(row, dict) else getattr(row, "id", row.to_dict().get("_id")) for row in rows]
    assert len(ids) == len(set(ids))
    expected = COUNT + (kind is PagerType.POST_ALL_DOCS)  # and the design document
    assert len(ids) == expected
    if "VIEW" in kind.name:
        keys = [row.key for row in rows]
        assert keys == sorted(keys)
    pages = [list(page) for page in pagination.pages()]
    assert [len(page) for page in pages[:-1]] == [limit] * (len(pages) - 1)
    assert sum(map(len, pages)) == expected
