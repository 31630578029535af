"""Mango as Python clients ask for it: IBM's SDK with its pagers, aiocouch, couchdb3."""

from collections.abc import Iterator
from typing import Any

import aiocouch
import couchdb3
import pytest
from ibm_cloud_sdk_core import ApiException
from ibmcloudant.cloudant_v1 import CloudantV1, IndexDefinition, IndexField
from ibmcloudant.features.pagination import PagerType, Pagination

from docstore.settings import Admin
from docstore.testing import TestNode, run_node_in_thread
from tests.clients.people import NAME, PASSWORD, cloudant_with

pytestmark = pytest.mark.clients

PEOPLE: list[dict[str, Any]] = [
    {"_id": f"p{number:03}", "name": f"person {number % 7}", "age": number, "tags": [number % 2, "all"]}
    for number in range(60)
]


@pytest.fixture(scope="module")
def server() -> Iterator[TestNode]:
    with run_node_in_thread(admin=Admin(NAME, PASSWORD)) as server:
        yield server


@pytest.fixture(scope="module")
def cloudant(server: TestNode) -> CloudantV1:
    """IBM's client, with a database of sixty people and one of them in partitions."""
    return cloudant_with(server, PEOPLE)


def test_an_index_is_made_used_told_and_deleted(cloudant: CloudantV1) -> None:
    definition = IndexDefinition(fields=[IndexField(age="asc")])
    made = cloudant.post_index(db="people", index=definition, ddoc="by", name="age", type="json").get_result()
    assert made == {"result": "created", "id": "_design/by", "name": "age"}
    selector = {"age": {"$gte": 10, "$lt": 13}}
    found = cloudant.post_find(
        db="people", selector=selector, fields=["_id", "age"], sort=[{"age": "desc"}], execution_stats=True
    ).get_result()
    assert found["docs"] == [{"_id": f"p0{age}", "age": age} for age in (12, 11, 10)]
    assert found["execution_stats"]["results_returned"] == 3
    plan = cloudant.post_explain(db="people", selector=selector).get_result()
    assert (plan["index"]["ddoc"], plan["index"]["name"]) == ("_design/by", "age")
    told = cloudant.get_indexes_information(db="people").get_result()
    assert [index["name"] for index in told["indexes"]] == ["_all_docs", "age"]
    assert cloudant.delete_index(db="people", ddoc="by", type="json", index="age").get_result() == {"ok": True}


def test_what_is_refused_is_told(cloudant: CloudantV1) -> None:
    with pytest.raises(ApiException) as refused:
        cloudant.post_find(db="people", selector={"age": {"$nothing": 1}})
    assert refused.value.status_code == 400
    with pytest.raises(ApiException) as refused:
        cloudant.post_find(db="people", selector={"age": 1}, sort=["nothing"])
    assert (refused.value.status_code, "no_usable_index" in str(refused.value.message)) == (400, True)


@pytest.mark.parametrize("limit", [1, 7, 60, 200])
def test_the_pager_of_find_gives_every_document_once(cloudant: CloudantV1, limit: int) -> None:
    pager = Pagination.new_pagination(
        cloudant, PagerType.POST_FIND, db="people", selector={"age": {"$gt": -1}}, limit=limit
    )
    assert sorted(row.to_dict()["_id"] for row in pager.rows()) == [person["_id"] for person in PEOPLE]


def test_partitions(cloudant: CloudantV1) -> None:
    selector = {"age": {"$lt": 3}}
    found = cloudant.post_partition_find(db="parts", partition_key="a", selector=selector).get_result()
    assert [row["_id"] for row in found["docs"]] == ["a:p000", "a:p001", "a:p002"]
    plan = cloudant.post_partition_explain(db="parts", partition_key="a", selector=selector).get_result()
    assert plan["partitioned"] in ("true", True)
    pager = Pagination.new_pagination(
        cloudant, PagerType.POST_PARTITION_FIND, db="parts", partition_key="a", selector={"age": {"$gt": -1}}, limit=25
    )
    assert len({row.to_dict()["_id"] for row in pager.rows()}) == len(PEOPLE)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:aiocouch", "ignore:BasicAuth is", "ignore:The .auth. parameter")
async def test_aiocouch(server: TestNode, cloudant: CloudantV1) -> None:
    async with aiocouch.CouchDB(server.url, user=NAME, password=PASSWORD) as client:
        database = await client["people"]
        found = [document.id async for document in database.find({"tags": {"$all": [1, "all"]}, "age": {"$lt": 6}})]
    assert sorted(found) == ["p001", "p003", "p005"]


def test_couchdb3(server: TestNode, cloudant: CloudantV1) -> None:
    client = couchdb3.Server(server.url, user=NAME, password=PASSWORD)
    database = client.get("people")
    found = database.find({"name": "person 3"}, limit=3, fields=["_id"])
    assert len(found["docs"]) == 3
    plan = database.explain({"name": "person 3"})
    assert plan["index"]["type"] == "special"
    database.save_index({"fields": ["name"]}, ddoc="names", name="names")
    assert "names" in {index["name"] for index in database.indexes()["indexes"]}
