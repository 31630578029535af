"""Full-text search as IBM's SDK asks for it, with its pagers."""

from collections.abc import Iterator
from typing import Any

import pytest
from ibmcloudant.cloudant_v1 import CloudantV1, DesignDocument, SearchIndexDefinition
from ibmcloudant.features.pagination import PagerType, Pagination

from docstore.settings import Admin
from docstore.testing import TestNode, run_node_in_thread
from tests.clients.people import NAME, PASSWORD, cloudant_with

pytestmark = pytest.mark.clients

FUNCTION = (
    "function (doc) { index('default', doc.name, {store: true}); index('age', doc.age, {facet: true}); "
    "index('tag', doc.tag, {facet: true}); }"
)
PEOPLE: list[dict[str, Any]] = [
    {"_id": f"p{number:03}", "name": f"person number{number % 7}", "age": number, "tag": "ab"[number % 2]}
    for number in range(60)
]


@pytest.fixture(scope="module")
def server() -> Iterator[TestNode]:
    with run_node_in_thread(admin=Admin(NAME, PASSWORD)) as server:
        yield server


@pytest.fixture(scope="module")
def cloudant(server: TestNode) -> CloudantV1:
    """IBM's client, with a database of sixty people and one of them in partitions, each with an index."""
    client = cloudant_with(server, PEOPLE)
    design = DesignDocument(indexes={"people": SearchIndexDefinition(index=FUNCTION)})
    for name in ("people", "parts"):
        client.put_design_document(db=name, ddoc="by", design_document=design).get_result()
    return client


def test_post_search(cloudant: CloudantV1) -> None:
    found = cloudant.post_search(
        db="people",
        ddoc="by",
        index="people",
        query="number3 AND age:[10 TO 40]",
        sort=["-age<number>"],
        counts=["tag"],
        ranges={"age": {"low": "[0 TO 20]"}},
        highlight_fields=["default"],
        include_docs=True,
        limit=2,
    ).get_result()
    assert found["total_rows"] == 5
    assert [row["id"] for row in found["rows"]] == ["p038", "p031"]
    assert found["rows"][0]["doc"]["age"] == 38
    assert found["rows"][0]["highlights"] == {"default": ["person <em>number3</em>"]}
    assert found["counts"] == {"tag": {"a": 3, "b": 2}}
    assert found["ranges"] == {"age": {"low": 2}}


def test_post_search_in_groups(cloudant: CloudantV1) -> None:
    found = cloudant.post_search(
        db="people", ddoc="by", index="people", query="*:*", group_field="tag", group_sort=["tag<string>"], limit=1
    ).get_result()
    assert [(group["by"], group["total_rows"], len(group["rows"])) for group in found["groups"]] == [
        ("a", 30, 1),
        ("b", 30, 1),
    ]


def test_post_search_as_stream_and_of_a_partition(cloudant: CloudantV1) -> None:
    stream = cloudant.post_search_as_stream(db="people", ddoc="by", index="people", query="number1").get_result()
    assert b'"total_rows":9' in stream.content
    of_partition = {"db": "parts", "partition_key": "a", "ddoc": "by", "index": "people", "query": "number1"}
    assert cloudant.post_partition_search(**of_partition).get_result()["total_rows"] == 9
    assert cloudant.post_partition_search(**of_partition | {"partition_key": "b"}).get_result()["total_rows"] == 0


def test_about_an_index(cloudant: CloudantV1) -> None:
    cloudant.post_search(db="people", ddoc="by", index="people", query="*:*").get_result()
    info = cloudant.get_search_info(db="people", ddoc="by", index="people").get_result()
    assert info["name"] == "_design/by/people"
    assert info["search_index"]["doc_count"] == 60
    size = cloudant.get_search_disk_size(db="people", ddoc="by", index="people").get_result()
    assert size["search_index"]["disk_size"] > 0
    analyzed = cloudant.post_search_analyze(analyzer="english", text="running people").get_result()
    assert analyzed == {"tokens": ["run", "peopl"]}


@pytest.mark.parametrize("sort", [None, ["-age<number>"], ["tag<string>"]])
def test_pagers(cloudant: CloudantV1, sort: list[str] | None) -> None:
    asked: dict[str, Any] = {"db": "people", "ddoc": "by", "index": "people", "query": "person", "limit": 7}
    if sort is not None:
        asked["sort"] = sort
    pages = list(Pagination.new_pagination(cloudant, PagerType.POST_SEARCH, **asked).pages())
    shown = [row["id"] if isinstance(row, dict) else row.id for page in pages for row in page]
    assert sorted(shown) == [person["_id"] for person in PEOPLE]
    assert [len(page) for page in pages][:8] == [7] * 8


def test_pagers_of_partitions(cloudant: CloudantV1) -> None:
    asked = {"db": "parts", "partition_key": "a", "ddoc": "by", "index": "people", "query": "person", "limit": 25}
    rows = list(Pagination.new_pagination(cloudant, PagerType.POST_PARTITION_SEARCH, **asked).rows())
    assert len(rows) == 60
