"""``docstore load``: into a running server by URL and into a folder by name, alike in both."""

import json
import os
import pty
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from docstore.settings import Admin
from docstore.testing import TestNode, run_node_in_thread
from tests.cli.running import PROGRAM, Said, run, run_program, serving

ELEMENTS = Path(__file__).parents[3] / "docs" / "quickstart" / "elements.json"
Load = Callable[..., Said]


@pytest.fixture
def server() -> Iterator[TestNode]:
    with run_node_in_thread() as server:
        yield server


def get(server: TestNode, path: str) -> dict[str, object]:
    with urllib.request.urlopen(f"{server.url}{path}") as reply:
        found = json.load(reply)
    assert isinstance(found, dict)
    return found


@pytest.fixture(params=["url", "name"])
def load(request: pytest.FixtureRequest, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Load]:
    """``load(*arguments)`` into the database "films", reached in one of the two ways."""
    if request.param == "name":
        yield lambda *arguments: run(capsys, "load", "films", "--data", tmp_path / "data", *arguments)
    else:
        with run_node_in_thread() as server:
            yield lambda *arguments: run(capsys, "load", f"{server.url}/films", *arguments)


def summary(said: Said) -> str:
    return said.out.strip().rpartition(": ")[2]


def test_the_data_of_the_quick_start(load: Load) -> None:
    said = load(ELEMENTS)
    assert (said.status, said.err, summary(said)) == (0, "", "118 written, 0 unchanged")
    said = load(ELEMENTS)
    assert (said.status, said.err, summary(said)) == (0, "", "0 written, 118 unchanged")


def test_rows_without_ids_can_be_loaded_twice(load: Load, tmp_path: Path) -> None:
    lines = tmp_path / "rows.jsonl"
    lines.write_text("".join(f'{{"n": {number}}}\n' for number in range(25)))
    assert summary(load(lines, "--batch", "10")) == "25 written, 0 unchanged"
    lines.write_text(lines.read_text() + '{"n": 25}\n')
    assert summary(load(lines, "--batch", "10")) == "1 written, 25 unchanged"


def test_a_load_that_broke_off_goes_on_where_it_was(load: Load, tmp_path: Path) -> None:
    file = tmp_path / "rows.json"
    file.write_text('[{"_id": "a"}, {"_id": "b"}, oops')
    said = load(file)
    assert said.status == 1
    assert said.err.count("\n") == 1
    assert "what came before is loaded" in said.err
    file.write_text('[{"_id": "a"}, {"_id": "b"}, {"_id": "c"}]')
    assert summary(load(file)) == "1 written, 2 unchanged"


def test_a_long_table(load: Load, tmp_path: Path) -> None:
    table = tmp_path / "long.csv"
    table.write_text("n,text\n" + "".join(f"{number},{'x' * number}\n" for number in range(450)))
    assert summary(load(table, "--batch", "200")) == "450 written, 0 unchanged"
    assert summary(load(table, "--batch", "7")) == "0 written, 450 unchanged"


def test_csv_with_an_id_field(load: Load, tmp_path: Path) -> None:
    table = tmp_path / "films.csv"
    table.write_text("code,title,year\na,Alien,1979\nb,Brazil,1985\n,Nameless,2000\n")
    said = load(table, "--id-field", "code")
    assert said.status == 1
    assert summary(said) == "2 written, 0 unchanged, 1 refused"
    assert "row 3" in said.err


def test_columns_of_text(load: Load, tmp_path: Path) -> None:
    table = tmp_path / "shops.csv"
    table.write_text("name,zip,rate\na,1234,1.50\n")
    assert summary(load(table, "--id-field", "name", "--text", "zip")) == "1 written, 0 unchanged"
    rows = tmp_path / "shops.json"
    rows.write_text('[{"_id": "a", "name": "a", "zip": "1234", "rate": 1.5}]')
    assert summary(load(rows)) == "0 written, 1 unchanged"
    said = load(table, "--text", "zipp")
    assert (said.status, said.err.count("\n")) == (1, 1)


def test_documents_that_differ(load: Load, tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text('[{"_id": "a", "n": 1}]')
    load(file)
    file.write_text('[{"_id": "a", "n": 2}]')
    said = load(file)
    assert said.status == 1
    assert summary(said) == "0 written, 0 unchanged, 1 left as they differ in the database"
    assert "(a)" in said.err
    said = load(file, "--update")
    assert (said.status, summary(said)) == (0, "1 written, 0 unchanged")
    assert summary(load(file)) == "0 written, 1 unchanged"


def test_one_bad_document_does_not_stop_the_others(load: Load, tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    rows = [{"_id": f"doc{number}"} for number in range(9)]
    rows[4] = {"_id": "_bad"}
    rows[6] = {"_id": "x", "_wrong": 1}
    file.write_text("\n".join(map(json.dumps, rows)))
    said = load(file)
    assert said.status == 1
    assert summary(said) == "7 written, 0 unchanged, 2 refused"
    assert "row 5 (_bad): illegal_docid" in said.err
    assert "row 7 (x): doc_validation" in said.err


def test_several_files_and_standard_input(server: TestNode, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('[{"_id": "a"}]')
    said = run_program("load", f"{server.url}/films", tmp_path / "a.json", "-", stdin='{"_id": "b"}\n{"_id": "c"}\n')
    assert (said.status, said.err) == (0, "")
    assert get(server, "/films")["doc_count"] == 3


def test_values_arrive_as_they_stand(server: TestNode, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.json").write_text('[{"_id": "a/b?", "big": 123456789012345678901234567890, "one": 1.0}]')
    assert run(capsys, "load", f"{server.url}/films", tmp_path / "a.json").status == 0
    with urllib.request.urlopen(f"{server.url}/films/a%2Fb%3F") as reply:
        assert b'"big":123456789012345678901234567890,"one":1.0' in reply.read()


def test_a_folder_that_a_server_has_is_refused_with_the_url_to_use(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        said = run_program("load", "films", ELEMENTS, "--data", tmp_path)
        assert said.status == 1
        assert f"{server.url}/films as the target" in said.err
        assert said.err.count("\n") == 1
        assert run_program("load", f"{server.url}/films", ELEMENTS).status == 0


def test_credentials_of_the_url(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with run_node_in_thread(admin=Admin("sue", "p@ss")) as server:
        with_user = server.url.replace("://", "://sue:p%40ss@") + "/films"
        assert run(capsys, "load", with_user, ELEMENTS).status == 0
        said = run(capsys, "load", f"{server.url}/films", ELEMENTS)
        assert said.status == 1
        assert "401 unauthorized" in said.err
        wrong = run(capsys, "load", server.url.replace("://", "://sue:wrong@") + "/films", ELEMENTS)
        assert wrong.status == 1
        assert "wrong" not in wrong.err


def test_a_server_that_is_not_there(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("docstore.cli.targets.url_target.PAUSES_SECONDS", (0.0,))
    with run_node_in_thread() as gone:
        url = gone.url
    said = run(capsys, "load", f"{url}/films", ELEMENTS)
    assert said.status == 1
    assert said.err.startswith(f"docstore: no answer from {url}/films")
    assert said.err.count("\n") == 1


def test_a_bad_database_name(load: Load, capsys: pytest.CaptureFixture[str], server: TestNode) -> None:
    said = run(capsys, "load", f"{server.url}/BAD", ELEMENTS)
    assert said.status == 1
    assert "illegal_database_name" in said.err
    assert said.err.count("\n") == 1


def test_killed_in_the_middle_it_is_taken_up_again(server: TestNode) -> None:
    lines = [f'{{"n": {number}}}\n' for number in range(100)]
    url = f"{server.url}/films"
    command = [PROGRAM, "load", url, "-", "--batch", "10"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as loading:
        assert loading.stdin is not None
        loading.stdin.writelines(lines[:55])
        loading.stdin.flush()
        wait_for(lambda: doc_count(server) == 50)
        loading.kill()
    said = run_program("load", url, "-", stdin="".join(lines))
    assert (said.status, summary(said)) == (0, "50 written, 50 unchanged")
    assert doc_count(server) == 100


def doc_count(server: TestNode) -> object:
    try:
        return get(server, "/films")["doc_count"]
    except urllib.error.HTTPError as error:
        error.close()
        return None


def wait_for(holds: Callable[[], bool]) -> None:
    ends = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < ends


def test_the_progress_bar_is_for_terminals(server: TestNode) -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        command = [PROGRAM, "load", f"{server.url}/films", ELEMENTS]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs) as loading:
            os.close(theirs)
            shown = b""
            with suppress(OSError):  # how Linux tells that the other side has closed
                while chunk := terminal.read(4096):
                    shown += chunk
            assert loading.stdout is not None
            assert b"118 written" in loading.stdout.read()
    assert b"elements.json" in shown
    assert run_program("load", f"{server.url}/films", ELEMENTS).err == ""
