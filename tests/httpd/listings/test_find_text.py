"""Indexes of the type ``text``, and ``$text``."""

from pathlib import Path
from typing import Any

import aiohttp
import pytest

from docstore.query.search.damage import damaged_file
from docstore.settings import SearchSettings
from docstore.testing import TestNode, run_node
from tests.httpd.asking import Database
from tests.query.search.damaging import spoil_rows

DOCS = [
    {"_id": "a", "title": "Alien", "year": 1979, "cast": [{"name": "Weaver"}], "plot": "a ship answers a call"},
    {
        "_id": "b",
        "title": "Aliens",
        "year": 1986,
        "cast": [{"name": "Weaver"}, {"name": "Biehn"}],
        "plot": "they return",
    },
    {"_id": "c", "title": "Brazil", "year": 1985, "cast": [], "plot": "a form has an error"},
]


@pytest.fixture
async def films(client: aiohttp.ClientSession) -> Database:
    db = await Database(client, "films").create()
    assert (await db.ask("POST", "/_bulk_docs", {"docs": DOCS})).status == 201
    made = await db.ask("POST", "/_index", {"index": {}, "type": "text", "ddoc": "all", "name": "text"})
    assert made.json == {"result": "created", "id": "_design/all", "name": "text"}
    return db


async def find(db: Database, selector: Any, **members: Any) -> Any:
    answer = await db.ask("POST", "/_find", {"selector": selector, **members})
    assert answer.status == 200, answer.body
    return answer.json


def ids(found: Any) -> list[str]:
    return [doc["_id"] for doc in found["docs"]]


async def test_text_and_the_rest_of_the_selector(films: Database) -> None:
    assert ids(await find(films, {"$text": "error"})) == ["c"]
    assert ids(await find(films, {"$text": "weaver"}, sort=["year:number"])) == ["a", "b"]
    assert ids(await find(films, {"$text": "weaver", "year": {"$gt": 1980}})) == ["b"]
    assert ids(await find(films, {"title": {"$beginsWith": "Alien"}}, sort=[{"year:number": "desc"}])) == ["b", "a"]
    assert ids(await find(films, {"cast": {"$elemMatch": {"name": "Biehn"}}})) == ["b"]
    found = await find(films, {"cast": {"$size": 0}}, fields=["title"], execution_stats=True)
    assert found["docs"] == [{"title": "Brazil"}]
    assert found["execution_stats"]["results_returned"] == 1


async def test_pages(films: Database) -> None:
    shown: list[str] = []
    bookmark = None
    for _ in range(4):
        page = await find(films, {"year": {"$gt": 0}}, sort=["year:number"], limit=1, bookmark=bookmark)
        shown += ids(page)
        bookmark = page["bookmark"]
    assert shown == ["a", "c", "b"]
    refused = await films.ask("POST", "/_find", {"selector": {"$text": "a"}, "bookmark": bookmark})
    assert refused.error[:2] == (400, "invalid_bookmark")


async def test_how_it_is_explained(films: Database) -> None:
    told = (await films.ask("POST", "/_explain", {"selector": {"$text": "x", "year": 1979}})).json
    assert (told["index"]["type"], told["index"]["name"]) == ("text", "text")
    assert told["query"] == '+\\$default:"x" +year_3anumber:1979'.replace("\\$", "$")
    assert told["sort"] == "relevance"
    listed = (await films.get("_index")).json["indexes"]
    assert [index["type"] for index in listed] == ["special", "text"]
    assert listed[1]["def"]["fields"] == []


async def test_two_text_indexes_need_a_name(films: Database) -> None:
    await films.ask(
        "POST", "/_index", {"index": {"default_field": {"analyzer": "german"}}, "type": "text", "ddoc": "de"}
    )
    both = {"selector": {"$text": "ship"}}
    assert (await films.ask("POST", "/_find", both)).error[:2] == (400, "multiple_text_indexes")
    assert ids(await find(films, both["selector"], use_index="all")) == ["a"]
    assert (await films.ask("DELETE", "/_index/de/text/none")).status == 404
    [de] = [index for index in (await films.get("_index")).json["indexes"] if index["ddoc"] == "_design/de"]
    assert (await films.ask("DELETE", f"/_index/de/text/{de['name']}")).json == {"ok": True}
    assert ids(await find(films, both["selector"])) == ["a"]


async def test_an_index_of_some_fields_answers_what_it_can(films: Database) -> None:
    assert (await films.ask("DELETE", "/_index/all/text/text")).json == {"ok": True}
    fields = [{"name": "year", "type": "number"}]
    body = {"index": {"fields": fields, "default_field": False}, "type": "text", "name": "years"}
    await films.ask("POST", "/_index", body)
    explained = (await films.ask("POST", "/_explain", {"selector": {"year": 1979}})).json
    assert explained["index"]["name"] == "years"
    assert ids(await find(films, {"year": 1979})) == ["a"]
    assert (await films.ask("POST", "/_explain", {"selector": {"title": "x"}})).json["index"]["type"] == "special"
    none = await films.ask("POST", "/_find", {"selector": {"$text": "ship"}})
    assert none.error == (400, "no_usable_index", "There is no index available for this selector.")


async def test_definitions_that_cannot_be(films: Database) -> None:
    for index, error in (
        ({"fields": [1]}, "invalid_index_fields_definition"),
        ({"default_analyzer": "x"}, "no_such_analyzer"),
    ):
        answer = await films.ask("POST", "/_index", {"index": index, "type": "text"})
        assert answer.error[:2] == (400, error)
    unique = await films.ask("POST", "/_index", {"index": {}, "type": "text", "unique": True})
    assert unique.error[:2] == (400, "invalid_index")


async def test_without_search(tmp_path: Path) -> None:
    off = SearchSettings(enabled=False)
    async with run_node(data=tmp_path / "data", search=off) as server, aiohttp.ClientSession(server.url) as client:
        db = await Database(client).create()
        needs = (503, "required index service unavailable", "text")
        assert (await db.ask("POST", "/_index", {"index": {}, "type": "text"})).error == needs
        assert (await db.ask("POST", "/_find", {"selector": {"$text": "a"}})).error == needs


async def test_as_many_values_as_a_query_may_have_words(db):
    """Each is looked for in two fields."""
    await db.write("a", {"age": 5})
    await db.post("_index", {"index": {}, "type": "text"})
    asked = {"selector": {"age": {"$in": list(range(1000))}}}
    assert [doc["_id"] for doc in (await db.post("_find", asked)).json["docs"]] == ["a"]
    asked["selector"]["age"]["$in"] = list(range(1100))
    assert (await db.post("_find", asked)).error[:2] == (400, "text_search_error")


async def test_a_damaged_index_is_built_anew(films: Database, server: TestNode) -> None:
    selector = {"$text": "weaver"}
    await find(films, selector)
    assert (await films.ask("PUT", "/d", DOCS[0] | {"_id": "d"})).status == 201
    assert ids(await find(films, selector, sort=["year:number"])) == ["a", "d", "b"]
    [index] = server.node.query.searches._indexes.values()
    await index.rest()
    spoil_rows(index.path)
    assert ids(await find(films, selector, sort=["year:number"])) == ["a", "d", "b"]
    assert damaged_file(index.path) is None
