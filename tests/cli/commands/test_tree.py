"""``docstore tree``: alike wherever the database is, but for what a CouchDB does not tell."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from docstore.testing import run_node_in_thread
from tests.cli.forked import IDS, WAYS, ask, fill, forked, leaf, other_couchdb, rev
from tests.cli.running import run

Where = Callable[[str], list[str]]


@pytest.fixture(params=WAYS)
def where(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Where]:
    with forked(request.param, tmp_path, monkeypatch) as where:
        yield where


@pytest.mark.parametrize("doc_id", IDS)
def test_a_drawing(capsys: pytest.CaptureFixture[str], where: Where, doc_id: str) -> None:
    database, *data = where("db")
    said = run(capsys, "tree", database, doc_id, *data)
    assert (said.status, said.err) == (0, "")
    lines = said.out.replace("○", "●").splitlines()
    assert lines[:8] == [
        f'"{doc_id}": 6 revisions, 3 leaves (2 live, 1 deleted), in conflict',
        "",
        f"● {rev(1, 'a')}",
        f"├─◆ {rev(2, 'd')}  conflict",
        f"├─× {rev(2, 'e')}  deleted",
        f"● {rev(2, 'b')}",
        f"● {rev(3, 'c')}",
        f"★ {rev(4, 'd')}  winner",
    ]


def test_as_json_and_svg(capsys: pytest.CaptureFixture[str], where: Where) -> None:
    database, *data = where("db")
    told = json.loads(run(capsys, "tree", database, "plain", *data, "--format", "json").out)
    assert (told["winner"], told["live_leaves"], len(told["nodes"])) == (rev(4, "d"), 2, 6)
    picture = run(capsys, "tree", database, "plain", *data, "--format", "svg").out
    assert len(list(ElementTree.fromstring(picture).iter("{http://www.w3.org/2000/svg}circle"))) == 6


def test_a_deleted_document(capsys: pytest.CaptureFixture[str], where: Where) -> None:
    database, *data = where("db")
    said = run(capsys, "tree", database, "gone", *data)
    assert '"gone": 3 revisions, 2 leaves (0 live, 2 deleted), deleted' in said.out


def test_what_is_not_there(capsys: pytest.CaptureFixture[str], where: Where) -> None:
    database, *data = where("db")
    said = run(capsys, "tree", database, "nope", *data)
    assert said.status == 1
    assert said.err.endswith("db/nope: missing\n")
    database, *data = where("nope")
    said = run(capsys, "tree", database, "plain", *data)
    assert said.status == 1
    assert "Database does not exist." in said.err


def test_a_couchdb_does_not_tell_which_bodies_it_has(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with other_couchdb(monkeypatch) as server:
        fill(server.url)
        told = json.loads(run(capsys, "tree", f"{server.url}/db", "plain", "--format", "json").out)
        assert {node["available"] for node in told["nodes"]} == {None}
        assert "○" not in run(capsys, "tree", f"{server.url}/db", "plain").out


def test_a_long_history_of_a_couchdb(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with other_couchdb(monkeypatch) as server:
        ask(f"{server.url}/db", "PUT")
        trunk = [f"{number:032x}" for number in range(900, 0, -1)]
        documents = [leaf("d", "a")]
        for own, base in ((10, 0), (20, 400)):
            ids = [f"{own:x}{number:030x}" for number in range(own, 0, -1)] + trunk[base:]
            documents.append(
                {"_id": "d", "_rev": f"{len(ids)}-{ids[0]}", "_revisions": {"start": len(ids), "ids": ids}}
            )
        ask(f"{server.url}/db/_bulk_docs", "POST", {"docs": documents, "new_edits": False})
        lines = run(capsys, "tree", f"{server.url}/db", "d").out.splitlines()
    assert lines[0].startswith('"d": 931 revisions, 3 leaves (3 live, 0 deleted)')
    assert len(lines) < 20


def test_a_server_that_answers_something_else(capsys: pytest.CaptureFixture[str]) -> None:
    with run_node_in_thread() as server:
        ask(f"{server.url}/db", "PUT")
        said = run(capsys, "tree", f"{server.url}/db", "d", "--format", "png")
    assert said.status == 2
    assert "'png' is not one of 'text', 'svg', 'json'" in said.err
