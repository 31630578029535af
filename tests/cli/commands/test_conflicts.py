"""``docstore conflicts``: alike wherever the database is."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from docstore.cli.targets import url_inspection
from docstore.testing import run_node_in_thread
from tests.cli.forked import IDS, WAYS, ask, forked, leaf, other_couchdb, rev
from tests.cli.running import run

Where = Callable[[str], list[str]]


@pytest.fixture(params=WAYS)
def where(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Where]:
    with forked(request.param, tmp_path, monkeypatch) as where:
        yield where


def test_as_json(capsys: pytest.CaptureFixture[str], where: Where) -> None:
    said = run(capsys, "conflicts", *where("db"), "--json")
    assert (said.status, said.err) == (0, "")
    rows = [json.loads(line) for line in said.out.splitlines()]
    assert rows == [{"id": doc_id, "rev": rev(4, "d"), "conflicts": [rev(2, "d")]} for doc_id in IDS]
    limited = run(capsys, "conflicts", *where("db"), "--json", "--limit", "2")
    assert [json.loads(line)["id"] for line in limited.out.splitlines()] == IDS[:2]


def test_as_a_table(capsys: pytest.CaptureFixture[str], where: Where) -> None:
    said = run(capsys, "conflicts", *where("db"))
    assert said.status == 0
    assert said.err.endswith(": 4 documents in conflict\n")
    rows = [line for line in said.out.splitlines() if rev(4, "d") in line]
    assert [row.split("│")[1].strip() for row in rows] == IDS
    assert all(rev(2, "d") in row and "│ 2 " in row for row in rows), "nothing is cut, terminal or not"


def test_a_table_that_is_not_all(capsys: pytest.CaptureFixture[str], where: Where) -> None:
    said = run(capsys, "conflicts", *where("db"), "--limit", "3")
    assert said.out.count(rev(4, "d")) == 3
    assert "the first 3 documents in conflict; there are more (--limit N)" in said.err


def test_a_database_that_is_not_there(capsys: pytest.CaptureFixture[str], where: Where) -> None:
    said = run(capsys, "conflicts", *where("nope"))
    assert said.status == 1
    assert "Database does not exist." in said.err
    assert said.err.count("\n") == 1
    assert run(capsys, "conflicts", *where("nope")).status == 1, "it was not made"


def test_no_conflicts(capsys: pytest.CaptureFixture[str]) -> None:
    with run_node_in_thread() as server:
        ask(f"{server.url}/empty", "PUT")
        said = run(capsys, "conflicts", f"{server.url}/empty")
    assert (said.status, said.out) == (0, "")
    assert said.err.endswith("/empty: 0 documents in conflict\n")


def test_no_data_folder(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    said = run(capsys, "conflicts", "db", "--data", tmp_path / "none")
    assert (said.status, said.err) == (1, f"docstore: {tmp_path}/none is no data folder\n")
    assert not (tmp_path / "none").exists()


def test_a_folder_that_a_server_has(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with run_node_in_thread(data=tmp_path):
        said = run(capsys, "conflicts", "db", "--data", tmp_path)
    assert said.status == 1
    assert "in use" in said.err


@pytest.mark.parametrize("own", [True, False])
def test_many_pages(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, own: bool) -> None:
    for name in ("PAGE", "CHANGES_PAGE", "LOOKED_UP_AT_ONCE"):
        monkeypatch.setattr(url_inspection, name, 2)
    with run_node_in_thread() if own else other_couchdb(monkeypatch) as server:
        ask(f"{server.url}/db", "PUT")
        ids = [f"d{number:02}" for number in range(9)]
        documents = [leaf(doc_id, path) for doc_id in ids for path in ("a", "b")]
        ask(f"{server.url}/db/_bulk_docs", "POST", {"docs": documents, "new_edits": False})
        for limit in (1, 4, 5, 9, 20):
            said = run(capsys, "conflicts", f"{server.url}/db", "--json", "--limit", limit)
            assert [json.loads(line)["id"] for line in said.out.splitlines()] == ids[:limit]
        assert run(capsys, "conflicts", f"{server.url}/db", "--json").out.count("\n") == 9


def test_ids_do_not_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with run_node_in_thread() as server:
        ask(f"{server.url}/db", "PUT")
        documents = [leaf("\x1b[2J[red]x", letter) for letter in "ab"]
        ask(f"{server.url}/db/_bulk_docs", "POST", {"docs": documents, "new_edits": False})
        said = run(capsys, "conflicts", f"{server.url}/db")
    assert "\\u001b[2J[red]x" in said.out
    assert "\x1b" not in said.out


def test_a_server_that_is_no_couchdb(capsys: pytest.CaptureFixture[str]) -> None:
    said = run(capsys, "conflicts", "http://127.0.0.1:9/db/x")
    assert said.status == 2
    assert "must name one database" in said.err
