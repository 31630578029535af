"""Full-text search over HTTP: replies, errors, and what becomes of indexes."""

import asyncio
import threading
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest

from docstore.query.search import damage as damage_module
from docstore.query.search.damage import META, damaged_file
from docstore.query.search.folder import WRITTEN, Folder, make_folder, open_folder, remove_folder, unusable
from docstore.query.search.index import SearchIndex
from docstore.settings import SearchSettings
from docstore.testing import TestNode, run_node
from tests.httpd.asking import Database
from tests.query.search.damaging import spoil_rows
from tests.workers.test_pool import until

# The documents of CouchDB's own test of search.
FRUITS = [
    {"_id": "1", "item": "apple", "place": "kitchen", "state": "new", "price": 0.99},
    {"_id": "2", "item": "banana", "place": "kitchen", "state": "new", "price": 1.49},
    {"_id": "3", "item": "carrot", "place": "kitchen", "state": "old", "price": 0.75},
    {"_id": "4", "item": "date", "place": "lobby", "state": "unknown", "price": 1.25},
]
FUNCTION = """function (doc) {
  index("item", doc.item, {facet: true, store: true});
  index("place", doc.place, {facet: true});
  index("state", doc.state, {facet: true});
  index("price", doc.price, {facet: true});
  index("default", "the " + doc.item + " of " + doc.place, {store: true});
}"""
DESIGN = {"indexes": {"fruits": {"analyzer": {"name": "standard"}, "index": FUNCTION}}}
PATH = "_design/inventory/_search/fruits"


@pytest.fixture
async def fruits(client: aiohttp.ClientSession) -> Database:
    db = await Database(client, "fruits").create()
    assert (await db.ask("POST", "/_bulk_docs", {"docs": FRUITS})).status == 201
    assert (await db.ask("PUT", "/_design/inventory", DESIGN)).status == 201
    return db


async def search(db: Database, **members: Any) -> Any:
    answer = await db.ask("POST", f"/{PATH}", members)
    assert answer.status == 200, answer.body
    return answer.json


def folders(root: Path) -> list[Path]:
    return list(root.iterdir())


def damaged(file: Path) -> None:
    file.write_text("{")


def ids(found: Any) -> list[str]:
    return [row["id"] for row in found["rows"]]


async def test_what_couchdb_tests(fruits: Database) -> None:
    everything = "*:*"
    assert len((await search(fruits, q=everything))["rows"]) == 4
    assert ids(await search(fruits, q=everything, drilldown=[["place", "kitchen"]])) == ["1", "2", "3"]
    drilldown = [["state", "new", "unknown"]]
    assert ids(await search(fruits, q=everything, drilldown=drilldown)) == ["1", "2", "4"]
    assert ids(await search(fruits, q=everything, drilldown=[["state", "old"], ["item", "apple"]])) == []
    answer = await fruits.get(f"{PATH}?q=*:*&drilldown=[%22place%22,%22kitchen%22]&drilldown=[%22state%22,%22new%22]")
    assert ids(answer.json) == ["1", "2"]
    counted = await search(fruits, q=everything, limit=0, counts=["place", "state"])
    assert counted["counts"] == {"place": {"kitchen": 3, "lobby": 1}, "state": {"new": 2, "old": 1, "unknown": 1}}
    ranges = {"price": {"cheap": "[0 TO 0.99]", "expensive": "{0.99 TO Infinity]"}}
    assert (await search(fruits, q=everything, limit=0, ranges=ranges))["ranges"] == {
        "price": {"cheap": 2, "expensive": 2}
    }


async def test_a_row_and_its_members(fruits: Database) -> None:
    found = await search(
        fruits, query="apple~1", include_docs=True, highlight_fields=["default"], include_fields=["item"]
    )
    assert list(found) == ["total_rows", "bookmark", "rows"]
    [row] = found["rows"]
    assert list(row) == ["id", "order", "fields", "highlights", "doc"]
    assert row["fields"] == {"item": "apple"}
    assert row["highlights"] == {"default": ["the <em>apple</em> of kitchen"]}
    assert row["doc"] == (await fruits.get("1")).json


@pytest.mark.parametrize("sort", [None, "price", ["-place<string>", "-price<number>"], "<doc>"])
async def test_bookmarks_go_on_where_a_page_ended(fruits: Database, sort: Any) -> None:
    whole = ids(await search(fruits, q="*:*", sort=sort))
    shown: list[str] = []
    bookmark = None
    for _ in range(5):
        page = await search(fruits, q="*:*", sort=sort, limit=1, bookmark=bookmark)
        shown += ids(page)
        bookmark = page["bookmark"]
    assert shown == whole
    assert sorted(shown) == ["1", "2", "3", "4"]


async def test_groups(fruits: Database) -> None:
    found = await search(fruits, q="*:*", group_field="place<string>", group_sort="-price", sort="price", limit=2)
    assert list(found) == ["total_rows", "groups"]
    assert found["total_rows"] == 4
    assert [(group["by"], group["total_rows"], ids(group)) for group in found["groups"]] == [
        ("kitchen", 3, ["3", "1"]),
        ("lobby", 1, ["4"]),
    ]
    old = await search(fruits, q="*:*", group_by="place", group_limit=1)
    assert (old["total_hits"], len(old["groups"]), old["groups"][0]["total_hits"]) == (4, 1, 3)


@pytest.mark.parametrize(
    ("members", "error", "reason"),
    [
        ({}, "query_parse_error", "Query must include a 'q' or 'query' argument"),
        ({"q": "a)"}, "bad_request", "Cannot parse 'a)': ')' at column 1 closes nothing."),
        ({"q": "*a"}, "bad_request", "Cannot parse '*a': '*' or '?' not allowed as first character in WildcardQuery"),
        ({"q": 5}, "bad_request", "Malformed query syntax"),
        ({"q": "a", "limit": 201}, "query_parse_error", "Value for limit is too large, must not exceed 200"),
        ({"q": "a", "limit": -1}, "query_parse_error", "limit must be greater than or equal to zero"),
        ({"q": "a", "limit": "x"}, "query_parse_error", 'Invalid value for limit: "x"'),
        ({"q": "a", "group_by": "a", "group_limit": 0}, "query_parse_error", "group_limit must be greater than zero"),
        ({"q": "a", "partition": "p"}, "bad_request", "`partition` not supported on this index"),
        ({"q": "a", "bookmark": "x"}, "bad_request", "Invalid bookmark parameter supplied"),
        ({"q": "a", "sort": "a<b>"}, "bad_request", "Unrecognized type: b"),
        ({"q": "a", "sort": "a b"}, "bad_request", "Unrecognized sort parameter: a b"),
        ({"q": "a", "sort": "<distance,lon,lat,1,2,km>"}, "bad_request", "Sorting by distance is not supported."),
        ({"q": "a", "counts": ["nothing"]}, "bad_request", 'dimension "nothing" was not indexed'),
        ({"q": "a", "counts": ["place"] * 101}, "bad_request", "counts has more than 100 fields."),
        ({"q": "a", "drilldown": [["a", "b"]] * 101}, "bad_request", "drilldown has more than 100 values."),
        ({"q": "a", "counts": "a"}, "bad_request", '"a" is not a valid counts query'),
        ({"q": "a", "ranges": {"price": {"a": "b"}}}, "bad_request", "b was not a well-formed range specification"),
        ({"q": "a", "ranges": {"price": {"a": "[x TO y]"}}}, "bad_request",
         "[x TO y] was not a well-formed range specification"),
        ({"q": "a", "drilldown": [["place"]]}, "bad_request", 'invalid drilldown query ["place"]'),
        ({"q": "a", "group_field": "a<number>"}, "bad_request",
         "Group by number not supported. Group by string terms only."),
    ],
)  # fmt: skip
async def test_what_cannot_be_asked(fruits: Database, members: dict[str, Any], error: str, reason: str) -> None:
    assert (await fruits.ask("POST", f"/{PATH}", members)).error == (400, error, reason)


async def test_what_is_not_there(fruits: Database) -> None:
    assert (await fruits.get("_design/inventory/_search/nuts?q=a")).error == (404, "not_found", "nuts not found.")
    assert (await fruits.get("_design/none/_search/nuts?q=a")).status == 404
    assert (await fruits.get("_design/inventory/_search")).error == (400, "bad_request", "path not recognized")
    assert (await fruits.ask("PUT", f"/{PATH}", {})).error == (405, "method_not_allowed", "Only GET,POST allowed")
    await fruits.ask("PUT", "/_design/odd", {"indexes": {"a": {}, "b": {"index": FUNCTION, "analyzer": "none"}}})
    reason = "index `a` must have parameter `index`"
    assert (await fruits.get("_design/odd/_search/a?q=a")).error == (400, "invalid_design_doc", reason)
    assert (await fruits.get("_design/odd/_search/b?q=a")).error[:2] == (400, "no_such_analyzer")


async def test_an_index_follows_its_database(fruits: Database, server: TestNode) -> None:
    assert (await search(fruits, q="item:fig"))["total_rows"] == 0
    fig = {"item": "fig", "place": "lobby", "state": "new", "price": 3}
    rev = (await fruits.ask("PUT", "/5", fig)).json["rev"]
    assert ids(await search(fruits, q="item:fig")) == ["5"]
    rev = (await fruits.ask("PUT", "/5", fig | {"item": "grape", "_rev": rev})).json["rev"]
    assert ids(await search(fruits, q="item:fig")) == []
    assert ids(await search(fruits, q="item:grape")) == ["5"]
    assert (await fruits.ask("PUT", "/6", {"item": 7})).status == 201  # for which the function throws
    assert (await search(fruits, q="*:*"))["total_rows"] == 5
    await fruits.ask("DELETE", f"/5?rev={rev}")
    assert (await search(fruits, q="*:*"))["total_rows"] == 4
    winner = (await fruits.get("1")).json["_rev"]
    await fruits.ask("POST", "/_purge", {"1": [winner]})
    assert ids(await search(fruits, q="*:*")) == ["2", "3", "4"]


async def test_of_an_index(fruits: Database) -> None:
    before = (await fruits.get("_design/inventory/_search_info/fruits")).json["search_index"]
    assert (before["doc_count"], before["committed_seq"]) == (0, 0)
    await search(fruits, q="*:*")
    info = (await fruits.get("_design/inventory/_search_info/fruits")).json
    assert info["name"] == "_design/inventory/fruits"
    assert info["search_index"]["doc_count"] == 4
    assert info["search_index"]["pending_seq"] == info["search_index"]["committed_seq"] == 5
    size = (await fruits.get("_design/inventory/_search_disk_size/fruits")).json
    assert size == {"name": info["name"], "search_index": {"disk_size": info["search_index"]["disk_size"]}}


async def test_analyze(client: aiohttp.ClientSession) -> None:
    server = Database(client, "_search_analyze")
    answer = await server.ask("POST", "", {"analyzer": "english", "text": "the running dogs"})
    assert answer.json == {"tokens": ["run", "dog"]}
    perfield = {"name": "keyword"}
    assert (await server.ask("POST", "", {"analyzer": perfield, "text": "a b"})).json == {"tokens": ["a b"]}
    assert (await server.ask("GET", "?analyzer=simple&text=Ab1c")).json == {"tokens": ["ab", "c"]}
    assert (await server.ask("POST", "", {"text": "a"})).error == (
        400,
        "bad_request",
        "analyzer parameter is mandatory",
    )
    assert (await server.ask("POST", "", {"analyzer": "simple"})).error == (
        400,
        "bad_request",
        "text parameter is mandatory",
    )


async def test_partitions(client: aiohttp.ClientSession) -> None:
    db = Database(client, "parted")
    assert (await db.ask("PUT", "?partitioned=true")).status == 201
    docs = [{"_id": f"{'ab'[number % 2]}:{number}", "text": "word"} for number in range(6)]
    await db.ask("POST", "/_bulk_docs", {"docs": docs})
    function = "function (doc) { index('default', doc.text, {facet: true}) }"
    await db.ask("PUT", "/_design/d", {"indexes": {"i": {"index": function}}})
    whole = {"indexes": {"i": {"index": function}}, "options": {"partitioned": False}}
    await db.ask("PUT", "/_design/whole", whole)
    inside = await db.get("_partition/a/_design/d/_search/i?q=word")
    assert ids(inside.json) == ["a:0", "a:2", "a:4"]
    posted = await db.ask("POST", "/_partition/b/_design/d/_search/i", {"q": "_id:b*", "limit": 2})
    assert ids(posted.json) == ["b:1", "b:3"]
    assert len(ids((await db.get("_design/whole/_search/i?q=word")).json)) == 6
    needed = "`partition` parameter is mandatory for queries to this index."
    assert (await db.get("_design/d/_search/i?q=word")).error == (400, "bad_request", needed)
    refused = "`partition` not supported on this index"
    assert (await db.get("_partition/a/_design/whole/_search/i?q=word")).error == (400, "bad_request", refused)
    counts = quote('["default"]')
    assert (await db.get(f"_partition/a/_design/d/_search/i?q=word&counts={counts}")).status == 400


async def test_folders_go_with_what_defined_them(fruits: Database, server: TestNode) -> None:
    root = Path(server.node.settings.data, "search")
    await search(fruits, q="*:*")
    assert len(folders(root)) == 1
    other = await Database(fruits.client, "other").create()
    await other.ask("PUT", "/_design/inventory", DESIGN)
    await search(other, q="*:*")
    assert len(folders(root)) == 2
    rev = (await other.get("_design/inventory")).json["_rev"]
    changed = {"_rev": rev, "indexes": {"fruits": {"index": FUNCTION, "analyzer": "keyword"}}}
    await other.ask("PUT", "/_design/inventory", changed)
    await search(other, q="*:*")
    assert (await other.ask("POST", "/_search_cleanup", {})).status == 202
    assert len(folders(root)) == 2
    await other.ask("DELETE", "")
    await until(lambda: len(folders(root)) == 1)
    assert len(ids(await search(fruits, q="*:*"))) == 4


async def test_an_index_is_asked_for_again_while_its_folder_goes(
    fruits: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    going, go = threading.Event(), threading.Event()

    def slowly(path: Path) -> None:
        going.set()
        assert go.wait(30)
        remove_folder(path)

    await search(fruits, q="*:*")
    monkeypatch.setattr("docstore.query.search.index.remove_folder", slowly)
    rev = (await fruits.get("_design/inventory")).json["_rev"]
    await fruits.ask("DELETE", f"/_design/inventory?rev={rev}")
    cleaning = asyncio.create_task(fruits.ask("POST", "/_search_cleanup", {}))
    await until(going.is_set)
    assert (await fruits.ask("PUT", "/_design/inventory", DESIGN)).status == 201
    asking = asyncio.create_task(search(fruits, q="*:*"))
    for _ in range(20):  # in which it could open what is about to go
        assert (await fruits.get("1")).status == 200
    go.set()
    assert (await cleaning).status == 202
    assert (await asking)["total_rows"] == 4
    assert (await fruits.ask("PUT", "/5", FRUITS[0] | {"_id": "5"})).status == 201
    assert (await search(fruits, q="*:*"))["total_rows"] == 5


async def test_indexes_outlive_the_server_and_may_be_damaged(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for damage in (None, "meta.json", ".managed.json", None):
        async with run_node(data=data) as server, aiohttp.ClientSession(server.url) as client:
            db = Database(client, "fruits")
            if (await db.get("")).status != 200:
                await db.create()
                await db.ask("POST", "/_bulk_docs", {"docs": FRUITS})
                await db.ask("PUT", "/_design/inventory", DESIGN)
            assert len(ids(await search(db, q="*:*"))) == 4
        if damage is not None:
            [folder] = folders(data / "search")
            damaged(folder / damage)


@pytest.mark.parametrize("asked", ["apple", "/apple?/"])  # the second by another process
async def test_a_folder_that_somebody_removed_is_built_anew(fruits: Database, server: TestNode, asked: str) -> None:
    assert ids(await search(fruits, q="item:apple")) == ["1"]
    [path] = await asyncio.to_thread(folders, server.settings.data / "search")
    await asyncio.to_thread(remove_folder, path)
    if asked == "apple":
        assert (await fruits.ask("PUT", "/5", {**FRUITS[0], "_id": "5"})).status == 201
    found = ids(await search(fruits, q=f"item:{asked}", sort="_id<string>"))
    assert found == (["1", "5"] if asked == "apple" else ["1"])
    assert (await fruits.ask("PUT", "/6", {**FRUITS[0], "_id": "6"})).status == 201
    assert "6" in ids(await search(fruits, q="item:apple"))


async def two_segments(db: Database, server: TestNode) -> tuple[SearchIndex, Path]:
    """An index of four documents and a later one; the last segment has the index's state."""
    await search(db, q="*:*")
    assert (await db.ask("PUT", "/5", FRUITS[0] | {"_id": "5"})).status == 201
    assert (await search(db, q="*:*"))["total_rows"] == 5
    [index] = server.node.query.searches._indexes.values()
    return index, index.path


@pytest.mark.parametrize("asked", ["apple", "/apple?/"])  # the second by another process
@pytest.mark.parametrize("stale", [None, "ok"])
async def test_a_damaged_index_is_built_anew(
    fruits: Database, server: TestNode, asked: str, stale: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    index, path = await two_segments(fruits, server)
    await index.rest()  # else tantivy has the old file before it
    spoilt = spoil_rows(path)
    await asyncio.to_thread(opened_still, index)
    assert ids(await search(fruits, q=f"item:{asked}", sort="_id<string>", stale=stale)) == ["1", "5"]
    assert damage_told(caplog) == [f"{spoilt} of {path} is damaged; the search index is built anew"]
    assert damaged_file(path) is None
    assert (await fruits.ask("PUT", "/6", FRUITS[0] | {"_id": "6"})).status == 201
    assert (await search(fruits, q="item:apple"))["total_rows"] == 3


def opened_still(index: SearchIndex) -> None:
    """It is damage that only shows later."""
    assert open_folder(index.path, index.database.environment.epoch) is not None


def damage_told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if "is damaged" in record.getMessage()]


async def test_damage_that_many_find_is_mended_once(
    fruits: Database, server: TestNode, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    index, path = await two_segments(fruits, server)
    await index.rest()
    spoil_rows(path)
    made: list[Path] = []

    def counted(path: Path, epoch: int, columns: int) -> Folder:
        made.append(path)
        return make_folder(path, epoch, columns)

    monkeypatch.setattr("docstore.query.search.index.make_folder", counted)
    found = await asyncio.gather(*(search(fruits, q="item:apple", stale=stale) for stale in ("ok", None) * 4))
    assert [sorted(ids(one)) for one in found] == [["1", "5"]] * 8
    assert made == [path]
    assert len(damage_told(caplog)) == 1


async def test_an_update_that_meets_damage(
    fruits: Database, server: TestNode, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, path = await two_segments(fruits, server)
    spoilt = spoil_rows(path)
    write = Folder.write

    def fails(self: Folder, *args: Any, **members: Any) -> None:
        if damaged_file(path) is not None:
            raise unusable("here")
        write(self, *args, **members)

    monkeypatch.setattr(Folder, "write", fails)
    assert (await fruits.ask("PUT", "/6", FRUITS[0] | {"_id": "6"})).status == 201
    assert sorted(ids(await search(fruits, q="item:apple"))) == ["1", "5", "6"]
    assert damage_told(caplog) == [f"{spoilt} of {path} is damaged; the search index is built anew"]


async def test_what_fails_on_sound_files_builds_nothing_anew(
    fruits: Database, server: TestNode, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    index, path = await two_segments(fruits, server)
    meta = (path / META).read_bytes()
    read: list[str] = []
    is_sound = damage_module._is_sound

    def reads(file: Path) -> bool:
        read.append(file.name)
        return is_sound(file)

    def fails(*_: object) -> None:
        raise unusable("here")

    with monkeypatch.context() as broken:
        broken.setattr("docstore.query.search.asking.answer", fails)
        broken.setattr(damage_module, "_is_sound", reads)
        refused = await fruits.ask("POST", f"/{PATH}", {"q": "item:apple"})
        assert refused.error == (500, "storage_failed", "The search index cannot be used: here")
        assert set(read) == set(damage_module._named(path) or ())
        both = [fruits.ask("POST", f"/{PATH}", {"q": "item:apple"}) for _ in range(8)]
        assert [one.status for one in await asyncio.gather(*both)] == [500] * 8
        assert len(read) == len(set(read))  # what was found sound is not read for each of them
    assert ids(await search(fruits, q="item:apple", sort="_id<string>")) == ["1", "5"]
    assert ((path / META).read_bytes(), damage_told(caplog)) == (meta, [])
    assert index.folder is not None


async def test_damage_that_has_ended_the_process(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Threads of tantivy's that write may do that; the next start must not end alike."""
    data = tmp_path / "data"
    async with run_node(data=data) as server, aiohttp.ClientSession(server.url) as client:
        db = await Database(client, "fruits").create()
        await db.ask("POST", "/_bulk_docs", {"docs": FRUITS})
        await db.ask("PUT", "/_design/inventory", DESIGN)
        _, path = await two_segments(db, server)
    for was_killed in (False, True):
        spoilt = spoil_rows(path) if was_killed else None
        (path / WRITTEN).touch()
        caplog.clear()
        async with run_node(data=data) as server, aiohttp.ClientSession(server.url) as client:
            db = Database(client, "fruits")
            assert (await search(db, q="*:*", limit=0))["total_rows"] == 5
        told = [f"{spoilt} of {path} is damaged; the search index is built anew"] if spoilt else []
        assert damage_told(caplog) == told
        assert not (path / WRITTEN).exists()


async def test_many_ask_and_write_at_the_same_time(fruits: Database) -> None:
    async def write(number: int) -> None:
        fruit = {"item": f"fruit{number}", "place": "x", "state": "y", "price": number}
        assert (await fruits.ask("PUT", f"/w{number}", fruit)).status == 201
        assert f"w{number}" in ids(await search(fruits, q=f"item:fruit{number} OR price:{number}"))

    await asyncio.gather(*(write(number) for number in range(10, 30)))
    assert (await search(fruits, q="place:x"))["total_rows"] == 20


async def test_more_fields_than_columns(tmp_path: Path) -> None:
    settings = SearchSettings(max_columns=32)
    async with run_node(data=tmp_path / "data", search=settings) as server, aiohttp.ClientSession(server.url) as client:
        db = await Database(client, "db").create()
        docs = [{"_id": f"d{number:02}", "at": number} for number in range(40)]
        await db.ask("POST", "/_bulk_docs", {"docs": docs})
        function = "function (doc) { index('f' + doc.at, doc.at); index('t' + doc.at, 'x'); index('all', doc.at) }"
        await db.ask("PUT", "/_design/inventory", {"indexes": {"fruits": {"index": function}}})
        assert ids(await search(db, q="f39:39")) == ["d39"]  # it is searched for, column or not
        assert ids(await search(db, q="f39:[38 TO 40] AND t39:x")) == ["d39"]
        assert ids(await search(db, q="*:*", sort="-all", limit=2)) == ["d39", "d38"]


async def test_without_search(tmp_path: Path) -> None:
    off = SearchSettings(enabled=False)
    async with run_node(data=tmp_path / "data", search=off) as server, aiohttp.ClientSession(server.url) as client:
        db = await Database(client, "fruits").create()
        for path in (f"/{PATH}?q=a", "/_design/inventory/_search_info/fruits", "/_design/inventory/_search"):
            assert (await db.ask("GET", path)).error == (503, "service unavailable", "Search is not available")
