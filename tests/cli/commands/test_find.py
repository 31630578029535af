"""``docstore find`` and ``docstore index``: alike wherever the database is."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from docstore.cli.targets import querying
from docstore.testing import run_node_in_thread
from tests.cli.forked import ask
from tests.cli.running import run, run_program

PEOPLE = [
    {"_id": "a", "name": "Ann", "age": 41, "at": {"city": "Ulm"}},
    {"_id": "b", "name": "Bob", "age": 17},
    {"_id": "c", "name": "Cy\u001b[1m", "age": 29, "tags": ["x"]},
]


@pytest.fixture(params=["url", "name"])
def where(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    monkeypatch.setattr(querying, "PAGE", 2)
    with run_node_in_thread(data=tmp_path) as server:
        ask(f"{server.url}/people", "PUT")
        ask(f"{server.url}/people/_bulk_docs", "POST", {"docs": PEOPLE})
        if request.param == "url":
            yield [f"{server.url}/people"]
    if request.param == "name":
        yield ["people", "--data", str(tmp_path)]


def ids(out: str) -> list[str]:
    return [json.loads(line)["_id"] for line in out.splitlines()]


def test_find_and_index(where: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    everything = run(capsys, "find", *where, "{}")
    assert (everything.status, ids(everything.out)) == (0, ["a", "b", "c"]), "in two pages"
    assert everything.err == "warning: No matching index found, create an index to optimize query time.\n"
    assert ids(run(capsys, "find", *where, '{"age": {"$gt": 18}}', "--limit", "1").out) == ["a"]
    assert ids(run(capsys, "find", *where, "{}", "--skip", "1").out) == ["b", "c"]
    unsorted = run(capsys, "find", *where, '{"age": {"$gt": 18}}', "--sort", "age:desc")
    assert unsorted.status == 1
    assert "No index exists for this sort" in unsorted.err

    made = run(capsys, "index", "create", *where, "age:desc", "--ddoc", "by", "--name", "age")
    assert (made.status, made.out) == (0, f"{where[0]}: index by/age created\n")
    assert run(capsys, "index", "create", *where, "age:desc", "--ddoc", "by", "--name", "age").out.endswith("already\n")
    found = run(capsys, "find", *where, '{"age": {"$gt": 18}}', "--sort", "age:desc", "--fields", "name,age")
    assert found.out == '{"name":"Ann","age":41}\n{"name":"Cy\\u001B[1m","age":29}\n'
    assert found.err == ""
    explained = run(capsys, "find", *where, '{"age": 41}', "--explain", "--use-index", "by/age")
    assert json.loads(explained.out)["index"]["name"] == "age"

    adults = ("--partial", '{"age": {"$gte": 18}}')
    assert run(capsys, "index", "create", *where, "name,age", "--name", "adults", *adults).status == 0
    listed = run(capsys, "index", "list", *where)
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in listed.out.splitlines() if "json" in line]
    assert ["by", "age", "json", "age:desc", ""] in rows
    assert [row[1:] for row in rows if row[0] != "by"] == [["adults", "json", "name, age", 'where {"age":{"$gte":18}}']]
    lines = run(capsys, "index", "list", *where, "--json").out.splitlines()
    assert [json.loads(line)["type"] for line in lines] == ["special", "json", "json"]

    assert run(capsys, "index", "delete", *where, "by/age").out == f"{where[0]}: index by/age deleted\n"
    gone = run(capsys, "index", "delete", *where, "age")
    assert (gone.status, gone.err) == (1, f"docstore: {where[0]} has no index 'age'\n")
    assert run(capsys, "index", "delete", *where, "_all_docs").status == 1


def test_a_unique_index(where: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "index", "create", *where, "age", "--unique", "--name", "one").status == 0
    listed = run(capsys, "index", "list", *where)
    assert [line.split("│")[5].strip() for line in listed.out.splitlines() if " one " in line] == ["unique"]


def test_a_table(where: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    said = run(capsys, "find", *where, "{}", "--table", "--fields", "name,at.city,tags,age")
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in said.out.splitlines() if "│" in line]
    assert rows == [["Ann", "Ulm", "", "41"], ["Bob", "", "", "17"], ["Cy\\u001b[1m", "", '["x"]', "29"]]
    assert said.err.endswith(f"{where[0]}: 3 documents\n")
    assert "_rev" in run(capsys, "find", *where, "{}", "--table", "--limit", "1").out
    assert run(capsys, "find", *where, '{"age": 1}', "--table").err.endswith(": 0 documents\n")


def test_refused(where: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    said = run(capsys, "find", *where, '{"a": {"$regex": "("}}')
    assert said.status == 1
    assert said.err.endswith("Bad argument for operator $regex: <<40>>\n")
    for selector in ("{", "[]", "5"):
        assert run(capsys, "find", *where, selector).status == 2
    assert run(capsys, "index", "create", *where).status == 2
    assert run(capsys, "index", "create", *where, "a", "--name", "").status == 0, "as without one"


def test_a_name_that_several_have(capsys: pytest.CaptureFixture[str]) -> None:
    with run_node_in_thread() as server:
        url = f"{server.url}/db"
        ask(url, "PUT")
        for ddoc in ("one", "two"):
            assert run(capsys, "index", "create", url, "a", "--ddoc", ddoc, "--name", "n").status == 0
        said = run(capsys, "index", "delete", url, "n")
        assert said.err == f"docstore: {url} has several indexes 'n': one/n, two/n\n"
        assert run(capsys, "index", "delete", url, "_design/two/n").status == 0
        assert run(capsys, "index", "delete", url, "n").status == 0


def test_a_selector_from_standard_input_and_more_than_a_table_has(tmp_path: Path) -> None:
    with run_node_in_thread(data=tmp_path) as server:
        ask(f"{server.url}/db", "PUT")
        ask(f"{server.url}/db/_bulk_docs", "POST", {"docs": [{"_id": f"{n:03}"} for n in range(101)]})
        said = run_program("find", f"{server.url}/db", "-", "--table", stdin="{}")
    assert "099" in said.out
    assert "100" not in said.out
    assert said.err.endswith("/db: the first 100 documents; there are more (--limit N)\n")
